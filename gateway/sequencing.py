"""Giving committed events their places in the log, in a short transaction of its own.

Any process may do it at any time: after its own commits, in a worker's keeper, before a seal. Whoever finds others at
it waits for the head's lock and then finds the outbox all but empty, so that many writers share one pass.
"""

from __future__ import annotations

import logging

from audit.errors import LogDivergedError
from audit.log import SEQUENCE_BATCH, Log
from gateway.db import Database, is_unavailable

logger = logging.getLogger(__name__)


def settle(database: Database, log: Log) -> int:
    """Give every committed event its place, and return how many got theirs here.

    Raises `LogDivergedError` if the log's head or a waiting event is not as it was written, `DatabaseUnavailableError`.
    """
    with database.read() as session:
        if not log.has_waiting(session):
            return 0
    settled = 0
    while True:
        # If we crash in here, the events wait as before.
        with database.write() as session:
            taken = log.sequence(session)
        settled += taken
        if taken < SEQUENCE_BATCH:
            return settled


def settle_soon(database: Database, log: Log) -> None:
    """Do what `settle` does, unless it cannot be done now: the events are committed, and somebody will."""
    try:
        settle(database, log)
    except LogDivergedError as error:
        # Safe to go on: nothing is signed, so nothing is released, until fsck has found what is wrong.
        logger.error("events wait, because the log does not add up: %s", error)
    except Exception as error:
        if not is_unavailable(error):
            raise
        logger.warning("events wait in the outbox: the database is out of reach")  # the next pass takes them
