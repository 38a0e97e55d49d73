"""`assay db`: what an operator does with the database besides running the service on it."""

from __future__ import annotations

import click


@click.group(short_help="Prepare the database.")
def db() -> None:
    """Prepare the database."""


@db.command(short_help="SQL that lets a role run the service and never change the log.")
@click.option("--role", required=True, help="PostgreSQL role of the service; it must exist and own no table.")
def grants(role: str) -> None:
    """Print the SQL that lets ROLE run the service on PostgreSQL and never change the log.

    Run this with ASSAY_DATABASE_URL naming the owner of the tables: it migrates the database, and so must every
    later version. Pipe it into psql as the owner, then let the service connect as ROLE.
    """
    import sqlalchemy as sa

    from gateway.app import migrated_database
    from gateway.errors import InvalidRequestError
    from gateway.grants import grants as statements
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database:
        if database.is_sqlite:
            raise InvalidRequestError("SQLite has no roles; set ASSAY_DATABASE_URL to the PostgreSQL database")
        tables = sa.inspect(database.writer).get_table_names()
    for statement in statements(role=role, tables=tables):
        click.echo(f"{statement};")
