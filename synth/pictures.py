"""Cover pictures: a JPEG or PNG of somebody else becomes a JPEG of ours, of known size and without anything but pixels.

The head is read before anything is decoded, so that a few bytes cannot claim a billion pixels. Then the picture is
decoded, scaled down where it is larger than players show, and encoded anew: places, cameras and comments in its
metadata, and whatever stood behind its end, stay behind.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.reformatter import ColorRange

from synth.errors import AssetError

MAX_BYTES = 20 << 20
MIN_SIDE, MAX_SIDE = 300, 6_000  # pixels; directories ask for 1,400 to 3,000
COVER_SIDE = 1_400  # pixels of the longer side in files
SMALL_SIDE, SMALL_BYTES = 400, 40_000  # where a whole header must fit into one page of an Ogg file
QUALITY = 4  # of libavcodec's JPEG, 1..31: about 90 of 100 elsewhere
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # without it some players doubt the colours
_FRAMES = frozenset([*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)])  # SOF markers


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture as it goes into files: JPEG, baseline, without metadata."""

    data: bytes
    width: int  # pixels
    height: int


def read_cover(data: bytes) -> Cover:
    """Return a cover of at most 1,400 pixels; raises `AssetError` for what is no JPEG or PNG, or of no use as one."""
    if len(data) > MAX_BYTES:
        raise AssetError(f"the picture has {len(data)} bytes, more than {MAX_BYTES}; send a smaller one")
    kind, width, height = _head(data)
    if not (min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE):
        raise AssetError(f"the picture has {width} x {height} pixels; each side has {MIN_SIDE} to {MAX_SIDE}")
    return _encoded(_decoded(data, kind, (width, height)), COVER_SIDE, QUALITY)


def small(cover: Cover) -> Cover:
    """Return a cover of at most 40,000 bytes."""
    frame = _decoded(cover.data, "jpeg_pipe", (cover.width, cover.height))
    for side, quality in ((SMALL_SIDE, 4), (SMALL_SIDE, 8), (SMALL_SIDE // 2, 8), (SMALL_SIDE // 4, 12)):
        tried = _encoded(frame, side, quality)
        if len(tried.data) <= SMALL_BYTES:
            return tried
    raise AssetError("the picture does not become small enough for an Ogg file; choose a plainer one")


def _head(data: bytes) -> tuple[str, int, int]:
    """Return demuxer, width and height by the first bytes."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) > 33:
        width, height = struct.unpack_from(">II", data, 16)
        return "png_pipe", width, height
    if data[:3] == b"\xff\xd8\xff":
        place = 2
        while place + 9 <= len(data) and data[place] == 0xFF:
            marker = data[place + 1]
            if marker in _FRAMES:
                height, width = struct.unpack_from(">HH", data, place + 5)
                return "jpeg_pipe", width, height
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    raise AssetError("this is no picture that is read here; send JPEG or PNG")


def _decoded(data: bytes, kind: str, size: tuple[int, int]) -> av.VideoFrame:
    options = {"codec_whitelist": "mjpeg,png", "protocol_whitelist": "none"}
    try:
        with av.open(io.BytesIO(data), "r", format=kind, container_options=options) as container:
            frame = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, ValueError) as error:
        raise AssetError(f"the picture cannot be decoded: {error}") from error
    if (frame.width, frame.height) != size:
        raise AssetError("the picture has another size than its head says; it is damaged")
    return frame


def _encoded(frame: av.VideoFrame, side: int, quality: int) -> Cover:
    scale = min(1.0, side / max(frame.width, frame.height))
    width, height = (max(2, round(length * scale)) for length in (frame.width, frame.height))
    scaled = frame.reformat(width, height, "yuvj420p", dst_color_range=ColorRange.JPEG)
    scaled.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)  # because the codec named here is one of pictures
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.qmin = encoder.qmax = quality
    encoder.options = {"flags": "+bitexact"}
    try:
        packets = [*encoder.encode(scaled), *encoder.encode(None)]
    except av.FFmpegError as error:
        raise AssetError(f"the picture cannot be encoded: {error}") from error
    data = b"".join(bytes(packet) for packet in packets)
    return Cover(data[:2] + _JFIF + data[2:], width, height)
