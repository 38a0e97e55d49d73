"""Many rows in one statement, each database its own way (SQL).

SQLite runs a prepared insert once per row inside the process. PostgreSQL gets whole columns as arrays: one round trip,
one plan, and triggers that look at a statement run once. Lists of values to compare with go as one parameter too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.orm import Session

from audit.tables import INDEX_TYPE

_ARRAY_TYPES = {int: "bigint[]", bytes: "bytea[]", str: "text[]"}
_TIMES = "timestamptz[]"


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, in order; errors of the database pass through."""
    names = list(rows[0])
    if session.get_bind().dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - our names
        session.connection().exec_driver_sql(statement, [tuple(map(_as_stored, row.values())) for row in rows])
        return
    arrays = [f"%b::{_ARRAY_TYPES.get(type(rows[0][name]), _TIMES)}" for name in names]
    listed = ", ".join(names)
    # `n` keeps the order: PostgreSQL would otherwise be free to number the rows of the outbox as it likes.
    statement = (
        f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM unnest({', '.join(arrays)}) "  # noqa: S608 - our names
        f"WITH ORDINALITY AS given ({listed}, n) ORDER BY n"
    )
    columns = tuple([row[name] for row in rows] for name in names)
    session.connection().exec_driver_sql(statement, columns)


def _as_stored(value: Any) -> Any:
    """Write a time as SQLAlchemy does on SQLite; everything else is stored as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value


def among(session: Session, column: ColumnElement[Any], values: Sequence[int] | Sequence[bytes]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of `values`, which may be thousands."""
    if session.get_bind().dialect.name != "postgresql":
        return column.in_(values)
    kind = BYTEA() if values and isinstance(values[0], bytes) else INDEX_TYPE
    return column == any_(literal(list(values), ARRAY(kind)))
