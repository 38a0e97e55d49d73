"""How often one client may ask: a token bucket per network address."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from gateway.buckets import TokenBuckets
from gateway.errors import RateLimitedError

MAX_CLIENTS = 10_000  # clients that are remembered


class Throttle:
    """Lets each client through `burst` times at once and then once per `interval` seconds; safe for threads."""

    def __init__(self, *, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._buckets = TokenBuckets(burst=burst, interval=interval, most=MAX_CLIENTS, clock=clock)

    def admit(self, client: str) -> None:
        """Take one token of this client's bucket, or raise `RateLimitedError` with the seconds to wait."""
        wait = self._buckets.take(client_network(client))
        if wait:
            raise RateLimitedError(f"too many requests; try again in {wait} s", retry_after=wait)


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
