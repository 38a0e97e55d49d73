"""`assay log tail`: the newest events, and those that come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import console

if TYPE_CHECKING:
    from audit.search import Found

POLL_SECONDS = 1.0
SINCE_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@click.command()
@click.option("--count", "-n", default=20, show_default=True, type=click.IntRange(1, 100_000), help="How many events.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new events until interrupted.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind, such as episode.released; may be repeated.")
@click.option("--subject", help="Only this episode, key or other subject.")
@click.option("--actor", help="Only what this actor did.")
@click.option("--since", type=click.DateTime(SINCE_FORMATS), help="Only events from this time on (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: index and event, oldest first.")
def tail(
    count: int,
    follow: bool,
    kinds: tuple[str, ...],
    subject: str | None,
    actor: str | None,
    since: datetime | None,
    as_json: bool,
) -> None:
    """Show the newest events."""
    import signal
    import threading

    from audit.event import EventKind
    from audit.search import Wanted, after, newest
    from gateway.app import migrated_database
    from gateway.settings import load_settings

    known = {kind.value for kind in EventKind}
    if unknown := sorted(set(kinds) - known):
        raise click.BadParameter(f"no event is called {', '.join(unknown)}; docs/audit-log.md lists them all")
    wanted = Wanted(
        kinds=frozenset(EventKind(kind) for kind in kinds),
        subject=subject,
        actor=actor,
        since=None if since is None else since.replace(tzinfo=UTC),
    )
    interrupted = threading.Event()
    if follow:
        # Not by KeyboardInterrupt, which is lost where it falls into a callback of the database driver.
        signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    with migrated_database(load_settings()) as database:
        with database.read() as session:
            found = newest(session, wanted, count=count)
            seen = found[-1].index if found else -1
        _show(found, as_json=as_json, table=not follow)
        while follow and not interrupted.wait(POLL_SECONDS):
            with database.read() as session:
                for one in after(session, wanted, index=seen):
                    seen = one.index
                    _show([one], as_json=as_json, table=False)
    if interrupted.is_set():
        raise click.Abort


def _show(found: Iterable[Found], *, as_json: bool, table: bool) -> None:
    import json

    if as_json:
        for one in found:
            event = json.loads(one.event.canonical())
            click.echo(json.dumps({"index": one.index, "event": event}, ensure_ascii=False))
        return
    rows = [
        (
            str(one.index),
            one.event.at.astimezone(UTC).isoformat()[:19],
            one.event.kind.value,
            one.event.subject,
            one.event.actor,
        )
        for one in found
    ]
    if not table:
        for row in rows:
            click.echo("  ".join(row))
        return
    from rich.table import Table

    shown = Table("index", "time (UTC)", "event")
    shown.add_column("subject", no_wrap=True, min_width=23)  # ids are copied from here, so they are never cut short
    shown.add_column("actor", no_wrap=True, min_width=12)
    for row in rows:
        shown.add_row(*row)
    console().print(shown)
