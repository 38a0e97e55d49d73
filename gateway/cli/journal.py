"""Logs of the long-running commands: one JSON object a line on standard error, ids and digests only."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from gateway.tracecontext import current

if TYPE_CHECKING:
    from structlog.typing import EventDict


def start_journal() -> None:
    """Send the standard library's and structlog's records of this process to standard error as JSON lines."""
    import structlog

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "dbos", "uvicorn.access", "transformers", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _add_trace(logger: object, method: str, event: EventDict) -> EventDict:
    """Say which request or episode a line belongs to."""
    del logger, method
    if (trace := current()) is not None:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    return event
