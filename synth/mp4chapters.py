"""Chapters of an M4A file as a track of text, which Apple's players read (pure).

Source: QuickTime File Format Specification, "Chapter Lists" and "Text Media". Each chapter is a sample: the length of
its title in two bytes, the title, and an atom that says it is UTF-8. The sound refers to the track by `chap`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from synth.audio import ChapterMark

TIME_SCALE = 1_000  # per second
MAX_TITLE_BYTES = 1_000
_IN_MOVIE = 2  # track flag; not enabled, because nobody plays it
_UNITY = struct.pack(">9I", 0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000)
_ENCODING = struct.pack(">I4sI", 12, b"encd", 0x100)  # UTF-8
_LANGUAGE_UNDETERMINED = 0x55C4


def chapter_samples(chapters: Sequence[ChapterMark]) -> list[bytes]:
    """Return the sample of each chapter."""
    samples = []
    for chapter in chapters:
        title = chapter.title.encode("utf-8", "replace")[:MAX_TITLE_BYTES].decode("utf-8", "ignore").encode()
        samples.append(struct.pack(">H", len(title)) + title + _ENCODING)
    return samples


def chapter_track(
    chapters: Sequence[ChapterMark], samples: Sequence[bytes], *, track: int, duration: float, offset: int
) -> bytes:
    """Return the `trak` box of number `track`, its samples one after another from byte `offset` of the file on.

    The first chapter begins at 0, because a track of text has no holes; the last one ends at `duration` seconds. The
    size of the box does not depend on `offset`.
    """
    starts = [0, *(round(chapter.start * TIME_SCALE) for chapter in chapters[1:])]
    ends = [*starts[1:], max(round(duration * TIME_SCALE), starts[-1] + 1)]
    lengths = [max(1, end - start) for start, end in zip(starts, ends, strict=True)]
    total = sum(lengths)
    head = struct.pack(">IIIIII", _IN_MOVIE, 0, 0, track, 0, total) + bytes(16) + _UNITY + bytes(8)
    media = struct.pack(">IIIIIHH", 0, 0, 0, TIME_SCALE, total, _LANGUAGE_UNDETERMINED, 0)
    handler = bytes(4) + b"mhlrtext" + bytes(12) + b"\0"
    general = _box(b"gmin", struct.pack(">IHHHHHH", 0, 0x40, 0x8000, 0x8000, 0x8000, 0, 0))
    general += _box(b"text", _UNITY)
    table = (
        _box(b"stsd", bytes(4) + struct.pack(">I", 1) + _box(b"text", bytes(6) + struct.pack(">H", 1) + bytes(43)))
        + _box(b"stts", struct.pack(">II", 0, len(lengths)) + b"".join(struct.pack(">II", 1, one) for one in lengths))
        + _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(samples), 1))
        + _box(b"stsz", struct.pack(">III", 0, 0, len(samples)) + b"".join(struct.pack(">I", len(s)) for s in samples))
        + _box(b"stco", struct.pack(">III", 0, 1, offset))
    )
    references = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1) + _box(b"url ", struct.pack(">I", 1))))
    information = _box(b"minf", _box(b"gmhd", general) + references + _box(b"stbl", table))
    inner = _box(b"mdhd", media) + _box(b"hdlr", handler) + information
    return _box(b"trak", _box(b"tkhd", head) + _box(b"mdia", inner))


def chapter_reference(track: int) -> bytes:
    """Return the `tref` box that makes `track` the chapters of the track that it stands in."""
    return _box(b"tref", _box(b"chap", struct.pack(">I", track)))


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body
