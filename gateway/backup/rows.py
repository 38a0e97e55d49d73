"""Rows of both databases as lines of JSON, and back: one consistent look, one transaction.

A line is an array of the columns in the order of the file's first line, which names them. Octets are {"b": base64},
times {"t": ISO 8601}; everything else is JSON as it is.
"""

from __future__ import annotations

import base64
import gzip
import importlib
import itertools
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlmodel import Session, SQLModel

import gateway
from gateway.db import Database
from gateway.errors import BackupError

BATCH_ROWS = 500
SUFFIX = ".ndjson.gz"
FOLDER = "rows"
# Who is alive, and which migration this is, are facts of a running database and no rows to keep.
LEFT_OUT = frozenset({"executorlease", "alembic_version"})
DECLARES = b"table=True"  # how a module declares rows


def tables(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables to keep, in an order that foreign keys allow.

    Raises `BackupError` for a table that this version does not know: it would be lost without a word.
    """
    _import_declarations()
    known = {table.name: table for table in SQLModel.metadata.sorted_tables}
    found = set(sa.inspect(connection).get_table_names()) - LEFT_OUT
    if unknown := sorted(found - set(known)):
        raise BackupError(f"this version does not know the tables {', '.join(unknown)}; update Assay")
    return [table for name, table in known.items() if name in found]


def migration_of(connection: sa.Connection) -> str:
    """The migration that the database is at; "" for an empty one."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def write_rows(session: Session, folder: Path) -> dict[str, int]:
    """Write every table as the session sees it, durably, and return how many rows each has."""
    (folder / FOLDER).mkdir()
    written = {}
    for table in tables(session.connection()):
        path = folder / FOLDER / f"{table.name}{SUFFIX}"
        with path.open("wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as file:
                file.write(_line([column.name for column in table.columns]))
                number = 0
                # By primary key: the log's entries can only be put back in their order.
                query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH_ROWS)
                for row in session.execute(query):
                    file.write(_line([_encode(value) for value in row]))
                    number += 1
            raw.flush()
            os.fsync(raw.fileno())
        written[table.name] = number
    return written


def read_rows(session: Session, folder: Path, rows: dict[str, int]) -> None:
    """Put the rows of a backup into an empty, migrated database, in the caller's transaction.

    Raises `BackupError` if they do not fit.
    """
    connection = session.connection()
    expected = tables(connection)
    if missing := sorted(set(rows) - {table.name for table in expected}):
        raise BackupError(f"the backup has tables that this version does not know: {', '.join(missing)}; update Assay")
    for table in expected:
        if table.name not in rows:
            continue
        number = 0
        for batch in _batches(folder / FOLDER / f"{table.name}{SUFFIX}", table):
            number += len(batch)
            _put(connection, table, batch)
        if number != rows[table.name]:
            raise BackupError(f"{table.name} has {number} rows, not {rows[table.name]}; use another backup")
        if connection.dialect.name == "postgresql":
            _move_sequences(connection, table)


def is_empty(database: Database) -> bool:
    """True if the database has no tables at all, of ours or of anybody."""
    with database.reader.connect() as connection:
        return not sa.inspect(connection).get_table_names()


def _import_declarations() -> None:
    """Import every module that declares rows: SQLModel knows the tables of what was imported, and no others."""
    root = Path(gateway.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if DECLARES in path.read_bytes() and path != Path(__file__):
            importlib.import_module(".".join(["gateway", *path.relative_to(root).with_suffix("").parts]))


def _put(connection: sa.Connection, table: sa.Table, batch: list[dict[str, Any]]) -> None:
    if table.name == "audit_head":
        # The migration made the one row that there can be; it may only move forward.
        for row in batch:
            if row["size"]:
                connection.execute(sa.update(table).values(row))
        return
    connection.execute(sa.insert(table), batch)


def _move_sequences(connection: sa.Connection, table: sa.Table) -> None:
    """Let numbers that the database gives go on after those that were put back."""
    for column in table.primary_key.columns:
        sequence = connection.execute(
            sa.text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
        ).scalar()
        if sequence is None:
            continue
        newest = connection.execute(sa.select(sa.func.max(column))).scalar()
        if newest is not None:
            connection.execute(
                sa.text("SELECT setval(CAST(:name AS regclass), :value)"), {"name": sequence, "value": newest}
            )


def _batches(path: Path, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    try:
        with gzip.open(path, "rb") as file:
            names = json.loads(file.readline())
            if set(names) != {column.name for column in table.columns}:
                raise BackupError(f"{path.name} has other columns; restore with the version that made it")
            lines = (dict(zip(names, map(_decode, json.loads(line)), strict=True)) for line in file)
            while batch := list(itertools.islice(lines, BATCH_ROWS)):
                yield batch
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{path.name} of the backup cannot be read: {type(error).__name__}") from error


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _encode(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"b": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, dict):
        return {"j": value}  # so that a document of ours is never taken for octets or a time
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, inside),) = value.items()
        if kind == "b":
            return base64.b64decode(inside, validate=True)
        if kind == "t":
            return datetime.fromisoformat(inside)
        return inside
    return value
