"""`assay log prove`: proofs that anyone can check offline."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("subject", metavar="EPISODE_ID|INDEX")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof to this file.")
@click.option(
    "--all", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the proof of every event here."
)
def prove(subject: str, out: Path | None, folder: Path | None) -> None:
    """Print the proof that an entry, or the newest event of an episode, is in the log.

    Anybody can check it offline with `assay log verify`.
    """
    from audit.event import parse_event
    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError, StorageError
    from gateway.settings import load_settings

    if out is not None and folder is not None:
        raise click.UsageError("choose one: --out for one proof, --all for every proof of an episode")
    settings = load_settings()
    audit_log = build_log(settings)
    with migrated_database(settings) as database, database.read() as session:
        newest = audit_log.latest_checkpoint(session)
        size = newest.size if newest is not None else 0
        if subject.isascii() and subject.isdecimal():
            indexes = [int(subject)]
        else:
            indexes = [event.index for event in audit_log.events_for(session, subject)]
        sealed = [index for index in indexes if index < size]
        if not sealed:
            raise NotFoundError(f"no event of '{subject}' is under a signed checkpoint yet")
        chosen = sealed if folder is not None else sealed[-1:]
        receipts = [audit_log.prove(session, index, newest) for index in chosen]
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for receipt in receipts:
                kind = parse_event(receipt.leaf).kind.value
                (folder / f"{receipt.index}-{kind}.tlog-proof").write_text(receipt.to_text())
            click.echo(f"{len(receipts)} proofs are in {folder}")
        elif out is not None:
            out.write_text(receipts[0].to_text())
        else:
            click.echo(receipts[0].to_text(), nl=False)
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be written: {error.strerror}") from error
