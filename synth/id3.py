"""ID3v2 tags as frames: writes version 2.3, reads 2.3 and 2.4 (pure).

Sources: id3.org, "ID3 tag version 2.3.0", "2.4.0 - Main Structure" and "Chapter Frame Addendum". We write 2.3 because
every player reads it; signing tools may turn it into 2.4, so both are read. Compressed, encrypted and otherwise
transformed frames are skipped: we write none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synth.audio import ChapterMark
from synth.errors import AudioError

MAX_TAG_BYTES = 64 << 20  # a tag holds text and a cover picture; the format allows 256 MiB
_HEADER = 10
_FRAME_HEADER = 10
_FRONT_COVER = 3  # picture type
_NO_OFFSET = 0xFFFF_FFFF  # chapters are addressed by time, not by byte
_TOP_LEVEL_ORDERED = 0x03  # flags of the table of contents
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")  # by the encoding byte; the last two exist in 2.4 only


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `id` has four characters."""

    id: str
    body: bytes


def text_frame(frame_id: str, text: str) -> Frame:
    """Return a text frame (T000..TZZZ except TXXX)."""
    return Frame(frame_id, _encoded(text))


def described_text_frame(description: str, text: str) -> Frame:
    """Return a TXXX frame; plain ASCII stays readable in the bytes of the file."""
    marker, encoding, end = _encoding_for(description + text)
    return Frame("TXXX", marker + _text(description, encoding) + end + _text(text, encoding))


def comment_frame(language: str, text: str) -> Frame:
    """Return a COMM frame without description; `language` is an ISO 639-2 code of three letters."""
    marker, encoding, end = _encoding_for(text)
    return Frame("COMM", marker + language.encode("ascii") + _text("", encoding) + end + _text(text, encoding))


def link_frame(description: str, url: str) -> Frame:
    """Return a WXXX frame; URLs are ASCII."""
    return Frame("WXXX", b"\x00" + description.encode("latin-1") + b"\x00" + url.encode("ascii"))


def picture_frame(jpeg: bytes) -> Frame:
    """Return an APIC frame: the front cover, without description."""
    return Frame("APIC", b"\x00image/jpeg\x00" + bytes([_FRONT_COVER]) + b"\x00" + jpeg)


def picture_of(frame: Frame) -> bytes:
    """Return the picture of an APIC frame."""
    encoding = frame.body[0] if frame.body else 0
    _, _, rest = frame.body[1:].partition(b"\x00")  # the media type is Latin-1 in every encoding
    return _split(rest[1:], encoding)[1]


def chapter_frames(chapters: Sequence[ChapterMark], duration: float) -> list[Frame]:
    """Return a CTOC frame and a CHAP frame per chapter; each ends where the next begins, the last at `duration`."""
    if not chapters:
        return []
    ids = [f"chp{number}".encode() + b"\x00" for number in range(len(chapters))]
    if len(ids) > 255:
        raise AudioError(f"{len(ids)} chapters do not fit in a tag; merge some, at most 255 are possible")
    frames = [Frame("CTOC", b"toc\x00" + bytes([_TOP_LEVEL_ORDERED, len(ids)]) + b"".join(ids))]
    ends = [*(chapter.start for chapter in chapters[1:]), max(duration, chapters[-1].start)]
    for element_id, chapter, end in zip(ids, chapters, ends, strict=True):
        times = struct.pack(">4I", round(chapter.start * 1000), round(end * 1000), _NO_OFFSET, _NO_OFFSET)
        frames.append(Frame("CHAP", element_id + times + _frame_bytes(text_frame("TIT2", chapter.title))))
    return frames


def write_tag(frames: Sequence[Frame]) -> bytes:
    """Return a complete ID3v2.3 tag without padding."""
    body = b"".join(_frame_bytes(frame) for frame in frames)
    if len(body) > MAX_TAG_BYTES:
        raise AudioError(f"the tag has {len(body)} bytes, more than {MAX_TAG_BYTES}; shorten it")
    return b"ID3\x03\x00\x00" + _synchsafe(len(body)) + body


