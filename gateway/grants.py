"""What the service may do on PostgreSQL when its role does not own the tables: SQL to print, and to run as the owner.

The migrations run as the owner, the service as a role that can add to the log and never change it: no UPDATE or DELETE
on entries and checkpoints, no TRUNCATE anywhere, and no right to disable a trigger. Everything else it
may read and write. DBOS keeps its own tables in the schema `dbos`, which that role owns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.errors import InvalidRequestError

# What moves forward or is handed on; every table of the log that is not named here takes new rows and nothing else.
_LOG_RIGHTS = {
    "audit_head": "SELECT, UPDATE",
    "audit_tile": "SELECT, INSERT, UPDATE",
    "audit_outbox": "SELECT, INSERT, DELETE",
}


def grants(*, role: str, tables: Iterable[str]) -> list[str]:
    """Return the statements, in order, that let `role` run the service on `tables`; running them again is harmless.

    Raises `InvalidRequestError` for a role that is no plain name: it becomes part of SQL.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", role):
        raise InvalidRequestError("a role is named by lower-case letters, digits and underscores")
    statements = [f"GRANT USAGE ON SCHEMA public TO {role}"]
    for table in sorted(tables):
        rights = "SELECT, INSERT, UPDATE, DELETE"
        if table.startswith("audit_"):
            rights = _LOG_RIGHTS.get(table, "SELECT, INSERT")
        if table == "alembic_version":
            rights = "SELECT"
        statements += [f"REVOKE ALL ON {table} FROM {role}", f"GRANT {rights} ON {table} TO {role}"]
    return [
        *statements,
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"CREATE SCHEMA IF NOT EXISTS dbos AUTHORIZATION {role}",
    ]
