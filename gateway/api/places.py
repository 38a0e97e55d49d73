"""How many costly requests run at once: each holds a whole upload and its sound in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import BusyError

RETRY_SECONDS = 10


class Places:
    """A fixed number of places; who finds none is turned away at once instead of waiting with a body in flight.

    Used from the event loop alone, so a plain counter is enough.
    """

    def __init__(self, count: int) -> None:
        self._free = count

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a place; raises `BusyError` if there is none."""
        if self._free <= 0:
            raise BusyError(f"all places are taken; try again in {RETRY_SECONDS} s", retry_after=RETRY_SECONDS)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
