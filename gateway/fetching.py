"""Going to an address that a stranger names, without lending them this machine's place in the network.

`UrlFetcher` fetches a file, `UrlPoster` leaves a message.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from gateway.errors import FetchError, TooLargeError

MOST_REDIRECTS = 3
MOST_CHARACTERS = 2_048  # of an address
CONNECT_SECONDS = 10.0  # until a connection stands
FETCH_SECONDS = 60.0  # for everything, redirects among it
CHUNK_BYTES = 1 << 16
USER_AGENT = "Assay"
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


class _Reach:
    """Gets to public addresses and to no others, and is back in time."""

    silence = "the address did not answer in time"

    def __init__(
        self, *, seconds: float, scheme: Scheme | None, resolve: Resolve | None, allowed: Callable[[Address], bool]
    ) -> None:
        self._seconds = seconds
        self._scheme = scheme or Scheme()
        self._resolve = resolve or _resolve
        self._allowed = allowed

    @contextmanager
    def _in_time(self) -> Iterator[tuple[list[socket.socket], threading.Event]]:
        """Give up, by hanging up on everybody, when the time for all of it is over."""
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
            yield connections, over
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(self.silence) from error
        finally:
            timer.cancel()
            for connection in connections:
                connection.close()

    def _connected(self, url: str, connections: list[socket.socket]) -> tuple[_Pinned, str]:
        """Return a connection to whoever `url` names, and the path to ask for; 1. to 3. above."""
        parts = self._parsed(url)  # 1.
        host = str(parts.hostname)
        address = self._checked(host)  # 2.
        connection = _Pinned(host, address, self._scheme, min(CONNECT_SECONDS, self._seconds))  # 3.
        connection.connect()
        connection.opened.settimeout(self._seconds)
        connections.append(connection.opened)
        return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

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


class UrlFetcher(_Reach):
    """Fetches files from public addresses; safe for several threads."""

    silence = "the address did not answer in time with a whole file; download it yourself and send it"

    def __init__(
        self,
        *,
        most_bytes: int,
        seconds: float = FETCH_SECONDS,
        scheme: Scheme | None = None,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
    ) -> None:
        super().__init__(seconds=seconds, scheme=scheme, resolve=resolve, allowed=allowed)
        self._most_bytes = most_bytes

    def fetch(self, url: str) -> bytes:
        """Return the file at `url`; raises `FetchError`, or `TooLargeError` beyond the size."""
        with self._in_time() as (connections, over):
            for _ in range(MOST_REDIRECTS + 1):
                content, url = self._hop(url, connections)
                if over.is_set():
                    raise FetchError(self.silence)
                if content is not None:
                    return content
        raise FetchError(self.silence)

    def _hop(self, url: str, connections: list[socket.socket]) -> tuple[bytes | None, str]:
        """Return the content, or None and where it is said to be."""
        connection, path = self._connected(url, connections)
        # 4.
        connection.request(
            "GET", path, headers={"Accept": "audio/*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
        )
        answer = connection.getresponse()
        if answer.status in _REDIRECTS:
            return None, urljoin(url, answer.headers.get("Location", ""))
        if answer.status != 200 or answer.headers.get("Content-Encoding", "identity") != "identity":
            raise FetchError(self.silence)
        return self._read(answer), url

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while chunk := answer.read(CHUNK_BYTES):
            content += chunk
            if len(content) > self._most_bytes:
                raise TooLargeError(f"the file exceeds {self._most_bytes} bytes", limit=self._most_bytes)
        if answer.length:  # the connection ended before all of it came
            raise FetchError(self.silence)
        return bytes(content)


@dataclass(frozen=True, slots=True)
class Receipt:
    """How somebody answered a message."""

    status: int
    retry_after: int | None  # seconds, where they ask for that


class UrlPoster(_Reach):
    """Posts messages to public addresses, without following anybody anywhere; safe for several threads.

    `inside` are hosts with ports, such as "127.0.0.1:9000", that the operator names: they may be anywhere in the own
    network, and are spoken to in plain http where the address says so.
    """

    def __init__(
        self,
        *,
        seconds: float,
        inside: Sequence[str] = (),
        scheme: Scheme | None = None,
        resolve: Resolve | None = None,
        allowed: Callable[[Address], bool] = is_public,
    ) -> None:
        super().__init__(seconds=seconds, scheme=scheme, resolve=resolve, allowed=allowed)
        self._inside = frozenset(one.lower() for one in inside)

    def check(self, url: str) -> None:
        """Insist that messages may go to `url` as far as its text tells; raises `FetchError`."""
        self._towards(url)._parsed(url)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Send `body` once and return the answer's status; its content is not read. Raises `FetchError`."""
        reach = self._towards(url)
        with reach._in_time() as (connections, over):
            connection, path = reach._connected(url, connections)
            connection.request("POST", path, body, {"User-Agent": USER_AGENT, "Accept": "*/*", **headers})
            answer = connection.getresponse()
            if over.is_set():
                raise FetchError(self.silence)
            asked = answer.headers.get("Retry-After", "")
            return Receipt(answer.status, int(asked) if asked.isascii() and asked.isdigit() else None)

    def _towards(self, url: str) -> _Reach:
        """Return who may go there: this one, or one that may go to a host inside."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return self
        if parts.scheme not in ("http", "https") or f"{parts.hostname}:{port}" not in self._inside:
            return self
        return _Reach(
            seconds=self._seconds, scheme=Scheme(parts.scheme, port), resolve=self._resolve, allowed=lambda _: True
        )


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
    return FetchError("the service speaks to public https addresses alone, and this is none, or its name is not known")
