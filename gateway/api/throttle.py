"""How often one client may ask: a token bucket per network address, in memory and per process."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import RateLimitedError

MAX_CLIENTS = 10_000  # buckets kept; the longest idle one, and so the fullest, goes first


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Lets each client through `burst` times at once and then once per `interval` seconds; safe for threads."""

    def __init__(self, *, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._interval = interval
        self._clock = clock  # monotonic seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, client: str) -> None:
        """Take one token of this client's bucket, or raise `RateLimitedError` with the seconds to wait."""
        key, now = client_network(client), self._clock()
        with self._lock:
            bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
            bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) / self._interval)
            bucket.at = now
            self._buckets[key] = bucket
            if len(self._buckets) > MAX_CLIENTS:
                self._buckets.popitem(last=False)
            if bucket.tokens < 1.0:
                wait = max(1, round((1.0 - bucket.tokens) * self._interval + 0.5))
                raise RateLimitedError(f"too many requests; try again in {wait} s", retry_after=wait)
            bucket.tokens -= 1.0


def client_network(address: str) -> str:
    """Return the address that counts as one client: IPv4 as it is, IPv6 by its /64, anything else as "unknown"."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
