"""`assay export`: what has to be handed to others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

DAY = click.DateTime(["%Y-%m-%d"])


@click.group(short_help="Export statements of reasons.")
def export() -> None:
    """Export what has to be handed to others."""


@export.command()
@click.option("--since", type=DAY, required=True, help="First day (UTC).")
@click.option("--until", type=DAY, required=True, help="Day after the last one (UTC).")
@click.option("--text", is_flag=True, help="The words for submitters instead of records.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else print.")
def statements(since: datetime, until: datetime, text: bool, output: Path | None) -> None:
    """Write the statements of reasons of a time, one JSON record of the DSA Transparency Database per line.

    Records name nobody and quote nothing. What was erased since is not among them.
    """
    import json
    from datetime import UTC

    from gateway.app import migrated_database
    from gateway.settings import load_settings
    from gateway.statements import statements_between

    settings = load_settings()
    first, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    if end <= first:
        raise click.UsageError("--until must be a later day than --since")
    with migrated_database(settings) as database, click.open_file(str(output or "-"), "w", encoding="utf-8") as file:
        for one in statements_between(database, first, end, redress=settings.redress):
            file.write(one.text + "\n" if text else json.dumps(one.record, sort_keys=True) + "\n")
