"""Token buckets, in memory and per process: how often something may happen, per key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class TokenBuckets:
    """Each key has `burst` tokens at once and then one more per `interval` seconds; safe for threads.

    At most `most` keys are kept; the longest idle one, and so the fullest, goes first.
    """

    def __init__(self, *, burst: int, interval: float, most: int, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._interval = interval
        self._most = most
        self._clock = clock  # monotonic seconds
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable) -> int:
        """Take one token of this key's bucket and return 0, or return the seconds until there is one."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
            bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) / self._interval)
            bucket.at = now
            self._buckets[key] = bucket
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            if bucket.tokens < 1.0:
                return max(1, round((1.0 - bucket.tokens) * self._interval + 0.5))
            bucket.tokens -= 1.0
            return 0
