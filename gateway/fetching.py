"""Fetching a file that a stranger names by its address, without lending them this machine's place in the network.

For every hop, redirects among them:

1. The address is https, on the usual port, with a name and without credentials.
2. The name is resolved once, and every address it has must be a public one: not private, loopback, link-local,
   shared, multicast or reserved, and no IPv6 address that carries an IPv4 one.
3. The connection goes to an address that was checked, so that a second look-up cannot give another; the certificate
   must be that of the name.
4. Nothing of ours is sent: no cookies, no authorisation, no referrer. The answer is read up to a size, and all of it
   within one time, however slowly it drips.

A refusal never says which of these it was beyond two words, "not fetched" and "no answer": otherwise it would tell
which names exist inside.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from gateway.errors import FetchError, TooLargeError

MOST_REDIRECTS = 3
MOST_CHARACTERS = 2_048  # of an address
CONNECT_SECONDS = 10.0  # until a connection stands
FETCH_SECONDS = 60.0  # for everything, redirects among it
CHUNK_BYTES = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64: an IPv4 address in the last four bytes
_LOCAL_TRANSLATED = ipaddress.IPv6Network("64:ff9b:1::/48")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


def is_public(address: Address) -> bool:
    """Return True for an address that anybody on the Internet could reach; what it carries inside must be so too."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None or address in _LOCAL_TRANSLATED:
            return False
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _TRANSLATED:
            inside.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None for one in inside):
            return False  # nobody publishes under such an address; what it hides need not be understood
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a fetcher speaks; anything but https on 443 is for tests."""

    name: str = "https"
    port: int = 443


class UrlFetcher:
    """Fetches files from public addresses; safe for several threads."""

    def __init__(
        self,
        *,
        most_bytes: int,
        seconds: float = FETCH_SECONDS,
        scheme: Scheme | None = None,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
    ) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._scheme = scheme or Scheme()
        self._resolve = resolve or _resolve
        self._allowed = allowed

    def fetch(self, url: str) -> bytes:
        """Return the file at `url`; raises `FetchError`, or `TooLargeError` beyond the size."""
        connections: list[socket.socket] = []
        over = threading.Event()

        def give_up() -> None:
            over.set()
            for connection in connections:
                with suppress(OSError):  # safe to ignore: it ended by itself
                    connection.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for its next byte

        timer = threading.Timer(self._seconds, give_up)
        timer.start()
        try:
            for _ in range(MOST_REDIRECTS + 1):
                content, url = self._hop(url, connections)
                if over.is_set():
                    raise _no_answer()
                if content is not None:
                    return content
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _no_answer() from error
        finally:
            timer.cancel()
            for connection in connections:
                connection.close()
        raise _no_answer()

    def _hop(self, url: str, connections: list[socket.socket]) -> tuple[bytes | None, str]:
        """Return the content, or None and where it is said to be."""
        # 1.
        parts = self._parsed(url)
        host = str(parts.hostname)
        # 2.
        address = self._checked(host)
        # 3.
        connection = _Pinned(host, address, self._scheme, min(CONNECT_SECONDS, self._seconds))
        connection.connect()
        connection.opened.settimeout(self._seconds)
        connections.append(connection.opened)
        # 4.
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "GET", path, headers={"Accept": "audio/*", "Accept-Encoding": "identity", "User-Agent": "Assay"}
        )
        answer = connection.getresponse()
        if answer.status in _REDIRECTS:
            return None, urljoin(url, answer.headers.get("Location", ""))
        if answer.status != 200 or answer.headers.get("Content-Encoding", "identity") != "identity":
            raise _no_answer()
        return self._read(answer), url

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while chunk := answer.read(CHUNK_BYTES):
            content += chunk
            if len(content) > self._most_bytes:
                raise TooLargeError(f"the file exceeds {self._most_bytes} bytes", limit=self._most_bytes)
        if answer.length:  # the connection ended before all of it came
            raise _no_answer()
        return bytes(content)

    def _parsed(self, url: str) -> SplitResult:
        if len(url) > MOST_CHARACTERS or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
            raise _not_fetched()
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _not_fetched() from error
        wanted = parts.scheme == self._scheme.name and parts.hostname and port in (None, self._scheme.port)
        if not wanted or parts.username is not None or parts.password is not None or "\\" in url:
            raise _not_fetched()
        return parts

    def _checked(self, host: str) -> str:
        """Return one address of the name; every address that it has must be allowed."""
        try:
            found = [ipaddress.ip_address(one) for one in self._resolve(host, self._scheme.port)]
        except (OSError, ValueError) as error:
            raise _not_fetched() from error
        if not found or not all(self._allowed(one) for one in found):
            raise _not_fetched()
        return str(found[0])


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, under the name that it was checked for."""

    def __init__(self, host: str, address: str, scheme: Scheme, seconds: float) -> None:
        super().__init__(host, scheme.port, timeout=seconds)
        self._address = address
        self._encrypted = scheme.name == "https"
        self.opened: socket.socket

    def connect(self) -> None:
        """Open the connection, encrypted where the scheme is, with the name's certificate."""
        self.opened = socket.create_connection((self._address, self.port), self.timeout)
        if self._encrypted:
            try:
                self.opened = ssl.create_default_context().wrap_socket(self.opened, server_hostname=self.host)
            except OSError:
                self.opened.close()
                raise
        self.sock = self.opened


def _resolve(host: str, port: int) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _not_fetched() -> FetchError:
    return FetchError("files are fetched from public https addresses alone, and this is none, or its name is not known")


def _no_answer() -> FetchError:
    return FetchError("the address did not answer in time with a whole file; download it yourself and send it")
