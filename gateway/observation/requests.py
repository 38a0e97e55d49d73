"""ASGI middleware that counts, traces and writes down requests: by route template, method and status, never by path."""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.observation.metrics import Metrics
from gateway.observation.tracing import Tracer
from gateway.tracecontext import parse

NO_ROUTE = "(none)"  # nothing is served at that path; the path itself is the caller's choice and no label
PROBES = frozenset({"/livez", "/readyz"})  # asked every few seconds by supervisors, so not worth a line

logger = logging.getLogger("gateway.requests")


class ObservedRequests:
    """Counts whatever passes through; an exception passes on and counts as status 500."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, tracer: Tracer) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its answer is complete."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = parse(Headers(scope=scope).get("traceparent"))
        trace_id = "" if parent else scope.get("state", {}).get("trace_id", "")
        with self._tracer.span(scope["method"], parent=parent, trace_id=trace_id, serves=True) as span:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                route, seconds = _route_of(scope), time.monotonic() - started
                span.note(http__request__method=scope["method"], http__route=route, http__response__status_code=status)
                self._metrics.request(method=scope["method"], route=route, status=status, seconds=seconds)
                said = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)}
                logger.log(logging.DEBUG if route in PROBES else logging.INFO, "request answered", extra=said)


def _route_of(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", "") or NO_ROUTE)
