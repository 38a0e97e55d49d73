"""`assay account`: who may sign in to the console."""

from __future__ import annotations

import click

from gateway.cli.apikey import ROLES
from gateway.cli.terminal import console, print_json


@click.group(short_help="Add, list, disable and reset accounts of the console.")
def account() -> None:
    """Add, list, disable and reset accounts of people who sign in to the console."""


@account.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the person does.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(name: str, role: str, as_json: bool) -> None:
    """Add an account and print a link that signs in once; password and codes are chosen there."""
    from gateway.accounts import add_account, create_link
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.auth import Role
    from gateway.settings import load_settings

    settings, now = load_settings(), utc_now()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        link = create_link(session, add_account(session, name, Role(role), at=now, log=log), at=now)
    _print_link(settings.public_url, link, as_json)


@account.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all accounts."""
    from gateway.accounts import list_accounts
    from gateway.app import migrated_database
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = [
            {
                "name": row.name,
                "id": row.id,
                "role": row.role,
                "issuer": row.issuer,
                "password": row.password_hash is not None,
                "codes": row.codes_secret is not None,
                "created_at": row.created_at,
                "disabled_at": row.disabled_at,
                "signed_in_at": row.signed_in_at,
            }
            for row in list_accounts(session)
        ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("name", "id", "role", "signs in at", "password", "codes", "created", "disabled", "last sign-in")
    for row in rows:
        moments = (row[name] for name in ("created_at", "disabled_at", "signed_in_at"))
        table.add_row(
            str(row["name"]),
            str(row["id"]),
            str(row["role"]),
            str(row["issuer"] or ""),
            "yes" if row["password"] else "",
            "yes" if row["codes"] else "",
            *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments),
        )
    console().print(table)


@account.command()
@click.argument("name")
def disable(name: str) -> None:
    """End the account NAME and all its sessions at once."""
    from gateway.accounts import disable_account
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        disable_account(session, name, at=utc_now(), log=log)
    click.echo(f"Account {name} is disabled.")


@account.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reset(name: str, as_json: bool) -> None:
    """Void password, codes and sessions of NAME, and print a new link that signs in once.

    Somebody who signs in at a provider gets no link: they may come back in from there.
    """
    from gateway.accounts import create_link, reset_account
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.settings import load_settings

    settings, now = load_settings(), utc_now()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        row = reset_account(session, name, at=now, log=log)
        link = create_link(session, row, at=now) if row.issuer is None else None
    if link is not None:
        _print_link(settings.public_url, link, as_json)
    elif as_json:
        print_json({"link": None, "issuer": row.issuer})
    else:
        click.echo(f"Sessions of {name} are over; they may sign in again at {row.issuer}.")


def _print_link(public_url: str, token: str, as_json: bool) -> None:
    address = f"{public_url.rstrip('/')}/console/link/{token}"
    if as_json:
        print_json({"link": address})
    else:
        click.echo(address)
