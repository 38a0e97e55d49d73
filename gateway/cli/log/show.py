"""`assay log show`: one entry, or every event of one subject."""

from __future__ import annotations

import click

from gateway.cli.terminal import print_json


@click.command()
@click.argument("subject", metavar="INDEX|EPISODE_ID")
def show(subject: str) -> None:
    """Print the entry with this index, or every event of an episode (or key, or other subject), as JSON."""
    import json

    from sqlalchemy import select

    from audit.store import ENTRIES
    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    with migrated_database(settings) as database, database.read() as session:
        if subject.isascii() and subject.isdecimal():
            leaf = session.execute(select(ENTRIES.c.leaf).where(ENTRIES.c.idx == int(subject))).scalar_one_or_none()
            found = [] if leaf is None else [(int(subject), leaf)]
        else:
            found = [(one.index, one.leaf) for one in build_log(settings).events_for(session, subject)]
    if not found:
        raise NotFoundError(f"the log has no event of '{subject}'")
    print_json([{"index": index, "event": json.loads(leaf)} for index, leaf in found])
