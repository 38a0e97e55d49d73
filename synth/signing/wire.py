"""How a signer process and its callers talk: one request and one answer for each connection, as JSON with its length.

A message is four bytes, big-endian, with its length, and then that many bytes of JSON. Requests are
`{"use": "certificate"}` and `{"use": "claim", "data": base64}`; an answer is `{"outcome": ...}` with one of `Outcome`.
"""

from __future__ import annotations

import base64
import binascii
import json
import socket
import struct
from enum import StrEnum
from typing import Any

MAX_MESSAGE_BYTES = 131_072  # a claim of 64 KiB in base64, and the certificates
_LENGTH = struct.Struct(">I")


class Outcome(StrEnum):
    """How a request ended."""

    DONE = "done"  # with "signature", or "chain"
    REFUSED = "refused"  # with "reason"; asking again will not help
    BUSY = "busy"  # with "reason"; asking later will


class WireError(Exception):
    """A message is cut off, too long, or not one."""


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message; raises `OSError`."""
    body = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket) -> dict[str, Any]:
    """Return one message; raises `WireError` or `OSError`, among them the connection's timeout."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > MAX_MESSAGE_BYTES:
        raise WireError(f"{length} bytes are more than a message has")
    try:
        message = json.loads(_exactly(connection, length))
    except (ValueError, RecursionError) as error:
        raise WireError("the message is not JSON") from error
    if not isinstance(message, dict):
        raise WireError("the message is not a JSON object")
    return message


def binary(message: dict[str, Any], name: str) -> bytes:
    """Return a field that holds base64; raises `WireError`."""
    value = message.get(name)
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise WireError(f"'{name}' is not base64") from error
    raise WireError(f"the message has no '{name}'")


def text(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0:
        part = connection.recv(min(length, 65_536))
        if not part:
            raise WireError("the connection ended in the middle of a message")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
