"""Draws the feed's cover: a hallmark with a waveform struck into it. Run it to make gateway/static/cover.png again."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 1400  # pixels; the least that podcast directories accept
INK, GOLD, PALE = (16, 24, 38), (216, 170, 84), (244, 236, 220)
SHADES = 64  # steps between two colours; few of them keep the file small
BARS = (0.16, 0.30, 0.52, 0.36, 0.74, 1.0, 0.62, 0.86, 0.44, 0.58, 0.28, 0.14)  # heights of the waveform

Plane = NDArray[np.float64]


def rounded_box(x: Plane, y: Plane, width: float, height: float, radius: float) -> Plane:
    """Return the signed distance to a box around the origin, negative inside; all lengths in units of the image."""
    dx, dy = np.abs(x) - width + radius, np.abs(y) - height + radius
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0) - radius


def octagon(x: Plane, y: Plane, size: float) -> Plane:
    """Return the signed distance (exact inside, close outside) to an upright octagon with cut corners."""
    return np.maximum(np.maximum(np.abs(x), np.abs(y)) - size, (np.abs(x) + np.abs(y)) / np.sqrt(2) - size * 1.12)


def cover(distance: Plane) -> Plane:
    """Return how much of each pixel lies inside, 0..1: half a pixel of softness on either side of the edge."""
    return np.clip(0.5 - distance * SIZE / 2, 0, 1)


def draw() -> NDArray[np.uint8]:
    """Return palette indexes of shape (SIZE, SIZE): 0 is ink, then gold, then pale, each in `SHADES` steps."""
    axis = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    frame = cover(np.abs(octagon(x, y, 0.72)) - 0.018)
    inner = cover(np.abs(octagon(x, y, 0.655)) - 0.004)
    gold = np.maximum(frame, inner * 0.8)
    pale = np.zeros_like(x)
    for number, height in enumerate(BARS):
        centre = (number - (len(BARS) - 1) / 2) * 0.088
        pale = np.maximum(pale, cover(rounded_box(x - centre, y + 0.03, 0.024, 0.40 * height, 0.024)))
    for number in range(3):  # the three marks of an assay office
        px, py = x - (number - 1) * 0.14, y - 0.525
        diamond = (np.abs(px) + np.abs(py)) / np.sqrt(2) - 0.032
        gold = np.maximum(gold, cover(diamond if number == 1 else np.abs(diamond) - 0.005))
    steps = SHADES - 1
    indexes = np.where(pale > 0, SHADES + np.rint(pale * steps), np.rint(gold * steps))
    return indexes.astype(np.uint8)


def palette() -> NDArray[np.uint8]:
    """Return the RGB colours that `draw` refers to, shape (2 * SHADES, 3)."""
    mix = np.linspace(0, 1, SHADES)[:, None]
    shades = [np.array(INK) * (1 - mix) + np.array(colour) * mix for colour in (GOLD, PALE)]
    return np.rint(np.concatenate(shades)).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return an 8-bit RGB PNG (W3C PNG, third edition) of pixels of shape (height, width, 3)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    target = Path(__file__).parents[2] / "gateway" / "static" / "cover.png"
    target.write_bytes(png(palette()[draw()]))
