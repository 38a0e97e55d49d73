"""Tags and chapters of M4A files, and the order of their boxes (pure).

Sources: ISO/IEC 14496-12 (boxes, `stco`); the QuickTime File Format Specification, "Metadata" (`ilst`, freeform items);
chapters as the `chpl` box that Nero introduced, which FFmpeg and players built on it read, and as the track of text
that Apple's players read (`synth/mp4chapters.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from synth.audio import ChapterMark
from synth.errors import AudioError
from synth.mp4chapters import chapter_reference, chapter_samples, chapter_track

Items = list[tuple[str, str]]
"""Pairs of a key and its text: a well-known one ("©nam"), or any other name for a freeform item of `FREEFORM_MEAN`."""

FREEFORM_MEAN = "com.apple.iTunes"
TEXT_TRACK = 2  # number of the track with the chapters; the sound is number 1
MAX_BOXES = 10_000  # a file of ours has about thirty
MAX_CHAPTERS = 255
MAX_CHAPTER_TITLE_BYTES = 255
_UTF8, _JPEG = 1, 13  # types of a `data` box
_HANDLER = b"\0\0\0\0" + b"\0\0\0\0" + b"mdirappl" + bytes(9)
_TICKS = 10_000_000  # of a `chpl` box in a second


def write_items(data: bytes, items: Items, chapters: Sequence[ChapterMark], cover: bytes = b"") -> bytes:
    """Return an M4A file with `items`, `chapters` and a JPEG `cover`, its index before the sound: it plays at once.

    Raises `AudioError` if the file is not one that we encoded: tagged already, fragmented, or more than 4 GiB.
    """
    top = list(_boxes(data, 0, len(data)))
    by_name = {name: (start, end) for name, start, end in top}
    if not {b"ftyp", b"moov", b"mdat"} <= set(by_name) or [name for name, _, _ in top].count(b"mdat") != 1:
        raise AudioError("these bytes are not an M4A file with one index and one body; encode first")
    moov = _untagged(data[by_name[b"moov"][0] + 8 : by_name[b"moov"][1]])
    udta = _box(b"udta", _metadata(items, cover) + _chapter_list(chapters))
    head = data[by_name[b"ftyp"][0] : by_name[b"ftyp"][1]]
    body = data[by_name[b"mdat"][0] : by_name[b"mdat"][1]]
    texts = chapter_samples(chapters)
    if texts:
        moov = _with_reference(moov)
    sized = bytearray(moov)

    def text_track(offset: int) -> bytes:
        if not texts:
            return b""
        return chapter_track(chapters, texts, track=TEXT_TRACK, duration=_seconds(moov), offset=offset)

    # The index grows by tags and chapters, but its own size does not depend on the offsets in it.
    size = len(head) + 8 + len(sized) + len(text_track(0)) + len(udta)
    _move_offsets(sized, size - by_name[b"mdat"][0])
    index = _box(b"moov", bytes(sized) + text_track(size + len(body) + 8) + udta)
    return b"".join([head, index, body, _box(b"mdat", b"".join(texts)) if texts else b""])


def read_items(data: bytes) -> tuple[Items, tuple[ChapterMark, ...], bytes]:
    """Return the items, chapters and cover (empty if none) of an M4A file.

    Raises `AudioError` if there are no tags or they are damaged.
    """
    udta = _path(data, b"moov", b"udta")
    meta = _child(udta, b"meta")
    if len(meta) < 4:
        raise AudioError("the metadata of the M4A file are cut off")
    ilst = _child(meta[4:], b"ilst")
    items: Items = []
    cover = b""
    for name, start, end in _boxes(ilst, 0, len(ilst)):
        parts = {part: ilst[a + 8 : b] for part, a, b in _boxes(ilst, start + 8, end)}
        if name == b"covr":
            cover = parts.get(b"data", b"")[8:]
            continue
        key = name.decode("latin-1")
        if name == b"----":
            if parts.get(b"mean", b"")[4:] != FREEFORM_MEAN.encode():
                continue  # safe to ignore because it is none of ours
            key = parts.get(b"name", b"")[4:].decode("utf-8", "replace")
        items.append((key, parts.get(b"data", b"")[8:].decode("utf-8", "replace")))
    if not items:
        raise AudioError("the M4A file carries no tags")
    lists = [udta[start + 8 : end] for name, start, end in _boxes(udta, 0, len(udta)) if name == b"chpl"]
    return items, _parse_chapters(lists[0]) if lists else (), cover


def _with_reference(moov: bytes) -> bytes:
    """Return the index with room for a track of text, to which the track of sound refers."""
    kept = b""
    for name, start, end in _boxes(moov, 0, len(moov)):
        if name == b"mvhd":
            kept += moov[start : end - 4] + struct.pack(">I", TEXT_TRACK + 1)  # the next number of a track
        elif name == b"trak":
            kept += _box(b"trak", moov[start + 8 : end] + chapter_reference(TEXT_TRACK))
        else:
            kept += moov[start:end]
    return kept


def _seconds(moov: bytes) -> float:
    """Return the length that the head of the index states."""
    head = _child(moov, b"mvhd")
    if len(head) < 20 or head[0] != 0:
        raise AudioError("the head of the M4A file's index is not one that we encode")
    scale, length = struct.unpack_from(">II", head, 12)
    return length / scale if scale else 0.0


def _untagged(moov: bytes) -> bytes:
    """Return the index without the user data that encoders write; tags of somebody else are an error."""
    kept = b""
    for name, start, end in _boxes(moov, 0, len(moov)):
        if name != b"udta":
            kept += moov[start:end]
            continue
        ilst = _child(_child(moov[start + 8 : end], b"meta")[4:], b"ilst")
        if any(item != b"\xa9too" for item, _, _ in _boxes(ilst, 0, len(ilst))):
            raise AudioError("the M4A file already carries tags; tags are written once, right after encoding")
    return kept


def _metadata(items: Items, cover: bytes) -> bytes:
    entries = b""
    for key, text in items:
        value = _box(b"data", struct.pack(">II", _UTF8, 0) + text.encode("utf-8", "replace"))
        if key.startswith("©"):
            entries += _box(key.encode("latin-1"), value)
        else:
            mean = _box(b"mean", bytes(4) + FREEFORM_MEAN.encode())
            entries += _box(b"----", mean + _box(b"name", bytes(4) + key.encode()) + value)
    if cover:
        entries += _box(b"covr", _box(b"data", struct.pack(">II", _JPEG, 0) + cover))
    return _box(b"meta", bytes(4) + _box(b"hdlr", _HANDLER) + _box(b"ilst", entries))


def _chapter_list(chapters: Sequence[ChapterMark]) -> bytes:
    if not chapters:
        return b""
    if len(chapters) > MAX_CHAPTERS:
        raise AudioError(
            f"{len(chapters)} chapters do not fit in a tag; merge some, at most {MAX_CHAPTERS} are possible"
        )
    body = b"\x01\0\0\0" + bytes(4) + bytes([len(chapters)])
    for chapter in chapters:
        title = chapter.title.encode("utf-8", "replace")[:MAX_CHAPTER_TITLE_BYTES].decode("utf-8", "ignore").encode()
        body += struct.pack(">QB", round(chapter.start * 1000) * (_TICKS // 1000), len(title)) + title
    return _box(b"chpl", body)


def _parse_chapters(body: bytes) -> tuple[ChapterMark, ...]:
    chapters: list[ChapterMark] = []
    place = 9
    for _ in range(body[8] if len(body) > 8 else 0):
        if place + 9 > len(body):
            raise AudioError("the chapters of the M4A file are cut off")
        start, size = struct.unpack_from(">QB", body, place)
        place += 9 + size
        if place > len(body):
            raise AudioError("a chapter of the M4A file is cut off")
        chapters.append(ChapterMark(start / _TICKS, body[place - size : place].decode("utf-8", "replace")))
    return tuple(chapters)


def _move_offsets(moov: bytearray, by: int) -> None:
    """Add `by` to every offset of a chunk of sound; the index itself keeps its size."""
    frozen = bytes(moov)
    for name, start, end in _boxes(frozen, 0, len(frozen)):
        if name != b"trak":
            continue
        table = (start + 8, end)
        for step in (b"mdia", b"minf", b"stbl", b"stco"):
            found = [(a + 8, b) for inner, a, b in _boxes(frozen, *table) if inner == step]
            if len(found) != 1:
                raise AudioError(f"the index of the M4A file has {len(found)} boxes '{step.decode()}' instead of one")
            table = found[0]
        place = table[0] + 4
        (count,) = struct.unpack_from(">I", frozen, place)
        if place + 4 + 4 * count > table[1]:
            raise AudioError("the index of the M4A file is cut off")
        for number in range(count):
            (offset,) = struct.unpack_from(">I", frozen, place + 4 + 4 * number)
            struct.pack_into(">I", moov, place + 4 + 4 * number, offset + by)


def _path(data: bytes, *names: bytes) -> bytes:
    for name in names:
        data = _child(data, name)
    return data


def _child(data: bytes, name: bytes) -> bytes:
    found = [data[start + 8 : end] for inner, start, end in _boxes(data, 0, len(data)) if inner == name]
    if len(found) != 1:
        raise AudioError(f"the M4A file has {len(found)} boxes '{name.decode()}' in one place instead of one: no tags")
    return found[0]


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) of the boxes between two places; those with 64-bit sizes are refused."""
    place = start
    for _ in range(MAX_BOXES):
        if place + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8 or place + size > end:
            raise AudioError(f"the box {name!r} of the M4A file is cut off, or larger than 4 GiB")
        yield name, place, place + size
        place += size
    raise AudioError(f"the M4A file has more than {MAX_BOXES} boxes")


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body
