"""`assay golden`: scripts whose right decision is known, mixed into the reviewers' queue."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import console, print_json

EXPECTED = ("approve", "request_changes", "reject")
OPERATOR = "operator"


@click.group(short_help="Add, list and retire scripts whose right decision is known.")
def golden() -> None:
    """Add, list and retire golden items: scripts whose right decision is known, mixed into the queue."""


@golden.command()
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", required=True, metavar="KEY-ID", help="API key id of a submitter, whose script it seems to be.")
@click.option("--expect", type=click.Choice(EXPECTED), required=True, help="The right decision.")
@click.option("--because", required=True, help="Why; shown to whoever has decided it.")
def add(script: Path, key: str, expect: str, because: str) -> None:
    """Add the file SCRIPT as a golden item, and print its id. The policy in force screens it first."""
    from gateway.app import build_toolchain, utc_now
    from gateway.errors import InvalidRequestError
    from gateway.quality.golden import Known, add_golden
    from gateway.settings import load_settings

    try:
        text = script.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{script} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    toolchain = build_toolchain(load_settings())
    known = Known(script=text, submitter=key, expected=expect, because=because)
    try:
        with toolchain.database.write() as session:
            item = add_golden(session, known, toolchain=toolchain, by=OPERATOR, at=utc_now())
        click.echo(item.id)
    finally:
        toolchain.close()


@golden.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all golden items, with how often they were shown and decided as they should be."""
    from gateway.app import migrated_database
    from gateway.quality.golden import golden_results
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = [
            {
                "id": item.id,
                "title": item.title,
                "expected": item.expected,
                "shown": shown,
                "answered": answered,
                "right": right,
                "added_at": item.added_at,
                "retired_at": item.retired_at,
            }
            for item, shown, answered, right in golden_results(session)
        ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Column, Table

    table = Table(Column("id", no_wrap=True), "title", "expected", "shown", "answered", "right", "retired")
    for row in rows:
        retired = f"{row['retired_at']:%Y-%m-%d}" if row["retired_at"] else ""
        table.add_row(*(str(row[name]) for name in ("id", "title", "expected", "shown", "answered", "right")), retired)
    console().print(table)


@golden.command()
@click.argument("golden_id")
def retire(golden_id: str) -> None:
    """Put the golden item GOLDEN_ID into the queue no more; what waits there is still decided."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.quality.golden import retire_golden
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        retire_golden(session, golden_id, log=log, by=OPERATOR, at=utc_now())
    click.echo(f"Golden item {golden_id} is retired.")
