"""Fetching what a stranger names: public addresses alone, at the address that was checked, within size and time."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import FetchError, TooLargeError
from gateway.fetching import Scheme, UrlFetcher, is_public
from synth.pki import issue_development_chain

CONTENT = b"RIFF of a stranger" * 100


class Handler(BaseHTTPRequestHandler):
    """Answers by path; keeps what it was asked with."""

    seen: list[dict[str, str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/loop":
            self.send_response(307)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1_000):
                self._write(bytes(100_000))
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self._write(b"x")
                time.sleep(0.1)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self._write(b"short")
        elif self.path == "/zipped":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self._write(b"x")
        elif self.path == "/missing":
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self._write(CONTENT)

    def _write(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
        except OSError:
            return  # the fetcher has gone, as it should

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that leaves is what is tested
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


def fetcher(port: int, *, names: dict[str, list[str]] | None = None, **options: Any) -> UrlFetcher:
    """Return a fetcher for a server here: this machine counts as public, and names are those given."""
    known = names or {"audio.example": ["127.0.0.1"]}

    def resolve(host: str, _: int) -> list[str]:
        if host not in known:
            raise socket.gaierror("no such name")
        return known[host]

    options.setdefault("allowed", lambda address: address == ipaddress.ip_address("127.0.0.1"))
    options.setdefault("most_bytes", 1_000_000)
    return UrlFetcher(scheme=Scheme("http", port), resolve=resolve, **options)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::127.0.0.1",
    ],
)
def test_address_that_is_not_public_is_none(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111"])
def test_public_address_is_one(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_file_is_fetched_and_nothing_of_ours_is_sent(port: int) -> None:
    Handler.seen.clear()
    assert fetcher(port).fetch("http://audio.example/a.wav?x=1") == CONTENT
    (headers,) = Handler.seen
    assert set(headers) <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "audio.example",
        "ftp://audio.example/",
        "file:///etc/passwd",
        "gopher://audio.example:70/_x",
        "https://audio.example/",  # this fetcher speaks http, as the real one speaks https alone
        "http://user:password@audio.example/",
        "http://audio.example:22/",
        "http://audio.example:99999/",
        "http://audio.example\\@inside/",
        "http://audio.example/\r\nHost: inside",
        "http://audio.example/ x",
        "http://[::1/",
        "http:///etc/passwd",
        "http://ünïcode.example/",
        "http://unknown.example/",
        "http://audio.example/" + "x" * 3_000,
    ],
)
def test_address_of_another_kind_is_not_fetched(port: int, url: str) -> None:
    with pytest.raises(FetchError, match="public https addresses alone"):
        fetcher(port).fetch(url)


@pytest.mark.parametrize("found", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], [], ["not an address"]])
def test_name_with_any_address_inside_is_not_fetched(port: int, found: list[str]) -> None:
    Handler.seen.clear()
    with pytest.raises(FetchError, match="public https addresses alone"):
        fetcher(port, names={"audio.example": found}).fetch("http://audio.example/")
    assert Handler.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_not_reached_by_default(port: int, host: str) -> None:
    Handler.seen.clear()
    real = UrlFetcher(most_bytes=1_000, scheme=Scheme("http", port))
    with pytest.raises(FetchError):
        real.fetch(f"http://{host}/")
    assert Handler.seen == []


def test_name_is_looked_up_once_per_hop_so_that_it_cannot_change(port: int) -> None:
    asked: list[str] = []

    def rebinding(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    only = ipaddress.ip_address("127.0.0.1")
    changing = UrlFetcher(
        most_bytes=10_000, scheme=Scheme("http", port), resolve=rebinding, allowed=lambda address: address == only
    )
    assert changing.fetch("http://audio.example/") == CONTENT
    assert asked == ["audio.example"]
    with pytest.raises(FetchError):  # the second hop asks again, and is refused
        changing.fetch("http://audio.example/to/http://audio.example/")


def test_redirect_is_followed_and_checked_like_the_first_address(port: int) -> None:
    names = {"audio.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}
    own = fetcher(port, names=names)
    assert own.fetch("http://audio.example/to//elsewhere") == CONTENT
    for target in ("http://inside.example/", "file:///etc/passwd", "http://audio.example:22/", "//10.0.0.1/"):
        with pytest.raises(FetchError, match="public https addresses alone"):
            own.fetch(f"http://audio.example/to/{target}")


@pytest.mark.parametrize("path", ["/loop", "/missing", "/short", "/zipped"])
def test_answer_that_is_no_file_is_refused(port: int, path: str) -> None:
    with pytest.raises(FetchError, match="did not answer"):
        fetcher(port).fetch(f"http://audio.example{path}")


def test_endless_answer_is_cut_off(port: int) -> None:
    with pytest.raises(TooLargeError):
        fetcher(port).fetch("http://audio.example/endless")


def test_answer_that_drips_ends_in_time(port: int) -> None:
    started = time.monotonic()
    with pytest.raises(FetchError, match="did not answer"):
        fetcher(port, seconds=0.5).fetch("http://audio.example/drip")
    assert time.monotonic() - started < 5


def test_server_that_says_nothing_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        with pytest.raises(FetchError, match="did not answer"):
            fetcher(server.getsockname()[1], seconds=0.5).fetch("http://audio.example/")
        assert time.monotonic() - started < 5


def test_certificate_must_be_one_that_is_trusted(tmp_path: Path) -> None:
    chain = issue_development_chain(at=datetime.now(UTC), organisation="A stranger")
    (tmp_path / "chain.pem").write_bytes(chain.certificate_chain_pem)
    (tmp_path / "key.pem").write_bytes(chain.leaf.private_key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    with serving(context) as port:
        everywhere: Callable[[Any], bool] = lambda address: True  # noqa: E731
        strange = UrlFetcher(
            most_bytes=1_000,
            scheme=Scheme("https", port),
            resolve=lambda host, port: ["127.0.0.1"],
            allowed=everywhere,
        )
        with pytest.raises(FetchError, match="did not answer"):
            strange.fetch("https://audio.example/")
