"""Frames between the service and the process that speaks: writer and reader side by side.

A frame is the length of its head (4 bytes, big-endian), the head (JSON), and as many samples (float32, little-endian)
as the head's "samples" says.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import time
from typing import IO, Any, BinaryIO

import numpy as np

from synth.audio import Samples

MAX_HEAD_BYTES = 1 << 20  # the names of a model's speakers
MAX_FRAME_SAMPLES = 48_000 * 600  # ten minutes at the highest rate; one piece of text has a minute at most
_CHUNK = 1 << 16


class FrameError(Exception):
    """No whole frame came: `reason` says why, in words that fit after "the engine"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def write_frame(stream: BinaryIO, head: dict[str, Any], samples: Samples | None = None) -> None:
    """Write one frame and flush it."""
    body = b"" if samples is None else samples.astype("<f4").tobytes()
    encoded = json.dumps(head if samples is None else {**head, "samples": len(samples)}).encode()
    stream.write(struct.pack(">I", len(encoded)) + encoded + body)
    stream.flush()


def read_frame(stream: IO[bytes], *, deadline: float) -> tuple[dict[str, Any], Samples]:
    """Return the next frame's head and samples; raises `FrameError` at the end, after `deadline`, or for anything else.

    `stream` must be unbuffered; `deadline` is a time of `time.monotonic`.
    """
    (length,) = struct.unpack(">I", _read(stream, 4, deadline))
    if length > MAX_HEAD_BYTES:
        raise FrameError("sent something that is no frame")
    try:
        head = json.loads(_read(stream, length, deadline))
        count = int(head.get("samples", 0))
    except (ValueError, AttributeError, TypeError) as error:
        raise FrameError("sent something that is no frame") from error
    if not 0 <= count <= MAX_FRAME_SAMPLES:
        raise FrameError(f"sent {count} samples for one sentence")
    return head, np.frombuffer(_read(stream, 4 * count, deadline), dtype="<f4").astype(np.float32)


def _read(stream: IO[bytes], count: int, deadline: float) -> bytes:
    """Read exactly `count` bytes."""
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while count > 0:
            if not selector.select(max(deadline - time.monotonic(), 0.0)):
                raise FrameError("did not answer in time")
            part = os.read(stream.fileno(), min(count, _CHUNK))
            if not part:
                raise FrameError("ended")
            parts.append(part)
            count -= len(part)
    return b"".join(parts)
