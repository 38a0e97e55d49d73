"""`assay feed`: feeds for single listeners of shows that are not for everybody."""

from __future__ import annotations

import click

from gateway.cli.terminal import console, print_json

OPERATOR = "operator"


@click.group(short_help="Create, list and revoke feeds for single listeners.")
def feed() -> None:
    """Create, list and revoke feeds for single listeners."""


@feed.command()
@click.option("--name", required=True, help="Whose it is.")
@click.option("--show", default=None, help="The one show that it opens; all if not given.")
@click.option("--days", type=click.IntRange(1, 3650), default=None, help="Expire after so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(name: str, show: str | None, days: int | None, as_json: bool) -> None:
    """Create a feed and print its address once; only a hash of its token is stored."""
    from datetime import timedelta

    from gateway.app import build_log, migrated_database, utc_now
    from gateway.listeners import create_feed, listener_url
    from gateway.settings import load_settings

    settings, now = load_settings(), utc_now()
    log = build_log(settings)
    expires = now + timedelta(days=days) if days else None
    with migrated_database(settings) as database, database.write() as session:
        row, token = create_feed(session, name=name, show=show, at=now, log=log, by=OPERATOR, expires_at=expires)
    url = listener_url(settings.public_url, token)
    if as_json:
        print_json({"id": row.id, "url": url, "expires_at": expires.isoformat() if expires else None})
    else:
        click.echo(url)


@feed.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all feeds; their addresses are not stored and cannot be shown."""
    from gateway.app import migrated_database
    from gateway.listeners import list_feeds
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = list_feeds(session)
    if as_json:
        print_json([row.model_dump(mode="json", exclude={"token_digest"}) for row in rows])
        return
    from rich.table import Table

    table = Table("id", "name", "show", "created", "expires", "revoked")
    for row in rows:
        moments = (row.created_at, row.expires_at, row.revoked_at)
        table.add_row(row.id, row.name, row.show or "all", *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments))
    console().print(table)


@feed.command()
@click.argument("feed_id")
def revoke(feed_id: str) -> None:
    """End the feed FEED_ID at once, and forget whose it was."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.listeners import end_feed
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        end_feed(session, feed_id, at=utc_now(), log=log, by=OPERATOR)
    click.echo(f"Feed {feed_id} is revoked.")
