"""Serving a stored file: conditional requests, byte ranges, and honest headers (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.api.ranges import ByteRange, parse_ranges

CHUNK_BYTES = 65_536  # what one read costs in memory per listener
# The URL names the bytes, so it can never mean others; but they can be taken back, which caches must notice in time.
PUBLISHED = "public, max-age=3600, must-revalidate"
PRIVATE = "no-store"
PUBLIC_HEADERS = {  # published files may be played and read by any page
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file to serve: how to open it, and what never changes about it."""

    open: Callable[[], BinaryIO]  # raises the gateway's own errors
    size: int  # bytes
    media_type: str
    etag: str  # strong, without quotes


class OpenFileResponse(StreamingResponse):
    """Streams parts of an open file, and closes it also when the listener leaves in the middle."""

    def __init__(self, file: BinaryIO, parts: Iterator[bytes], status: int, headers: dict[str, str], media_type: str):
        super().__init__(parts, status, headers, media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts."""
        with self._file:
            await super().__call__(scope, receive, send)


def is_unchanged(request: Request, etag: str) -> bool:
    """Return True when the client's `If-None-Match` names this entity (weak comparison, RFC 9110 section 13.1.2)."""
    header = request.headers.get("if-none-match", "")
    candidates = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in candidates or f'"{etag}"' in candidates


def serve_file(request: Request, file: StoredFile, headers: dict[str, str]) -> Response:
    """Answer GET or HEAD for `file`: 200, 206, or 304. Raises `RangeNotSatisfiableError` for 416."""
    common = {**headers, "ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
    if is_unchanged(request, file.etag):
        return Response(status_code=304, headers=common)
    ranges = _wanted(request, file)
    if ranges is None:
        return _respond(request, file, [ByteRange(0, file.size)], 200, common)
    if len(ranges) == 1:
        common["Content-Range"] = f"bytes {ranges[0].start}-{ranges[0].end - 1}/{file.size}"
        return _respond(request, file, list(ranges), 206, common)
    return _respond_multipart(file, ranges, common)


def _wanted(request: Request, file: StoredFile) -> tuple[ByteRange, ...] | None:
    header = request.headers.get("range")
    if header is None or request.method != "GET":  # RFC 9110 section 14.2: Range is defined for GET alone
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != f'"{file.etag}"':
        return None  # the client holds part of something else: it gets the whole file
    return parse_ranges(header, file.size)


def _respond(
    request: Request, file: StoredFile, ranges: list[ByteRange], status: int, headers: dict[str, str]
) -> Response:
    headers["Content-Length"] = str(sum(one.length for one in ranges))
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    # Opened here, not in the generator: a missing file must become a problem document, not a broken 200.
    stream = file.open()
    parts = (chunk for one in ranges for chunk in _read_range(stream, one))
    return OpenFileResponse(stream, parts, status, headers, file.media_type)


def _read_range(stream: BinaryIO, wanted: ByteRange) -> Iterator[bytes]:
    stream.seek(wanted.start)
    left = wanted.length
    while left > 0:
        chunk = stream.read(min(CHUNK_BYTES, left))
        if not chunk:
            return  # the file is shorter than its row says: the length header makes the client notice
        left -= len(chunk)
        yield chunk


def _respond_multipart(file: StoredFile, ranges: tuple[ByteRange, ...], headers: dict[str, str]) -> Response:
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {file.media_type}\r\n"
        f"Content-Range: bytes {one.start}-{one.end - 1}/{file.size}\r\n\r\n".encode()
        for one in ranges
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(one.length for one in ranges) + len(tail)
    headers["Content-Length"] = str(length)
    stream = file.open()

    def parts() -> Iterator[bytes]:
        for head, one in zip(heads, ranges, strict=True):
            yield head
            yield from _read_range(stream, one)
        yield tail

    return OpenFileResponse(stream, parts(), 206, headers, f"multipart/byteranges; boundary={boundary}")
