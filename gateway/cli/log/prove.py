"""`assay log prove`: proofs that anyone can check offline."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click


@click.command()
@click.argument("subject", metavar="EPISODE_ID|INDEX")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tlog", "cose"]),
    default="tlog",
    show_default=True,
    help="C2SP tlog-proof with entry and cosignatures, or COSE receipt (RFC 9942).",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof to this file.")
@click.option(
    "--all", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the proof of every event here."
)
def prove(subject: str, form: str, out: Path | None, folder: Path | None) -> None:
    """Print the proof that an entry, or the newest event of an episode, is in the log.

    Anybody can check it offline with `assay log verify`, and a COSE receipt with tools for SCITT.
    """
    from audit.event import parse_event
    from gateway.app import build_countersigning, build_log, migrated_database
    from gateway.errors import NotFoundError, StorageError
    from gateway.settings import load_settings

    if out is not None and folder is not None:
        raise click.UsageError("choose one: --out for one proof, --all for every proof of an episode")
    if form == "cose" and out is None and folder is None:
        raise click.UsageError("a COSE receipt is binary: name a file with --out, or a folder with --all")
    settings = load_settings()
    audit_log = build_log(settings)
    with (
        migrated_database(settings) as database,
        closing(build_countersigning(settings, database=database, log=audit_log)) as others,
        database.read() as session,
    ):
        newest = others.shown(session)
        size = newest.size if newest is not None else 0
        if subject.isascii() and subject.isdecimal():
            indexes = [int(subject)]
        else:
            indexes = [event.index for event in audit_log.events_for(session, subject)]
        sealed = [index for index in indexes if index < size]
        if not sealed:
            raise NotFoundError(f"no event of '{subject}' is under a signed checkpoint that may be shown")
        chosen = sealed if folder is not None else sealed[-1:]
        receipts = [audit_log.prove(session, index, newest) for index in chosen]
    contents = [audit_log.cose_receipt(one) if form == "cose" else one.to_text().encode() for one in receipts]
    suffix = "cose" if form == "cose" else "tlog-proof"
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for receipt, content in zip(receipts, contents, strict=True):
                kind = parse_event(receipt.leaf).kind.value
                (folder / f"{receipt.index}-{kind}.{suffix}").write_bytes(content)
            click.echo(f"{len(receipts)} proofs are in {folder}")
        elif out is not None:
            out.write_bytes(contents[0])
        else:
            click.echo(contents[0].decode(), nl=False)
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be written: {error.strerror}") from error
