"""Covers: strangers' pictures become small, plain ones, and hostile ones never get as far as a decoder."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest

import gateway
from synth.errors import AssetError
from synth.pictures import SMALL_BYTES, read_cover, small
from tests.sound_files import film

PNG = (Path(gateway.__file__).parent / "static" / "cover.png").read_bytes()


def png(width: int, height: int, *, rows: int = 1) -> bytes:
    """Return a grey PNG that claims a size and holds so many rows."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pixels = zlib.compress((b"\x00" + b"\x80" * width) * rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def size_of(data: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0))
    return frame.width, frame.height


def test_png_becomes_a_jpeg_of_the_size_that_players_show() -> None:
    cover = read_cover(png(3_000, 1_500, rows=1_500))
    assert cover.data.startswith(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    assert (cover.width, cover.height) == size_of(cover.data) == (1_400, 700)


def test_small_picture_keeps_its_size() -> None:
    cover = read_cover(png(500, 500, rows=500))
    assert (cover.width, cover.height) == (500, 500)


def test_what_stands_beside_the_pixels_stays_behind() -> None:
    jpeg = read_cover(PNG).data
    secret = b"GPS 53.5511 N 9.9937 E"
    exif = b"\xff\xe1" + struct.pack(">H", len(secret) + 8) + b"Exif\x00\x00" + secret
    for data in (jpeg[:2] + exif + jpeg[2:], jpeg + secret):
        assert secret in data
        assert secret not in read_cover(data).data


def test_same_picture_gives_the_same_bytes() -> None:
    assert read_cover(PNG) == read_cover(PNG)


def test_thumbnail_fits_into_a_page_of_an_ogg_file() -> None:
    thumbnail = small(read_cover(PNG))
    assert len(thumbnail.data) <= SMALL_BYTES
    assert size_of(thumbnail.data) == (thumbnail.width, thumbnail.height)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a billion pixels": (lambda: png(50_000, 50_000), "50000 x 50000"),
    "one pixel": (lambda: png(1, 1), "1 x 1"),
    "twenty megabytes": (lambda: PNG + bytes(21 << 20), "more than"),
    "text": (lambda: b"<svg onload='alert(1)'/>" * 9, "JPEG or PNG"),
    "nothing": (lambda: b"", "JPEG or PNG"),
    "a film": (film, "JPEG or PNG"),
    "a JPEG without an end": (lambda: b"\xff\xd8\xff\xe0\x00\x10", "JPEG or PNG"),
    "a head and nothing more": (lambda: PNG[:40], "decoded|damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_cover_is_refused(name: str) -> None:
    make, reason = HOSTILE[name]
    with pytest.raises(AssetError, match=reason):
        read_cover(make())
