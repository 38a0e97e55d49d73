"""Makes the database forget what was deleted: a row that is gone is still in files until they are written over.

SQLite: every connection of ours deletes with zeros (`secure_delete`), so that only the write-ahead log still holds old
pages; it is written back and cut to nothing here. PostgreSQL: `VACUUM` frees what no transaction sees any more; its
bytes go when the page is used again, and at once with `VACUUM FULL`.

Not reached from here: backups, replicas, archived write-ahead logs, file systems that keep old blocks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import sqlalchemy as sa

from gateway.db import Database
from gateway.errors import DatabaseUnavailableError

CHECKPOINT_SECONDS = 20.0  # how long readers of old pages are waited for
RETRY_SECONDS = 0.2

logger = logging.getLogger(__name__)


def scrub(database: Database, tables: Sequence[str], *, rewrite: bool = False) -> None:
    """Remove what was deleted from the database's files, as far as the database can; call it outside transactions.

    `rewrite` writes the whole database (SQLite), or `tables` (PostgreSQL), anew: slow, under an exclusive lock, and
    needed only for what was deleted before this version. Raises `DatabaseUnavailableError` if others stand in the way.
    """
    if database.is_sqlite:
        _scrub_sqlite(database, rewrite=rewrite)
    else:
        _vacuum_postgres(database, tables, rewrite=rewrite)


def _scrub_sqlite(database: Database, *, rewrite: bool) -> None:
    connection = database.writer.raw_connection()
    try:
        cursor = connection.cursor()
        try:
            if rewrite:
                cursor.execute("VACUUM")
            deadline = time.monotonic() + CHECKPOINT_SECONDS
            while True:
                busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                if time.monotonic() >= deadline:
                    raise DatabaseUnavailableError(
                        "erased text is still in the write-ahead log, because somebody reads an old state of the "
                        "database; it will be tried again"
                    )
                time.sleep(RETRY_SECONDS)
        finally:
            cursor.close()
    except sa.exc.DBAPIError as error:
        raise DatabaseUnavailableError("the database could not be scrubbed; it will be tried again") from error
    finally:
        connection.close()


def _vacuum_postgres(database: Database, tables: Sequence[str], *, rewrite: bool) -> None:
    engine = database.writer.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in tables:
            quoted = connection.dialect.identifier_preparer.quote(table)
            # Statistics are taken anew, because they hold frequent values of columns.
            connection.execute(sa.text(f"VACUUM ({'FULL, ' if rewrite else ''}ANALYZE) {quoted}"))
