"""How often one sound, and everything that is nearly the same sound, may be examined.

Whoever wants to remove or forge a mark without the key asks thousands of times about slightly different files. Those
come from many addresses, but they sound alike. So each question costs a token of every one of eight buckets that its
sound falls into (MinHash over the keys of its fingerprint, Broder 1997): files that share nearly all keys share nearly
all buckets, different ones share none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from gateway.buckets import TokenBuckets
from gateway.errors import RateLimitedError
from synth.fingerprint import Fingerprint
from synth.landmarks import stored_keys

BUCKETS = 8  # that one sound falls into
ALIKE = 4  # of them that must have a token: sounds that share fewer than half of their keys are different ones
FEWEST_KEYS = 4  # below them, as in a hum or near silence, all sounds count as one: they cannot be told apart
MAX_BUCKETS = 80_000  # that are remembered: some ten thousand sounds
MAX_ANSWERED = 10_000  # files that are remembered as answered

_MULTIPLIERS = np.random.default_rng(20_261_125).integers(2**63, size=BUCKETS, dtype=np.uint64) | np.uint64(1)


def sketch(recording: Fingerprint) -> tuple[int, ...]:
    """Return the eight buckets that a sound falls into: the lowest of its keys under eight hash functions."""
    keys = np.unique(stored_keys(recording)[1]).astype(np.uint64)
    if len(keys) < FEWEST_KEYS:
        return (0,) * BUCKETS
    lowest = (keys[:, None] * _MULTIPLIERS).min(axis=0)
    return tuple(int(value) for value in lowest)


class ClusterThrottle:
    """Lets each cluster of sounds through `burst` times at once and then once per `interval` seconds; safe for threads.

    The same bytes again cost nothing: their answer is the same, and tells nothing new.
    """

    def __init__(self, *, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._buckets = TokenBuckets(burst=burst, interval=interval, most=MAX_BUCKETS, clock=clock)
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, recording: Fingerprint, sha256: str) -> None:
        """Count one question about a sound, or raise `RateLimitedError` with the seconds to wait."""
        with self._lock:
            if sha256 in self._answered:
                self._answered.move_to_end(sha256)
                return
        wait = self._buckets.take(list(enumerate(sketch(recording))), needed=BUCKETS - ALIKE + 1)
        if wait:
            raise RateLimitedError(
                f"files that sound like this one were checked too often; try again in {wait} s, or send the file as it "
                "was published",
                retry_after=wait,
            )
        with self._lock:
            self._answered[sha256] = None
            if len(self._answered) > MAX_ANSWERED:
                self._answered.popitem(last=False)