def read_tag(data: bytes) -> list[Frame]:
    """Return the frames of the tag that `data` begins with; raise `AudioError` if there is none or it is broken."""
    if len(data) < _HEADER or data[:3] != b"ID3":
        raise AudioError("the file carries no ID3v2 tag")
    version, flags, size = data[3], data[5], _from_synchsafe(data[6:10])
    if version not in (3, 4):
        raise AudioError(f"ID3v2.{version} is not read; only 2.3 and 2.4 are")
    if size > MAX_TAG_BYTES or _HEADER + size > len(data):
        raise AudioError(f"the ID3 tag claims {size} bytes, more than there are or than is sensible")
    body = data[_HEADER : _HEADER + size]
    if flags & 0x80 and version == 3:
        body = body.replace(b"\xff\x00", b"\xff")
    if flags & 0x40:
        length = int.from_bytes(body[:4], "big") + 4 if version == 3 else _from_synchsafe(body[:4])
        body = body[length:]
    return list(_frames(body, version))


def text_of(frame: Frame) -> str:
    """Return the text of a text frame."""
    return _decode(frame.body[1:], frame.body[0] if frame.body else 0).rstrip("\x00")


def described_of(frame: Frame) -> tuple[str, str]:
    """Return (description, value) of a TXXX or WXXX frame."""
    encoding = frame.body[0] if frame.body else 0
    description, value = _split(frame.body[1:], encoding)
    return _decode(description, encoding), _decode(value, 0 if frame.id == "WXXX" else encoding).rstrip("\x00")


def comment_of(frame: Frame) -> str:
    """Return the text of a COMM frame."""
    encoding = frame.body[0] if frame.body else 0
    return _decode(_split(frame.body[4:], encoding)[1], encoding).rstrip("\x00")


def chapter_of(frame: Frame, version: int = 3) -> tuple[float, float, str]:
    """Return (start, end, title) of a CHAP frame, in seconds."""
    element_id, _, rest = frame.body.partition(b"\x00")
    if len(rest) < 16:
        raise AudioError(f"the chapter {element_id[:20]!r} is cut off")
    start, end = struct.unpack_from(">2I", rest)
    titles = [text_of(inner) for inner in _frames(rest[16:], version) if inner.id == "TIT2"]
    return start / 1000, end / 1000, titles[0] if titles else ""


def _frames(body: bytes, version: int) -> Iterator[Frame]:
    place = 0
    while place + _FRAME_HEADER <= len(body) and body[place] != 0:
        frame_id = body[place : place + 4].decode("latin-1")
        raw = body[place + 4 : place + 8]
        size = int.from_bytes(raw, "big") if version == 3 else _from_synchsafe(raw)
        flags = body[place + 9]  # how the body is transformed; 0 means not at all
        place += _FRAME_HEADER
        if place + size > len(body):
            raise AudioError(f"the frame {frame_id!r} of the tag is cut off")
        if flags == 0:
            yield Frame(frame_id, body[place : place + size])
        place += size


def _frame_bytes(frame: Frame) -> bytes:
    return frame.id.encode("ascii") + struct.pack(">IH", len(frame.body), 0) + frame.body


def _encoding_for(text: str) -> tuple[bytes, str, bytes]:
    """Return the encoding byte, codec and terminator: Latin-1 where it suffices, because it takes half the space."""
    if text.isascii():
        return b"\x00", "latin-1", b"\x00"
    return b"\x01", "utf-16", b"\x00\x00"


def _encoded(text: str) -> bytes:
    marker, encoding, _ = _encoding_for(text)
    return marker + _text(text, encoding)


def _text(text: str, encoding: str) -> bytes:
    if encoding == "utf-16":
        return b"\xff\xfe" + text.encode("utf-16-le", errors="replace")
    return text.encode(encoding)


def _decode(raw: bytes, encoding: int) -> str:
    if encoding >= len(_ENCODINGS):
        raise AudioError(f"a text of the tag has the unknown encoding {encoding}")
    return raw.decode(_ENCODINGS[encoding], errors="replace")


def _split(raw: bytes, encoding: int) -> tuple[bytes, bytes]:
    """Split at the first terminator, which has two bytes, aligned, in the UTF-16 encodings."""
    if encoding not in (1, 2):
        first, _, second = raw.partition(b"\x00")
        return first, second
    for place in range(0, len(raw) - 1, 2):
        if raw[place : place + 2] == b"\x00\x00":
            return raw[:place], raw[place + 2 :]
    return raw, b""


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _from_synchsafe(raw: bytes) -> int:
    number = 0
    for byte in raw:
        number = number << 7 | byte & 0x7F
    return number
