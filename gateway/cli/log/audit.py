"""`assay log audit`: what an outsider checks about a log, from its published files alone."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import Exit, counting, print_json


@click.command(short_help="Check a published log as an outsider does.")
@click.argument("source")
@click.option("--vkey", help="The log's verifier key; by default the one in this installation's key folder.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare with the checkpoint in this file, and keep the new one there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def audit(context: click.Context, source: str, vkey: str | None, state: Path | None, as_json: bool) -> None:
    """Hash every entry that is published at SOURCE, a folder or URL, and compare all tiles and the signed root.

    With --state it also shows that nothing was changed or removed since the last visit. Needs no database and no keys
    but the log's public one.

    \b
    Exit codes
      0  the files hold exactly the log that was signed
      1  they could not be read, or the checkpoint is not the log's
      6  they diverge, the message says where
    """
    from audit.checkpoint import Verifier, parse_and_verify
    from audit.monitor import audit_files
    from audit.published import read_checkpoint_file, write_checkpoint_file
    from gateway.keys import KeyFiles
    from gateway.logsource import open_source
    from gateway.settings import load_settings

    verifier = Verifier.parse(vkey or KeyFiles(load_settings().keys).public("log.vkey").decode())
    note = read_checkpoint_file(state) if state else None
    previous = parse_and_verify(note, origin=verifier.name, verifiers=(verifier,)) if note is not None else None
    with open_source(source) as fetch, counting("entries") as progress:
        found = audit_files(fetch, verifier=verifier, previous=previous, progress=progress)
    sound = found.divergence is None
    if sound and state is not None:
        write_checkpoint_file(state, found.checkpoint)
    if as_json:
        print_json(
            {
                "sound": sound,
                "origin": found.checkpoint.origin,
                "size": found.checkpoint.size,
                "root": found.checkpoint.root.hex(),
                "entries": found.entries,
                "files": found.files,
                "previous_size": found.previous,
                "divergence": None if found.divergence is None else str(found.divergence),
            }
        )
    elif found.divergence is None:
        since = "" if found.previous is None else f", the first {found.previous} as they were on the last visit"
        click.echo(f"{found.checkpoint.origin}: {found.entries} entries in {found.files} files, as signed{since}")
    else:
        click.echo(f"{found.checkpoint.origin} diverges at {found.divergence}", err=True)
    context.exit(Exit.DONE if sound else Exit.ALTERED)
