"""What every response carries: a trace id and security headers; and the last net under unexpected errors."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import problem_body
from gateway.errors import GatewayError
from gateway.tracecontext import fresh, parse

TRACE_HEADER = "X-Trace-Id"
_SECRET = re.compile(r"^/listen/[^/]*")  # a listener's token; whoever reads it hears what it opens
_SECURITY_HEADERS = {
    # Nothing here is a page: whatever a browser is made to take for one may load, run and frame nothing.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=63072000"  # two years

logger = logging.getLogger(__name__)


class Envelope:
    """ASGI middleware around the whole application; a header that a route sets itself is kept."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._public_url = public_url
        self._headers = dict(_SECURITY_HEADERS)
        if public_url.startswith("https://"):
            self._headers["Strict-Transport-Security"] = _HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a trace id in its state, and finish the response's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = _trace_id(scope)
        scope.setdefault("state", {})["trace_id"] = trace_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers[TRACE_HEADER] = trace_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # The id ties the answer to this line. The frames without the message: it may quote a script.
            frames = "".join(traceback.format_tb(error.__traceback__))
            path = _SECRET.sub("/listen/...", scope["path"])
            logger.error("request %s to %r failed: %s\n%s", trace_id, path, type(error).__name__, frames)
            if started:
                raise  # too late for a problem document: the connection breaks, which the client can notice
            await _send_internal_error(send_with_headers, self._public_url, scope["path"], trace_id)


def _trace_id(scope: Scope) -> str:
    """Return the caller's W3C trace id if it sent a well-formed one, else a fresh one."""
    return (parse(Headers(scope=scope).get("traceparent")) or fresh()).trace_id


async def _send_internal_error(send: Any, public_url: str, path: str, trace_id: str) -> None:
    body = problem_body(RuntimeError(), public_url=public_url, instance=path, trace_id=trace_id)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": GatewayError.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
