"""`assay webhook`: who is told of what happens to episodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from gateway.webhooks.courier import Courier
    from gateway.webhooks.endpoints import Endpoints


@click.group(short_help="Add, list, disable and try out webhooks.")
def webhook() -> None:
    """Add, list, disable and try out addresses that are told of what happens to episodes (Standard Webhooks)."""


@webhook.command()
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, help="Kind of event, or group like 'episode.*'; repeatable. None: all."
)
@click.option("--owner", default=None, help="Id of the API key whose submissions it hears of. None: everybody's.")
@click.option("--description", default="", help="For people.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(url: str, events: tuple[str, ...], owner: str | None, description: str, as_json: bool) -> None:
    """Tell URL of what happens from now on, and print the secret that signs it, once."""
    with _opened() as (endpoints, _):
        row, secret = endpoints.add(url, events=events, owner=owner, description=description, by="operator")
    if as_json:
        print_json({"id": row.id, "url": row.url, "events": row.events, "owner": row.owner, "secret": secret})
    else:
        click.echo(f"{row.id}\n{secret}")


@webhook.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all endpoints; secrets are sealed and not shown."""
    from gateway.auth import Caller, Role

    with _opened() as (endpoints, _):
        rows = endpoints.visible(Caller("operator", Role.ADMIN, "operator"))
    if as_json:
        hidden = {"secret", "previous_secret", "previous_until"}
        print_json([row.model_dump(exclude=hidden) for row in rows])
        return
    from rich.table import Table

    table = Table("webhook", "hears of", "standing")
    table.columns[0].overflow = "fold"
    for row in rows:
        standing = f"since {row.created_at:%Y-%m-%d %H:%M}"
        if row.failing_since:
            standing = f"nothing arrived since {row.failing_since:%Y-%m-%d %H:%M}"
        if row.disabled_at:
            standing = f"disabled {row.disabled_at:%Y-%m-%d %H:%M} ({row.disabled_reason})"
        whose = f"of {row.owner}" if row.owner else "everybody's"
        table.add_row(f"{row.id}\n{row.url}", f"{', '.join(row.events) or 'all'}\n{whose}", standing)
    console().print(table)


@webhook.command()
@click.argument("endpoint_id")
def disable(endpoint_id: str) -> None:
    """Send nothing more to ENDPOINT_ID."""
    with _opened() as (endpoints, _):
        endpoints.disable(endpoint_id, by="operator")
    click.echo(f"Webhook {endpoint_id} is disabled.")


@webhook.command()
@click.argument("endpoint_id")
def enable(endpoint_id: str) -> None:
    """Tell ENDPOINT_ID of what happens from now on; what happened meanwhile is not told."""
    with _opened() as (endpoints, _):
        endpoints.enable(endpoint_id, by="operator")
    click.echo(f"Webhook {endpoint_id} is enabled.")


@webhook.command()
@click.argument("endpoint_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(endpoint_id: str, as_json: bool) -> None:
    """Replace the secret of ENDPOINT_ID and print the new one; the old one signs beside it for a day."""
    with _opened() as (endpoints, _):
        secret = endpoints.rotate(endpoint_id, by="operator")
    if as_json:
        print_json({"id": endpoint_id, "secret": secret})
    else:
        click.echo(secret)


@webhook.command()
@click.argument("endpoint_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def test(context: click.Context, endpoint_id: str, as_json: bool) -> None:
    """Send ENDPOINT_ID a message now, and say what it answered."""
    with _opened() as (endpoints, courier):
        waiting = endpoints.try_out(endpoint_id)
        # A worker may be quicker; then it is under way, and the deliveries tell.
        sent = courier.attempt(waiting.id) or waiting
    last = sent.attempts[-1] if sent.attempts else None
    if as_json:
        print_json({"id": sent.id, "standing": sent.standing, "attempt": last})
    elif last is None:
        click.echo(f"A worker is sending message {sent.id}.")
    elif last["status"] is None:
        click.echo(f"Not delivered: {last['error']}.")
    else:
        click.echo(f"The address answered {last['status']} after {last['seconds']} s.")
    context.exit(Exit.FAILED if last is not None and sent.standing != "delivered" else Exit.DONE)


@contextmanager
def _opened() -> Iterator[tuple[Endpoints, Courier]]:
    from gateway.app import build_courier, build_endpoints, build_log, migrated_database, utc_now
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database:
        yield (
            build_endpoints(settings, database=database, log=log, clock=utc_now),
            build_courier(settings, database=database, log=log, clock=utc_now),
        )
