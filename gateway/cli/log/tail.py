"""`assay log tail`: the newest events."""

from __future__ import annotations

import click

from gateway.cli.terminal import console


@click.command()
@click.option("--count", "-n", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many events.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: index and event, oldest first.")
def tail(count: int, as_json: bool) -> None:
    """Show the newest events."""
    import json

    from audit.store import read_entries, read_head
    from gateway.app import migrated_database
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        size = read_head(session).size
        entries = list(read_entries(session, start=max(0, size - count), end=size))
    events = [(entry.index, json.loads(entry.leaf)) for entry in entries]
    if as_json:
        for index, event in events:
            click.echo(json.dumps({"index": index, "event": event}, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table("index", "time (UTC)", "event")
    table.add_column("subject", no_wrap=True, min_width=23)  # ids are copied from here, so they are never cut short
    table.add_column("actor", no_wrap=True, min_width=12)
    for index, event in events:
        table.add_row(str(index), event["at"][:19], event["kind"], event["subject"], event["actor"])
    console().print(table)
