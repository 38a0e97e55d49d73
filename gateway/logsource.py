"""Where an outsider reads a published log: a folder, or the URL under which one is served (I/O).

Trust: none. What comes back is limited in size and time, and says nothing until `audit.monitor` has derived it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from audit.errors import PublicationError
from audit.files import FileTree
from audit.monitor import Fetch

TIMEOUT_SECONDS = 30.0  # for one answer to begin, and between any two parts of it
MAX_TRIES = 3  # a log of a million entries takes eight thousand requests; one that is lost should not end the visit


@contextmanager
def open_source(where: str) -> Iterator[Fetch]:
    """Open the log at `where`, a folder or an http(s) URL, which `/checkpoint` and `/tile/...` are below.

    What it gives raises `PublicationError` for a file that exists and cannot be had.
    """
    if not where.startswith(("http://", "https://")):
        folder = Path(where)
        if not folder.is_dir():
            raise PublicationError(f"{where} is neither a folder nor a URL that begins with http")
        tree = FileTree(folder)
        yield lambda name, max_bytes: tree.read(name, max_bytes=max_bytes)
        return
    with httpx.Client(timeout=TIMEOUT_SECONDS, headers={"User-Agent": "assay-log-audit"}) as client:
        base = where.rstrip("/")

        def fetch(name: str, max_bytes: int) -> bytes | None:
            for left in reversed(range(MAX_TRIES)):
                try:
                    return _get(client, f"{base}/{name}", max_bytes)
                except httpx.TransportError as error:
                    if not left:
                        raise PublicationError(f"{base}/{name} cannot be fetched: {type(error).__name__}") from error
                except httpx.HTTPError as error:
                    raise PublicationError(f"{base}/{name} cannot be fetched: {type(error).__name__}") from error
            return None

        try:
            yield fetch
        except httpx.InvalidURL as error:
            raise PublicationError(f"{where} is not a URL: {error}") from error


def _get(client: httpx.Client, url: str, max_bytes: int) -> bytes | None:
    with client.stream("GET", url) as answer:
        if answer.status_code in (404, 410):
            return None
        if answer.status_code != 200:
            raise PublicationError(f"{url} cannot be fetched: the server answers {answer.status_code}")
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > max_bytes:
                raise PublicationError(f"{url} is longer than {max_bytes} bytes; it is no file of this kind")
    return bytes(content)
