"""Token buckets, in memory and per process: how often something may happen, per key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
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

    def take(self, keys: Sequence[Hashable], *, needed: int = 1) -> int:
        """Take a token from the bucket of every key that has one, if at least `needed` of them have.

        Returns 0, or else the seconds until they will; then nothing was taken.
        """
        now = self._clock()
        with self._lock:
            buckets = [self._filled(key, now) for key in keys]
            waits = sorted(max(0.0, 1.0 - bucket.tokens) * self._interval for bucket in buckets)
            if waits and waits[min(needed, len(waits)) - 1] > 0:
                return max(1, round(waits[min(needed, len(waits)) - 1] + 0.5))
            for bucket in buckets:
                bucket.tokens = max(0.0, bucket.tokens - 1.0)
            return 0

    def _filled(self, key: Hashable, now: float) -> _Bucket:
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) / self._interval)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
