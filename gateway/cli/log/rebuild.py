"""`assay log rebuild`: bring back what a restored database lacks, from the published files."""

from __future__ import annotations

import click

from gateway.cli.terminal import counting

LISTED = 20  # episodes named at the end; the log has them all


@click.command(short_help="Restore lost entries from the published log.")
@click.option("--from", "source", required=True, metavar="SOURCE", help="The published log: a folder or a URL.")
def rebuild(source: str) -> None:
    """Restore the entries that the database lacks from the published files at SOURCE.

    Stop every process that uses the database first. Everything is verified before anything is written: signature,
    entries, tiles, root, and that the database holds a beginning of it. Then the log goes on where it was shown last.
    The tables beside the log are not restored: episodes that are named at the end need your attention.
    """
    from audit.event import Event, EventKind, Fact
    from audit.rebuild import examine
    from audit.rebuild import rebuild as restore
    from audit.store import read_head
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.logsource import open_source
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    verifier = log.verifier
    with migrated_database(settings) as database, open_source(source) as fetch:
        with database.read() as session:
            head = read_head(session)
        with counting("entries") as progress:
            examined = examine(fetch, head=head, verifier=verifier, progress=progress)
        # If we crash in here, nothing has changed.
        with database.write() as session:
            at = utc_now()
            rebuilt = restore(session, fetch, examined, verifier=verifier, at=at)
            if rebuilt.restored:
                root = rebuilt.checkpoint.root.hex()
                facts: dict[str, Fact] = {"found": head.size, "restored": rebuilt.restored, "checkpoint_root": root}
                log.append(session, Event(EventKind.LOG_REBUILT, at, "log", "system", facts))
    if not rebuilt.restored:
        click.echo(f"nothing is missing: {head.size} entries are stored, {rebuilt.checkpoint.size} are published")
        return
    click.echo(f"{rebuilt.restored} entries restored after {head.size}; the log has {rebuilt.checkpoint.size} entries")
    named = sorted(rebuilt.subjects)
    more = f" and {len(named) - LISTED} more" if len(named) > LISTED else ""
    click.echo(f"the other tables may be behind the log for: {', '.join(named[:LISTED])}{more}")
