"""Reads the WAV file that a speech endpoint sends (pure).

Source: Microsoft RIFF, WAVE format tags 1 (integer), 3 (float) and 0xFFFE (extensible). Servers that write while they
speak do not know the length and put a placeholder into the head, so a placeholder means "to the end".
"""

from __future__ import annotations

import struct

import numpy as np

from synth.audio import Samples
from synth.errors import AudioError

_PLACEHOLDERS = frozenset([0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
_STREAMED = 0x7FFF_0000  # FFmpeg and others subtract the head from a placeholder; no file of ours has two gigabytes
_EXTENSIBLE = 0xFFFE


def read_wav(data: bytes) -> tuple[Samples, int]:
    """Return mono float32 samples of shape (T,), full scale ±1.0, and the rate in Hz; several channels are averaged.

    Raises `AudioError` for anything but whole, uncompressed WAV.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise AudioError("this is no WAV file")
    layout: tuple[int, int, int, int] | None = None  # format tag, channels, rate, bits
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        begin = place + 8
        if name == b"fmt " and size >= 16 and begin + size <= len(data):
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, begin)
            if tag == _EXTENSIBLE and size >= 26:
                tag = struct.unpack_from("<H", data, begin + 24)[0]
            layout = (tag, channels, rate, bits)
        elif name == b"data":
            if layout is None:
                break
            if size in _PLACEHOLDERS or size >= _STREAMED:
                size = len(data) - begin
            if begin + size > len(data):
                raise AudioError(f"the WAV file is cut off: {len(data) - begin} of {size} bytes of sound are there")
            return _samples(data[begin : begin + size], layout), layout[2]
        place = begin + size + size % 2
    raise AudioError("the WAV file has no sound, or no description of it")


def read_pcm16(data: bytes) -> Samples:
    """Return the samples of headerless 16-bit little-endian mono sound; raises `AudioError` for half a sample."""
    if len(data) % 2:
        raise AudioError("the sound ends within a sample; it was cut off")
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32_768.0)


def _samples(body: bytes, layout: tuple[int, int, int, int]) -> Samples:
    tag, channels, _, bits = layout
    kinds = {(1, 16): ("<i2", 2.0**15), (1, 32): ("<i4", 2.0**31), (3, 32): ("<f4", 1.0)}
    if (tag, bits) not in kinds or not 1 <= channels <= 8:
        raise AudioError(f"WAV with format {tag}, {bits} bits and {channels} channels is not read; ask for 16 bits")
    kind, scale = kinds[tag, bits]
    frame = channels * bits // 8
    if len(body) % frame:
        raise AudioError("the sound ends within a sample; it was cut off")
    values = np.frombuffer(body, dtype=kind).reshape(-1, channels)
    mono: Samples = (values.mean(axis=1, dtype=np.float64) / scale).astype(np.float32)
    return mono
