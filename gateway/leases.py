"""Which worker processes are alive: each says so regularly, and one that has been silent for a while counts as dead.

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

MAX_HOST_NAME = 80  # characters of it in an executor's id

logger = logging.getLogger(__name__)


class ExecutorLease(SQLModel, table=True):
    """A worker process that says it is alive."""

    executor_id: str = Field(primary_key=True, max_length=128)
    seen_at: datetime = Field(sa_type=UtcDateTime)


class Leases:
    """One process's own lease and its view of the others'; safe to use from several threads."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime], seconds: float) -> None:
        self.executor_id = f"{socket.gethostname()[:MAX_HOST_NAME]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database = database
        self._clock = clock
        self._length = timedelta(seconds=seconds)
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
        with self._database.write() as session:
            session.merge(ExecutorLease(executor_id=self.executor_id, seen_at=self._clock()))

    def living(self) -> frozenset[str]:
        """Ids of the executors that were heard of lately."""
        since = self._clock() - self._length
        with self._database.read() as session:
            return frozenset(session.exec(select(ExecutorLease.executor_id).where(col(ExecutorLease.seen_at) > since)))

    def release(self) -> None:
        """Sign off, so that others take over at once; safe to call twice."""
        try:
            with self._database.write() as session:
                session.execute(sa.delete(ExecutorLease).where(col(ExecutorLease.executor_id) == self.executor_id))
        except DatabaseUnavailableError:
            logger.warning("could not sign off; the lease will run out by itself")
        if self._sole is not None:
            self._sole.close()  # which also frees the claim
            self._sole = None
