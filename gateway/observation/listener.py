"""The address where a process shows its numbers: apart from the public port, so that no route can leak them.

`/metrics` answers in Prometheus's text format, or in OpenMetrics where the caller asks for it; where a token is set, it
wants that as a bearer token. `/livez` says whether the process still does its work, for supervisors of workers, which
have no other HTTP.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PLAIN = "text/plain; charset=utf-8"
ANSWER_SECONDS = 10.0  # how long a silent caller may hold a connection


class MetricsListener:
    """Answers on `address` ("host:port") from `start` to `stop`, in threads of its own."""

    def __init__(
        self, address: str, *, registry: CollectorRegistry, token: str = "", is_alive: Callable[[], bool] = lambda: True
    ) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._registry = registry
        self._token = token
        self._is_alive = is_alive
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, which the system chose where the address said 0."""
        return self._server.server_port if self._server is not None else self._port

    def start(self) -> None:
        """Listen; raises `SettingsError` if the address cannot be had."""
        try:
            self._server = make_server(
                self._host, self._port, self._answer, server_class=_Server, handler_class=_QuietHandler
            )
        except OSError as error:
            raise SettingsError(
                f"the metrics address {self._host}:{self._port} cannot be listened on ({error.strerror}); "
                "set ASSAY_METRICS_LISTEN to a free one, each process has its own"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="assay-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD")
        headers: list[tuple[str, str]] = []
        if method not in ("GET", "HEAD"):
            status, body = "405 Method Not Allowed", b"only GET is served here\n"
            headers = [("Allow", "GET, HEAD")]
        elif path == "/livez" and self._is_alive():
            status, body = "200 OK", b"alive\n"
        elif path == "/livez":
            status, body = "503 Service Unavailable", b"this process has stopped doing its work; restart it\n"
        elif path != "/metrics":
            status, body = "404 Not Found", b"this address serves /metrics and /livez\n"
        elif not self._may_see(environ.get("HTTP_AUTHORIZATION", "")):
            status, body = "401 Unauthorized", b"send the token of ASSAY_METRICS_TOKEN as a bearer token\n"
            headers = [("WWW-Authenticate", "Bearer")]
        else:
            encode, media_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
            status, body = "200 OK", encode(self._registry)
            headers = [("Content-Type", media_type)]
        fixed = [
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if not any(name == "Content-Type" for name, _ in headers):
            fixed.append(("Content-Type", PLAIN))
        start_response(status, [*headers, *fixed])
        return [b"" if method == "HEAD" else body]

    def _may_see(self, authorization: str) -> bool:
        if not self._token:
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token.encode())


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    timeout = ANSWER_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # the base class names it so
        """Say nothing: a scrape every few seconds is no news."""
