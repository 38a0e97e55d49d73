"""How often files were checked, and with what result: counted in memory, told to the log now and then.

Nothing about a file or who sent it is counted, only conclusions. A process that is killed loses what it had not told
yet: at most `MOST_COUNTED` checks or `LONGEST`.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.db import Database, is_unavailable

MOST_COUNTED = 100  # checks that one event tells of, so that a flood of checks is no flood of events
LONGEST = timedelta(minutes=15)
SUBJECT = "verification"
REFUSED = "refused"  # no audio, or too much of it: there was no conclusion

logger = logging.getLogger(__name__)


class Tally:
    """Counts conclusions for one process; safe to use from several threads."""

    def __init__(self, *, database: Database, log: Log, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._since: datetime | None = None  # of the first check that is not told yet

    def count(self, conclusion: str) -> None:
        """Count one check, and tell the log if there is enough to tell; never raises for an unreachable database."""
        now = self._clock()
        with self._lock:
            self._counts[conclusion] += 1
            self._since = self._since or now
            due = self._counts.total() >= MOST_COUNTED or now - self._since >= LONGEST
        if due:
            self.tell()

    def tell_if_due(self) -> None:
        """Tell the log if the oldest count has waited long enough: for somebody who comes by regularly."""
        with self._lock:
            due = self._since is not None and self._clock() - self._since >= LONGEST
        if due:
            self.tell()

    def tell(self) -> None:
        """Tell the log what was counted, if anything was; what could not be told is counted on."""
        with self._lock:
            counts, since = self._counts, self._since
            self._counts, self._since = Counter(), None
        if since is None:
            return
        now = self._clock()
        facts: dict[str, Fact] = {"since": _second(since), "until": _second(now), "counts": dict(counts)}
        try:
            with self._database.write() as session:
                self._log.append(session, Event(EventKind.VERIFICATION_SUMMARISED, now, SUBJECT, "system", facts))
        except Exception as error:
            with self._lock:
                self._counts.update(counts)
                self._since = min(since, self._since or since)
            if not is_unavailable(error):
                raise
            logger.warning("the summary of %d verifications waits for the database", counts.total())


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
