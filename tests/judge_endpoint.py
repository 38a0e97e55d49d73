"""A chat-completions endpoint on the loopback interface that behaves as a test tells it to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request as it arrived, and the means to answer it."""

    handler: BaseHTTPRequestHandler
    body: dict[str, Any]

    @property
    def ticket(self) -> str:
        """The ticket that a well-behaved model repeats."""
        found = re.search(r"the string ([0-9a-f]{8})", self.body["messages"][0]["content"])
        return found.group(1) if found else ""

    @property
    def passage(self) -> str:
        """What the user's message holds."""
        return str(self.body["messages"][-1]["content"])

    def send(self, content: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send one whole response."""
        self.handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(content)))
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def complete(
        self, content: object, *, finish: str | None = "stop", model: str = "guard-7b", **message: object
    ) -> None:
        """Send a chat completion with `content` as the model's words (made JSON when it is no string)."""
        text = content if isinstance(content, str) else json.dumps(content)
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        self.send(json.dumps({"id": "x", "object": "chat.completion", "model": model, "choices": [choice]}).encode())


@dataclass
class Endpoint:
    """The running endpoint: where it is, what it was asked, how many questions it held at once."""

    url: str
    requests: list[Exchange] = field(default_factory=list)
    most_at_once: int = 0


@contextmanager
def serve(*replies: Reply) -> Iterator[Endpoint]:
    """Serve on a free port; request n is answered by reply n, later ones by the last."""
    lock, running = threading.Lock(), 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal running
            length = int(self.headers["Content-Length"])
            exchange = Exchange(self, json.loads(self.rfile.read(length)))
            with lock:
                running += 1
                endpoint.most_at_once = max(endpoint.most_at_once, running)
                reply = replies[min(len(endpoint.requests), len(replies) - 1)]
                endpoint.requests.append(exchange)
            try:
                reply(exchange)
            except OSError:
                pass  # the client has given up, as it should
            finally:
                with lock:
                    running -= 1

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def opinion(*, violates: bool, severity: int) -> Reply:
    """Answer as a well-behaved policy model does."""
    return lambda exchange: exchange.complete({"ticket": exchange.ticket, "violates": violates, "severity": severity})


def drip(exchange: Exchange) -> None:
    """Send one byte at a time for ever."""
    exchange.handler.send_response(200)
    exchange.handler.send_header("Content-Length", "100000")
    exchange.handler.end_headers()
    for _ in range(1000):
        exchange.handler.wfile.write(b" ")
        exchange.handler.wfile.flush()
        time.sleep(0.02)
