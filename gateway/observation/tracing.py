"""Spans of requests and steps. Without a collector nothing is recorded, and the journal still names the trace.

Attributes are ids, states, route templates and numbers. An exception is recorded by its type alone: messages of engines
may quote a script.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from gateway.tracecontext import TraceContext, current, fresh, working_on


class Span(Protocol):
    """A piece of work that is being done."""

    def note(self, **attributes: str | float) -> None:
        """Add attributes; two underscores in a name stand for a dot."""


class Tracer(Protocol):
    """Records pieces of work."""

    def span(
        self, name: str, *, parent: TraceContext | None = None, trace_id: str = "", serves: bool = False
    ) -> AbstractContextManager[Span]:
        """Do the block as a piece of work: below `parent`, else below what is current, else first in its trace.

        `trace_id` names the trace of one that is the first; `serves` marks an answer to somebody else's request.
        """

    def close(self) -> None:
        """Send what was not sent yet; waits a few seconds at most."""


class _Unrecorded:
    def note(self, **attributes: str | float) -> None:
        del attributes


class NoTracer:
    """Records nothing, and keeps the trace id current for journal and rows."""

    @contextmanager
    def span(
        self, name: str, *, parent: TraceContext | None = None, trace_id: str = "", serves: bool = False
    ) -> Iterator[Span]:
        """Make the trace current while the block runs."""
        del name, serves
        above = parent or (None if trace_id else current())
        with working_on(fresh(trace_id=trace_id if above is None else above.trace_id)):
            yield _Unrecorded()

    def close(self) -> None:
        """There is nothing to send."""
