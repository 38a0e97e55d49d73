"""One request to somebody whom we do not trust: its answer may be huge, endless or slow, and we take none of that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx


class OutgoingError(Exception):
    """There is no usable answer; the message says why. Never leaves the modules that ask."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole."""

    status: int
    media_type: str  # without parameters, in lower case
    body: bytes


def open_client(*, timeout: float) -> httpx.Client:
    """Return a client that goes only where it is sent: no redirects, no proxy from the environment, no compression."""
    return httpx.Client(
        timeout=httpx.Timeout(timeout),
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity"},  # so that the limit on bytes is one on what is unpacked, too
    )


def post(client: httpx.Client, url: str, body: bytes, *, media_type: str, limit: int, deadline: float) -> Reply:
    """Send `body` and return the answer, at most `limit` bytes and read before `deadline` of the monotonic clock.

    Raises `OutgoingError`.
    """
    return ask(client, "POST", url, body=body, headers={"content-type": media_type}, limit=limit, deadline=deadline)


def ask(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str],
    limit: int,
    deadline: float,
) -> Reply:
    """Do as `post` does with any method and headers; raises `OutgoingError`."""
    content = bytearray()
    try:
        with client.stream(method, url, content=body, headers=dict(headers)) as response:
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > limit:
                    raise OutgoingError(f"its answer is longer than {limit} bytes")
                if time.monotonic() > deadline:
                    raise OutgoingError("its answer took too long")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OutgoingError(f"it cannot be reached ({type(error).__name__})") from error
    named = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Reply(response.status_code, named, bytes(content))
