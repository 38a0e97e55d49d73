"""`assay log export` and `assay log verify-export`: a part of the log for somebody who has nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.log.tail import SINCE_FORMATS
from gateway.cli.terminal import print_json


@click.command()
@click.option("--since", type=click.DateTime(SINCE_FORMATS), help="From this time on (UTC).")
@click.option("--until", type=click.DateTime(SINCE_FORMATS), help="Before this time (UTC).")
@click.option("--subject", help="Only this episode, key or other subject, each entry with its own proof.")
@click.option(
    "--output", "-o", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder to write to."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(since: datetime | None, until: datetime | None, subject: str | None, output: Path, as_json: bool) -> None:
    """Write a part of the log, with its proofs, for a regulator or an auditor; whatever is under a signed checkpoint.

    The folder explains itself and carries a program that verifies it without Assay.
    """
    from audit.export import export as write
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.errors import StorageError
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    first, last = (None if at is None else at.replace(tzinfo=UTC) for at in (since, until))
    try:
        with migrated_database(settings) as database, database.read() as session:
            made = write(session, log=log, folder=output, at=utc_now(), since=first, until=last, subject=subject)
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}; name another folder") from error
    if as_json:
        print_json(
            {
                "folder": str(output),
                "entries": made.entries,
                "start": made.start,
                "end": made.end,
                "size": made.size,
                "subject": made.subject,
                "unsealed": made.unsealed,
            }
        )
        return
    click.echo(f"{made.entries} entries are in {output}, proven by the checkpoint of size {made.size}.")
    if made.unsealed:
        click.echo(f"{made.unsealed} newer entries are left out: no checkpoint covers them yet.")


@click.command("verify-export")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--vkey", help="The log's verifier key; by default the one that lies in the export.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Demand the quorum of this witness policy.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_export(folder: Path, vkey: str | None, policy: Path | None, as_json: bool) -> None:
    """Check the export in FOLDER offline: digests, signature, and that its entries lead to the signed root."""
    from audit.checkpoint import Verifier
    from audit.export_check import verify_export as check
    from audit.tlog_policy import WitnessPolicy

    demanded = WitnessPolicy.parse(policy.read_bytes()) if policy is not None else None
    found = check(folder, verifier=Verifier.parse(vkey) if vkey else None, policy=demanded)
    if as_json:
        print_json({"origin": found.origin, "size": found.size, "entries": found.entries, "key_given": bool(vkey)})
        return
    click.echo(f"{found.entries} entries of {found.origin}: proven by the checkpoint of size {found.size}")
    if not vkey:
        click.echo("The key came with the export; compare log.vkey with the one that you know.", err=True)
