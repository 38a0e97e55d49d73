"""`assay log`: read the audit log, and prove what is in it."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import console, print_json


@click.group(short_help="Read the audit log, and prove entries.")
def log() -> None:
    """Read the audit log, and prove what is in it."""


@log.command()
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


@log.command()
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


@log.command()
@click.argument("episode_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof to this file.")
def prove(episode_id: str, out: Path | None) -> None:
    """Print the proof that the newest event of EPISODE_ID is in the log, for `assay log verify` anywhere."""
    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    audit_log = build_log(settings)
    with migrated_database(settings) as database, database.read() as session:
        newest = audit_log.latest_checkpoint(session)
        sealed = [event for event in audit_log.events_for(session, episode_id) if newest and event.index < newest.size]
        if not sealed:
            raise NotFoundError(f"no event of '{episode_id}' is under a signed checkpoint yet")
        text = audit_log.prove(session, sealed[-1].index).to_text()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text)


@log.command()
@click.argument("proof", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vkey", help="The log's verifier key; by default the one in this installation's key folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(proof: Path, vkey: str | None, as_json: bool) -> None:
    """Check the file PROOF offline and print the event that it proves."""
    import json

    from audit.checkpoint import Verifier
    from audit.receipt import Receipt, verify_receipt
    from gateway.keys import KeyFiles
    from gateway.settings import load_settings

    verifier = Verifier.parse(vkey or KeyFiles(load_settings().keys).public("log.vkey").decode())
    receipt = Receipt.from_text(proof.read_text())
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=verifier.name, verifier=verifier)
    event = json.loads(receipt.leaf)
    if as_json:
        print_json({"index": receipt.index, "size": checkpoint.size, "origin": checkpoint.origin, "event": event})
    else:
        click.echo(f"entry {receipt.index} of {checkpoint.size} in {checkpoint.origin}: proven")
        print_json(event)


@log.command()
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
