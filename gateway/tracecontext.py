"""Which request the present work belongs to, after W3C Trace Context; pure but for one context variable.

A request has a trace id from the first byte. Whatever it causes carries that on: rows of the journal, the stored
submission, and the worker that takes it up on another machine a day later.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_TRACEPARENT = 55  # characters of the header's version 00, as wide as the column
_HEADER = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A piece of work: the trace it belongs to, and its own span."""

    trace_id: str  # 32 hexadecimal digits, not all zero
    span_id: str  # 16 hexadecimal digits, not all zero
    sampled: bool = True  # whether whoever began the trace records it

    @property
    def traceparent(self) -> str:
        """The header that names this piece of work to whoever continues it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02d}"


def fresh(*, trace_id: str = "") -> TraceContext:
    """Begin a piece of work, in the trace `trace_id` or in a new one."""
    return TraceContext(trace_id or secrets.token_hex(16), secrets.token_hex(8))


def parse(header: str | None) -> TraceContext | None:
    """Read a `traceparent` header; None if there is none or it is not well-formed, as the specification asks."""
    match = _HEADER.fullmatch(header or "")
    if match is None or not match.group(1).strip("0") or not match.group(2).strip("0"):
        return None
    return TraceContext(match.group(1), match.group(2), sampled=bool(int(match.group(3), 16) & _SAMPLED))


_current: ContextVar[TraceContext | None] = ContextVar("assay_trace", default=None)


def current() -> TraceContext | None:
    """Return what the calling thread or task works on; None outside of any request or episode."""
    return _current.get()


@contextmanager
def working_on(context: TraceContext) -> Iterator[None]:
    """Let `context` be current while the block runs."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
