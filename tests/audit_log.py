"""What tests of the audit log share: engines, tables, events, and a way around the guards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from audit.event import Event, EventKind
from audit.guards import COUNTERSIGNATURE_GUARDS, GUARDS, countersignature_ddl
from audit.log import Log
from audit.store import CHECKPOINTS, COSIGNATURES, ENTRIES, HEAD, OUTBOX, TILES, TIMESTAMPS, append_only_ddl

ORIGIN = "gateway.example/audit"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sqlite_engine(path: Path, *, synchronous: str = "FULL") -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions on its own
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def create_log_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (OUTBOX, ENTRIES, TILES, HEAD, CHECKPOINTS, COSIGNATURES, TIMESTAMPS):
            table.create(connection)
        for statement in (*append_only_ddl(engine.dialect.name), *countersignature_ddl(engine.dialect.name)):
            connection.execute(text(statement))


def drop_guards(engine: Engine, *tables: str) -> None:
    """Do what the owner of the database can always do."""
    with engine.begin() as connection:
        for guard in (*GUARDS, *COUNTERSIGNATURE_GUARDS):
            if tables and guard.table not in tables:
                continue
            on = "" if engine.dialect.name == "sqlite" else f" ON {guard.table}"
            connection.execute(text(f"DROP TRIGGER IF EXISTS {guard.name}{on}"))


def received(number: int) -> dict[str, Any]:
    """Facts of `submission.received`, different for every number."""
    commitment = f"hmac-sha256:{number:064x}"
    return {
        "script_commitment": commitment,
        "plan_commitment": commitment,
        "language": "en",
        "bytes": number,
        "voices": [],
    }


def an_event(number: int = 0, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "kind": EventKind.SUBMISSION_RECEIVED,
        "at": START + timedelta(seconds=number),
        "subject": f"episode-{number}",
        "actor": "system",
        "facts": received(number),
    }
    return Event(**{**values, **changes})


def fill(engine: Engine, log: Log, entries: int, *, start: int = 0) -> None:
    """Append `entries` events in one transaction and seal nothing."""
    with Session(engine) as session, session.begin():
        log.append_all(session, [an_event(start + number) for number in range(entries)])


def seal(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        log.seal(session, at=START)
