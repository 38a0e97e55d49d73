"""Which worker processes are alive: each says so regularly, and one that has been silent for a while counts as dead.

On PostgreSQL a worker also holds a lock as long as it is connected (`gateway.presence`). One that held a lock, holds it
no longer and has missed a beat is dead at once; only one that is frozen is waited for until its lease runs out.

Trust: the clocks of the machines agree to within a few seconds; a lease is ten times as long as the time between two
beats. A worker that was taken for dead and was only slow costs repeated work, never a repeated commit: every step looks
at the episode's state again under its lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col, select

from audit.store import UtcDateTime
from gateway.db import Database
from gateway.errors import ConflictError, DatabaseUnavailableError
from gateway.presence import Presence, held

MAX_HOST_NAME = 80  # characters of it in an executor's id
MISSED = 1.5  # beats; a worker whose connection was cut takes its lock again at the next one

logger = logging.getLogger(__name__)


class ExecutorLease(SQLModel, table=True):
    """A worker process that says it is alive."""

    executor_id: str = Field(primary_key=True, max_length=128)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    lock: int | None = None  # number of the lock that it held when it was seen, where it could hold one


class Leases:
    """One process's own lease and its view of the others'; safe to use from several threads."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime], seconds: float, beat: float) -> None:
        self.executor_id = f"{socket.gethostname()[:MAX_HOST_NAME]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database = database
        self._clock = clock
        self._length = timedelta(seconds=seconds)
        self._missed = timedelta(seconds=beat * MISSED)
        self._presence = Presence(database=database, name=self.executor_id)
        self._sole: IO[str] | None = None

    def claim(self) -> None:
        """Become a worker; on SQLite the only one, and the kernel frees that claim however this process ends.

        Raises `ConflictError` if another process already works on this SQLite file.
        """
        if self._database.is_sqlite:
            file = Path(f"{self._database.url.database}.worker").open("w")  # noqa: SIM115  # open while we work
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.close()
                raise ConflictError(
                    "another worker serves this SQLite file; leave the work to it, or use PostgreSQL for several"
                ) from error
            self._sole = file
            with self._database.write() as session:
                session.execute(sa.delete(ExecutorLease))  # whoever wrote these is gone
        self.beat()

    def beat(self) -> None:
        """Say that this process is alive."""
        lock = self._presence.hold()
        with self._database.write() as session:
            session.merge(ExecutorLease(executor_id=self.executor_id, seen_at=self._clock(), lock=lock))

    def living(self) -> frozenset[str]:
        """Ids of the executors that were heard of lately, and have not lost their lock since."""
        now = self._clock()
        with self._database.read() as session:
            recent = session.exec(select(ExecutorLease).where(col(ExecutorLease.seen_at) > now - self._length)).all()
            locks = held(session) if any(lease.lock is not None for lease in recent) else frozenset()
        return frozenset(
            lease.executor_id
            for lease in recent
            if lease.lock is None or lease.lock in locks or lease.seen_at > now - self._missed
        )

    def release(self) -> None:
        """Sign off, so that others take over at once; safe to call twice."""
        self._presence.let_go()
        try:
            with self._database.write() as session:
                session.execute(sa.delete(ExecutorLease).where(col(ExecutorLease.executor_id) == self.executor_id))
        except DatabaseUnavailableError:
            logger.warning("could not sign off; the lease will run out by itself")
        if self._sole is not None:
            self._sole.close()  # which also frees the claim
            self._sole = None
