"""`assay log publish`: write the log's public files now."""

from __future__ import annotations

import click

from gateway.cli.terminal import counting


@click.command()
@click.option("--again", is_flag=True, help="Go over the whole log: write what is missing, name what differs.")
def publish(again: bool) -> None:
    """Publish everything that the newest checkpoint covers; the service does the same by itself."""
    from gateway.app import build_log, build_log_files, migrated_database
    from gateway.settings import load_settings

    settings = load_settings()
    files = build_log_files(settings, build_log(settings))
    with migrated_database(settings) as database, counting("entries") as progress:
        with database.read() as session:
            files.check(session)
        checkpoint = files.publish(database.read, again=again, progress=progress)
    if checkpoint is None:
        click.echo("nothing has been sealed yet, so there is nothing to publish")
    else:
        click.echo(f"{checkpoint.size} entries are published in {files.folder}")
