"""Tells from a file's structure whether its end is missing, before anything is decoded.

Each container says somewhere how much belongs to it: WAV in its chunks, MP3 in the Info frame of its encoder, MP4 in
its boxes, Ogg in the flag of its last page. (FLAC says it in samples; `synth.decode` compares those.)
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from synth.errors import AudioError
from synth.mpeg import first_mp3_frame, mp3_frame_bytes
from synth.riff import MAX_CHUNKS, UNKNOWN_SIZE

_OGG_TAIL = 1 << 17  # two pages of the largest size
_END_OF_STREAM = 0x04
_PADDING_BYTES = 1 << 16  # zeros that may stand between an ID3 tag and the first frame
_V1_TAG_BYTES = 128


def refuse_truncated(file: BinaryIO, size: int, media_type: str) -> None:
    """Raise `AudioError` if `file` of `size` bytes does not hold all that its structure announces."""
    check = {"audio/wav": _wav, "audio/mpeg": _mp3, "audio/mp4": _mp4, "audio/ogg": _ogg}.get(media_type)
    if check is not None:
        check(file, size)


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _wav(file: BinaryIO, size: int) -> None:
    place = 12
    for _ in range(MAX_CHUNKS):
        header = _read(file, place, 8)
        if len(header) < 8:
            raise AudioError("the WAV file is truncated: it has no samples")
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            if length != UNKNOWN_SIZE and place + 8 + length > size:
                raise AudioError(f"the WAV file is truncated: {size - place - 8} of {length} bytes are there")
            if length == 0:
                raise AudioError("the WAV file holds no samples")
            return
        place += 8 + length + length % 2
    raise AudioError(f"the WAV file has no samples in its first {MAX_CHUNKS} chunks")


def _mp3(file: BinaryIO, size: int) -> None:
    start = 0
    header = _read(file, 0, 10)
    if header[:3] == b"ID3":
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=True))
        if start >= size:
            raise AudioError("the MP3 file is truncated inside its tag")
    head = _read(file, start, _PADDING_BYTES)
    skipped = len(head) - len(head.lstrip(b"\x00"))
    if header[:3] != b"ID3":
        skipped = first_mp3_frame(head) or skipped  # a stream that was cut open begins in the middle of a frame
    start, head = start + skipped, head[skipped:]
    length = mp3_frame_bytes(head[:4])
    if length is None:
        raise AudioError("the file begins like an MP3 but holds no MPEG layer III audio")
    if size - start < length:
        raise AudioError("the MP3 file is truncated inside its first frame")
    # Chance gives four plausible bytes once in some thousand files of noise; twice at the right distance it does not.
    if size - start > length + _V1_TAG_BYTES and mp3_frame_bytes(_read(file, start + length, 4)) is None:
        raise AudioError("the file begins like an MP3 but its second frame is not one: this is not audio")
    _info_frame(head[:length], size - start)


def _info_frame(frame: bytes, available: int) -> None:
    """Compare the length that an Info or Xing frame announces with what is there (both count from this frame on)."""
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if not 0 < place <= 36 or len(frame) < place + 16:
        return
    flags = int.from_bytes(frame[place + 4 : place + 8], "big")
    if flags & 3 != 3:
        return
    announced = int.from_bytes(frame[place + 12 : place + 16], "big")
    if announced > available:
        raise AudioError(f"the MP3 file is truncated: {available} of {announced} bytes are there")


def _mp4(file: BinaryIO, size: int) -> None:
    place = 0
    names = set()
    for _ in range(MAX_CHUNKS):
        header = _read(file, place, 16)
        if len(header) < 8:
            break
        length, name = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            length = struct.unpack_from(">Q", header, 8)[0]
        elif length == 0:
            length = size - place
        if length < 8 or place + length > size:
            raise AudioError(f"the MP4 file is truncated or damaged inside its box {name!r}")
        names.add(name)
        place += length
    if not {b"moov", b"mdat"} <= names:
        raise AudioError("the MP4 file is truncated: it lacks its index or its samples")


def _ogg(file: BinaryIO, size: int) -> None:
    tail = _read(file, max(size - _OGG_TAIL, 0), _OGG_TAIL)
    place = tail.rfind(b"OggS")
    page = tail[place:]
    if place < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        raise AudioError("the Ogg file is truncated: its last page is not there")
    length = 27 + page[26] + sum(page[27 : 27 + page[26]])
    if len(page) < length or not page[5] & _END_OF_STREAM:
        raise AudioError("the Ogg file is truncated: its stream does not end")
