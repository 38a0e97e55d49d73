"""Verifications under way: a few at a time, the upload gone when they end, the result kept for a while.

Everything is in memory and per process. Where several processes answer behind one address, the look-up of a result must
reach the process that made it; the first answer does not need that, because it waits for the result itself.
"""

from __future__ import annotations

import logging
import secrets
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from gateway.errors import BusyError, GatewayError, NotFoundError
from gateway.verification.report import Report
from synth.errors import SynthError

RETRY_SECONDS = 10
KEPT_SECONDS = 900.0  # that a result can be fetched: enough to print it or to download it signed
MOST_KEPT = 512  # results; each is some ten kilobytes
MOST_WAITING = 6  # uploads in memory, those under examination among them
HELD_BYTES = 1 << 30  # of uploads in memory; one is always taken
ID_BYTES = 18  # of randomness: whoever knows an id may read the result, nobody can guess one


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examination:
    """One upload's examination; `wait` may be called from several threads."""

    id: str
    begun_at: float  # monotonic seconds
    future: Future[Report]

    def wait(self, seconds: float) -> Report | None:
        """Return the report, None if there is none within so many seconds; raises what the examination raised."""
        try:
            return self.future.result(timeout=max(0.0, seconds))
        except TimeoutError:
            if self.future.done():
                raise  # the examination itself timed out
            return None


class Examinations:
    """Runs verifications in threads of its own; safe for several threads."""

    def __init__(self, verify: Callable[[bytes], Report], *, workers: int, clock: Callable[[], float]) -> None:
        self._verify = verify
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="verification")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Examination] = OrderedDict()
        self._held: dict[str, int] = {}  # bytes of the uploads in memory, per examination

    def begin(self, data: bytes) -> Examination:
        """Take an upload; raises `BusyError` while too many wait. Only the examination holds on to the bytes."""
        name = secrets.token_urlsafe(ID_BYTES)
        upload = [data]
        with self._lock:
            self._forget()
            held = sum(self._held.values())
            if len(self._held) >= MOST_WAITING or (held and held + len(data) > HELD_BYTES):
                words = f"too many files are being examined; try again in {RETRY_SECONDS} s"
                raise BusyError(words, retry_after=RETRY_SECONDS)
            self._held[name] = len(data)
            examination = Examination(name, self._clock(), self._pool.submit(self._examine, name, upload))
            self._known[name] = examination
        return examination

    def find(self, name: str) -> Examination:
        """Return an examination that is under way or ended a short while ago; raises `NotFoundError`."""
        with self._lock:
            self._forget()
            found = self._known.get(name)
        if found is None:
            raise NotFoundError("there is no such verification, or its result is no longer kept; send the file again")
        return found

    def close(self) -> None:
        """Finish what is being examined, and take nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _examine(self, name: str, upload: list[bytes]) -> Report:
        try:
            return self._verify(upload.pop())
        except Exception as error:  # noqa: BLE001  # it is raised again, without what it holds on to
            if not isinstance(error, GatewayError | SynthError):
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("verification failed: %s\n%s", type(error).__name__, frames)
            # The error is kept as long as a result, and the frames behind it would hold on to the upload.
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None) from None
        finally:
            with self._lock:
                del self._held[name]

    def _forget(self) -> None:
        """Drop results whose time is over, oldest first, and the oldest ones where there are too many."""
        oldest_kept = self._clock() - KEPT_SECONDS
        for name, examination in list(self._known.items()):
            if not examination.future.done():
                continue
            if examination.begun_at > oldest_kept and len(self._known) <= MOST_KEPT:
                break
            del self._known[name]
