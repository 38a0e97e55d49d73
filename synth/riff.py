"""The chunks of a WAV file (RIFF: Multimedia Programming Interface and Data Specifications 1.0, 1991) (pure)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from synth.errors import AudioError

MAX_CHUNKS = 1000  # a WAV file has a handful; thousands are an attempt to be slow
UNKNOWN_SIZE = 0xFFFF_FFFF  # what writers to a pipe leave in the data chunk


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `name` has four bytes."""

    name: bytes
    data: bytes | memoryview  # of the sound itself a view: an hour of it has 320 MB

    def to_bytes(self) -> bytes:
        """Return name, size and data, padded to an even length."""
        return struct.pack("<4sI", self.name, len(self.data)) + bytes(self.data) + b"\x00" * (len(self.data) % 2)


def split_chunks(data: bytes) -> list[Chunk]:
    """Return the chunks of a WAV file in order; raise `AudioError` if it is none, or a chunk is cut off."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise AudioError("these bytes are not a WAV file")
    chunks: list[Chunk] = []
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        place += 8
        if place + size > len(data):
            raise AudioError(f"the WAV file is truncated: chunk {name!r} has {len(data) - place} of {size} bytes")
        if len(chunks) == MAX_CHUNKS:
            raise AudioError(f"the WAV file has more than {MAX_CHUNKS} chunks")
        chunks.append(
            Chunk(name, memoryview(data)[place : place + size] if name == b"data" else data[place : place + size])
        )
        place += size + size % 2
    return chunks


def join_chunks(chunks: list[Chunk]) -> bytes:
    """Return a WAV file of `chunks`."""
    # Part by part, because an hour of sound has 320 MB and every sum of bytes would be another copy of it.
    parts: list[bytes | memoryview] = []
    for chunk in chunks:
        parts += [struct.pack("<4sI", chunk.name, len(chunk.data)), chunk.data, b"\x00" * (len(chunk.data) % 2)]
    size = 4 + sum(map(len, parts))
    if size > UNKNOWN_SIZE:
        raise AudioError("the chunks do not fit in a WAV file; split the programme")
    return b"".join([struct.pack("<4sI4s", b"RIFF", size, b"WAVE"), *parts])
