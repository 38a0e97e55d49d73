"""Somebody who receives webhooks: a server on this machine that answers as a test says and keeps what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def verified(self, secret: str) -> dict[str, Any]:
        """Check it as the specification's own package does; raises for what does not hold."""
        return dict(Webhook(secret).verify(self.body, self.headers))


@dataclass
class Receiver:
    url: str = ""
    host: str = ""
    answers: list[int] = field(default_factory=list)  # statuses to come; 204 once they are used up
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    received: list[Received] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [str(one.document["type"]) for one in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    there = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.received.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(there.delay)
            status = there.answers.pop(0) if there.answers else 204
            self.send_response(status)
            for name, value in there.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.host = f"127.0.0.1:{server.server_port}"
    there.url = f"http://{there.host}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
