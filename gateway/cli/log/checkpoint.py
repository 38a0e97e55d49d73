"""`assay log checkpoint`: the newest signed checkpoint."""

from __future__ import annotations

import click


@click.command()
def checkpoint() -> None:
    """Print the newest signed checkpoint."""
    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    with migrated_database(settings) as database, database.read() as session:
        newest = build_log(settings).latest_checkpoint(session)
    if newest is None:
        raise NotFoundError("nothing has been sealed yet")
    click.echo(newest.note, nl=False)
