"""`assay log show`: every event of one subject."""

from __future__ import annotations

import click

from gateway.cli.terminal import print_json


@click.command()
@click.argument("episode_id")
def show(episode_id: str) -> None:
    """Print every event of EPISODE_ID as JSON."""
    import json

    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    with migrated_database(settings) as database, database.read() as session:
        events = build_log(settings).events_for(session, episode_id)
    if not events:
        raise NotFoundError(f"the log has no event of '{episode_id}'")
    print_json([{"index": event.index, "event": json.loads(event.leaf)} for event in events])
