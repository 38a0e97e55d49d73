"""Reading a published log over HTTP from servers that answer honestly, not at all, wrongly, or without end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audit.checkpoint import Verifier
from audit.errors import PublicationError
from audit.monitor import audit_files
from gateway.logsource import open_source

LOG = Path(__file__).parents[2] / "vectors" / "tlog" / "log"
VKEY = "gateway.example/audit+d5ae1d6d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"


class Odd(BaseHTTPRequestHandler):
    """Serves the log, and oddities under names of their own."""

    protocol_version = "HTTP/1.1"
    dropped = 0

    def do_GET(self) -> None:
        name = self.path.removeprefix("/v1/log/")
        if name == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65_536)
        if name == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name == "flaky" and Odd.dropped < 2:
            Odd.dropped += 1
            self.close_connection = True
            return
        path = LOG / ("checkpoint" if name == "flaky" else name)
        content = path.read_bytes() if path.is_file() else b""
        self.send_response(500 if name == "broken" else 200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *arguments: object) -> None:
        """A reader that hangs up in the middle is what is wanted."""


@pytest.fixture
def url() -> Iterator[str]:
    server = Quiet(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Odd.dropped = 0
    yield f"http://127.0.0.1:{server.server_port}/v1/log/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_log_is_audited_over_http(url: str) -> None:
    with open_source(url) as fetch:
        found = audit_files(fetch, verifier=Verifier.parse(VKEY))
    assert (found.divergence, found.entries) == (None, 300)


def test_answers_that_are_no_files(url: str) -> None:
    with open_source(url) as fetch:
        assert fetch("tile/0/999", 8_192) is None
        with pytest.raises(PublicationError, match="answers 500"):
            fetch("broken", 100)
        with pytest.raises(PublicationError, match="answers 302"):
            fetch("elsewhere", 100)
        with pytest.raises(PublicationError, match="longer than 8192 bytes"):
            fetch("endless", 8_192)


def test_lost_connection_is_tried_again_and_a_dead_server_is_named(url: str) -> None:
    with open_source(url) as fetch:
        assert fetch("flaky", 1_000) == (LOG / "checkpoint").read_bytes()
    with open_source("http://127.0.0.1:1/v1/log") as fetch, pytest.raises(PublicationError, match="cannot be fetched"):
        fetch("checkpoint", 1_000)


@pytest.mark.parametrize("where", ["/no/such/folder", "ftp://example.org/log", "file:///etc", __file__])
def test_neither_folder_nor_url(where: str) -> None:
    with pytest.raises(PublicationError, match="neither a folder nor a URL"), open_source(where):
        pass


def test_url_that_is_none() -> None:
    with pytest.raises(PublicationError, match="is not a URL"), open_source("http://h:port") as fetch:
        fetch("checkpoint", 10)
