"""The application database: two engines, transactions, migrations, and whether the schema is the one we need.

Trust: the database may lose power and come back, but must not reorder commits (`synchronous=FULL`,
`synchronous_commit=on`), or a signed checkpoint could cover entries that are gone.

SQLite reads before it writes nearly everywhere, and the driver would run those reads outside the transaction, losing
updates without an error. So every writing transaction starts with `BEGIN IMMEDIATE` (one writer at a time), and reading
goes through a second engine that never takes the write lock. PostgreSQL uses READ COMMITTED and row locks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from audit.errors import AppendOnlyError
from audit.store import assert_append_only
from gateway.errors import DatabaseUnavailableError

SQLITE_BUSY_MILLISECONDS = 30_000  # longer than any transaction of ours: waiting beats failing
POSTGRES_POOL = 10  # connections per process
POSTGRES_CONNECT_SECONDS = 5
POSTGRES_OPTIONS = (
    "-c timezone=UTC",
    "-c synchronous_commit=on",  # an acknowledged commit survives a crash, or the log would fork
    "-c lock_timeout=30s",
    "-c idle_in_transaction_session_timeout=60s",  # a hung process lets go of its row locks
)
MIGRATION_LOCK = 0x6173736179  # "assay": advisory lock that lets one process migrate at a time

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Database:
    """Connections of one process to one database; safe to use from several threads."""

    url: sa.URL
    writer: sa.Engine
    reader: sa.Engine

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded database."""
        return self.writer.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises.

        The transaction begins at the first statement, so work before that holds no lock. Raises
        `DatabaseUnavailableError` where the database is out of reach, full or locked for too long.
        """
        with _reachable(), Session(self.writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent, read-only look at the database; nothing is ever committed."""
        with _reachable(), Session(self.reader, expire_on_commit=False) as session:
            yield session  # closing it rolls back; the rows that were read stay usable

    def dispose(self) -> None:
        """Close every connection."""
        self.writer.dispose()
        self.reader.dispose()


def open_database(url: str) -> Database:
    """Return the engines for `url`; connects to nothing yet, but makes the folder of a SQLite file.

    Raises `DatabaseUnavailableError` if the URL is not one we can use.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise DatabaseUnavailableError("database_url is not a SQLAlchemy URL; set ASSAY_DATABASE_URL") from error
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgres(parsed.set(drivername="postgresql+psycopg"))
    raise DatabaseUnavailableError(f"{parsed.get_backend_name()} is not supported; use SQLite or PostgreSQL")


def migrate(url: str) -> None:
    """Bring the schema to this version's head; safe to run from several processes at once.

    All pending migrations run in one transaction: a crash leaves the old schema, whole.
    """
    database = open_database(url)
    try:
        with _reachable(), database.writer.begin() as connection:
            if not database.is_sqlite:  # SQLite's BEGIN IMMEDIATE has already made us the only one
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            command.upgrade(migration_config(connection), "head")
    finally:
        database.dispose()


def migration_config(connection: sa.Connection, metadata: sa.MetaData | None = None) -> Config:
    """Return alembic's configuration for commands that run inside `connection`'s transaction."""
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def check_schema(database: Database) -> None:
    """Check that this version can work with the database, for `/readyz` and before a worker starts.

    1. It answers.
    2. Its migration is the head that this version brings.
    3. The guards that refuse changes to rows of the log are in place.

    Raises `DatabaseUnavailableError` with the reason. Whether the log has forked is the log's own to say.
    """
    with _reachable(), database.reader.connect() as connection:  # 1.
        # 2.
        found = MigrationContext.configure(connection).get_current_revision()
        head = ScriptDirectory.from_config(migration_config(connection)).get_current_head()
        if found != head:
            raise DatabaseUnavailableError(
                f"the database is at migration {found or 'none'}, this version needs {head}; migrate it"
            )
        # 3.
        try:
            assert_append_only(connection)
        except AppendOnlyError as error:
            raise DatabaseUnavailableError(str(error)) from error


def is_unavailable(error: BaseException | None) -> bool:
    """True if `error`, or what caused it, is the database being out of reach, full or locked: worth another try."""
    while error is not None:
        if isinstance(error, DatabaseUnavailableError | OperationalError | InterfaceError | PoolTimeoutError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        error = error.__cause__
    return False


def sqlite_engine(url: sa.URL, *, begin: str | None) -> sa.Engine:
    """Return an engine whose transactions start with `begin`; see the module's docstring.

    None leaves the beginning to the driver, at the first write: for DBOS, which says BEGIN itself where it matters.
    """
    if url.database and url.database != ":memory:":
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailableError(f"cannot make {folder} ({error.strerror}); set ASSAY_HOME") from error
    engine = sa.create_engine(url, hide_parameters=True)  # parameters hold script text, which no log may show

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: object) -> None:  # the driver's connection
        del record
        connection.isolation_level = None if begin else "IMMEDIATE"
        # The timeout comes first: switching to WAL waits for a lock as well.
        pragmas = (
            f"busy_timeout={SQLITE_BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # zeros in the place of what is deleted, so that erased text is not left in free pages
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    if begin is not None:

        @event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

    return engine


def _open_sqlite(url: sa.URL) -> Database:
    reader = sqlite_engine(url, begin="BEGIN")

    @event.listens_for(reader, "connect")
    def _refuse_writes(connection: Any, record: object) -> None:  # the driver's connection
        del record
        connection.execute("PRAGMA query_only=ON")

    return Database(url, sqlite_engine(url, begin="BEGIN IMMEDIATE"), reader)


def _open_postgres(url: sa.URL) -> Database:
    writer = sa.create_engine(
        url,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        pool_size=POSTGRES_POOL,
        pool_pre_ping=True,  # a restarted server costs one reconnect, not one failed request
        connect_args={"connect_timeout": POSTGRES_CONNECT_SECONDS, "options": " ".join(POSTGRES_OPTIONS)},
    )
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(url, writer, reader)


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn the driver's ways of saying "not now" into `DatabaseUnavailableError`."""
    try:
        yield
    except DatabaseUnavailableError:
        raise
    except Exception as error:
        if is_unavailable(error):
            raise DatabaseUnavailableError(
                "the database is out of reach, full or locked; nothing was changed, the step will be tried again"
            ) from error
        raise
