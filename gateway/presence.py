"""A lock that PostgreSQL holds for this process until its connection ends, however the process ends.

A lease alone notices a dead worker when the lease runs out, and it must be longer than any pause of a busy one. The
server knows sooner: when a process dies, the kernel closes its connection, and when a machine dies, the server's
keep-alives do (`tcp_keepalives_*`, below). So each worker takes an advisory lock of its own on a connection that it
uses for nothing else, and others look at `pg_locks`.

Where that cannot work (SQLite, or a pooler that lends its connections for one transaction) there is no presence, and
the lease alone decides.
"""

from __future__ import annotations

import hashlib
import logging

import sqlalchemy as sa
from sqlmodel import Session

from gateway.db import POSTGRES_CONNECT_SECONDS, Database

LOCK_CLASS = 0x41535341  # "ASSA": the first of the lock's two numbers, so that nobody else's locks are meant
KEEPALIVES = (  # seconds; a machine that lost its power or its network is noticed in six
    "-c tcp_keepalives_idle=3",
    "-c tcp_keepalives_interval=1",
    "-c tcp_keepalives_count=3",
)
_HELD = sa.text(
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
    "AND classid::bigint = :class AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

logger = logging.getLogger(__name__)


class Presence:
    """This process's lock; used by one thread at a time."""

    def __init__(self, *, database: Database, name: str) -> None:
        self._database = database
        # Of 31 bits, as PostgreSQL's numbers are signed. Two names with one number: the second has no presence.
        self._number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 1
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None

    def hold(self) -> int | None:
        """Take the lock, or see that it is still held; returns its number, or None where others cannot see it.

        A connection that was lost is replaced. Never raises for a database that is away: the lease is still there.
        """
        if self._database.is_sqlite:
            return None
        try:
            if self._connection is not None:
                self._connection.exec_driver_sql("SELECT 1")
            else:
                self._take()
            with self._database.read() as session:
                seen = self._number in held(session)
        except Exception as error:  # noqa: BLE001  # whatever it is, the lease still speaks for this process
            logger.warning("no connection for this worker's lock (%s); its lease stands alone", type(error).__name__)
            seen = False
        if not seen:
            self.let_go()
        return self._number if seen else None

    def let_go(self) -> None:
        """Give the lock back; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # closes it, without a word to a server that may be gone
            connection.close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _take(self) -> None:
        self._engine = sa.create_engine(
            self._database.url,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",  # an open transaction would end after a minute, and hold up vacuum
            connect_args={"connect_timeout": POSTGRES_CONNECT_SECONDS, "options": " ".join(KEEPALIVES)},
        )
        self._connection = self._engine.connect()
        self._connection.execute(
            sa.text("SELECT pg_try_advisory_lock(:class, :number)"), {"class": LOCK_CLASS, "number": self._number}
        )


def held(session: Session) -> frozenset[int]:
    """Return the numbers of the locks that living connections hold; PostgreSQL only."""
    return frozenset(session.execute(_HELD, {"class": LOCK_CLASS}).scalars())
