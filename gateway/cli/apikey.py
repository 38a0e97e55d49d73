"""`assay apikey`: who may call the API."""

from __future__ import annotations

import click

from gateway.cli.terminal import console, print_json

ROLES = ("submitter", "reviewer", "senior_reviewer", "auditor", "admin")


@click.group(short_help="Create, list and revoke API keys.")
def apikey() -> None:
    """Create, list and revoke API keys."""


@apikey.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the key is for.")
@click.option("--name", required=True, help="Who or what holds it.")
@click.option("--account", default=None, help="Name of the account of the person who holds it.")
@click.option("--days", type=click.IntRange(1, 3650), default=None, help="Expire after so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(role: str, name: str, account: str | None, days: int | None, as_json: bool) -> None:
    """Create a key and print it once; only its hash is stored."""
    from datetime import UTC, datetime, timedelta

    from gateway.accounts import find_account
    from gateway.app import build_log, migrated_database
    from gateway.auth import Role, issue_key
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    now = datetime.now(UTC)
    expires = now + timedelta(days=days) if days else None
    with migrated_database(settings) as database, database.write() as session:
        holder = find_account(session, account).id if account else None
        key = issue_key(session, Role(role), name, now, log=log, expires_at=expires, account_id=holder)
    if as_json:
        print_json({"key": key, "role": role, "name": name, "expires_at": expires.isoformat() if expires else None})
    else:
        click.echo(key)


@apikey.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all keys; secrets are not stored and cannot be shown."""
    from gateway.app import migrated_database
    from gateway.auth import list_keys
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = [
            {
                "id": row.id,
                "role": row.role,
                "name": row.name,
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "revoked_at": row.revoked_at,
                "last_used_at": row.last_used_at,
            }
            for row in list_keys(session)
        ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("id", "role", "name", "created", "expires", "revoked", "last used")
    for row in rows:
        moments = (row[name] for name in ("created_at", "expires_at", "revoked_at", "last_used_at"))
        table.add_row(
            str(row["id"]),
            str(row["role"]),
            str(row["name"]),
            *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments),
        )
    console().print(table)


@apikey.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End the key KEY_ID at once."""
    from datetime import UTC, datetime

    from gateway.app import build_log, migrated_database
    from gateway.auth import end_key
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        end_key(session, key_id, datetime.now(UTC), log=log)
    click.echo(f"Key {key_id} is revoked.")
