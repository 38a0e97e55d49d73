"""How waiting for others ends by itself: one thread in every worker goes on asking, and resumes what was waiting.

1. An episode that lacks a signature of others stays `approved`; its row says what it waits for, and no worker is busy
   with it (`Pipeline.release`).
2. The thread asks, more slowly the longer nobody answers. It also offers checkpoints that no episode waits for, so that
   witnesses are never far behind.
3. Once nothing lacks, the rows are cleared and the episodes given back to the workers. If we crash in between, the
   sweep finds them: an unfinished episode that waits for nothing is work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlmodel import col, select

from audit.errors import AuditError
from gateway.countersigning import Countersigning
from gateway.db import Database
from gateway.errors import GatewayError
from gateway.publish import Purpose
from gateway.submissions import EpisodeReceipt, State, Submission, lock

IDLE_SECONDS = 2.0  # between looks at the database
MAX_WAIT_SECONDS = 60.0  # between rounds while somebody stays away

logger = logging.getLogger(__name__)


class Countersigner:
    """Goes on asking; `start` and `stop` it with the worker."""

    def __init__(
        self,
        *,
        countersigning: Countersigning,
        database: Database,
        enqueue: Callable[[str], None],
        publish: Callable[[], None],
        idle_seconds: float = IDLE_SECONDS,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
    ) -> None:
        self._others = countersigning
        self._database = database
        self._enqueue = enqueue
        self._publish = publish  # shows the world what is countersigned; never raises for a disk that is full
        self._idle = idle_seconds
        self._max_wait = max_wait_seconds
        self._asked = -1  # size of the last checkpoint that everybody has signed
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="assay-countersigner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; an answer that is under way is waited for, as long as one may take."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def turn(self) -> bool:
        """Look once at what lacks signatures, ask for them, and resume what is covered; False if something lacks.

        Raises errors of `audit` and of the gateway.
        """
        self.resume()
        if self._others.newest_size() == self._asked and not self.waiting():
            return True  # nothing is new since everybody has signed
        standing = self._others.ask(everybody=True)
        self.resume()
        self._publish()
        if standing.troubles:
            return False
        self._asked = standing.size
        return True

    def waiting(self) -> dict[str, int]:
        """Return the episodes that wait, with the index of the entry that must be covered."""
        statement = (
            select(Submission.id, EpisodeReceipt.entry_index)
            .join(EpisodeReceipt, col(EpisodeReceipt.episode_id) == col(Submission.id))
            .where(
                Submission.state == State.APPROVED.value,
                col(Submission.waiting_for).is_not(None),
                EpisodeReceipt.purpose == Purpose.INTENT.value,
            )
        )
        with self._database.read() as session:
            return {row[0]: row[1] for row in session.exec(statement)}

    def resume(self) -> list[str]:
        """Give covered episodes back to the workers, and return them."""
        resumed = []
        for episode_id, index in self.waiting().items():
            if self._others.demanded:
                with self._database.read() as session:
                    if self._others.covering(session, index=index) is None:
                        continue
            with self._database.write() as session:
                lock(session, episode_id).waiting_for = None
            self._enqueue(episode_id)
            resumed.append(episode_id)
        return resumed

    def _run(self) -> None:
        pause = self._idle
        while not self._stopping.wait(pause):
            settled = False
            try:
                settled = self.turn()
            except (AuditError, GatewayError) as error:
                logger.warning("countersignatures could not be collected: %s", error)
            except Exception as error:  # noqa: BLE001  # the thread must outlive whatever it meets
                logger.error("collecting countersignatures failed with %s", type(error).__name__)
            pause = self._idle if settled else min(self._max_wait, 2 * pause)
