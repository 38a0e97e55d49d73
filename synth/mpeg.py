"""MPEG audio layer III frames: how long one is, and where the first one lies (pure).

Source: ISO/IEC 11172-3 and 13818-3.
"""

from __future__ import annotations

SEARCHED_BYTES = 1 << 13  # the longest frame has 1,441 bytes, so a cut stream shows several within this
FRAMES_IN_A_ROW = 4  # chance gives one plausible header in some thousand bytes, four at the right distances never

# kbit/s by version and index, and Hz by version and index.
_BIT_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def mp3_frame_bytes(header: bytes) -> int | None:
    """Return the length of the layer III frame that begins with these four bytes, or None if none begins here."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or header[1] & 0x06 != 0x02:
        return None
    version, bit_rate, sample_rate, padding = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or bit_rate in (0, 15) or sample_rate == 3:
        return None
    slots = 144 if version == 3 else 72
    bits = _BIT_RATES[3 if version == 3 else 2][bit_rate] * 1000
    return slots * bits // _SAMPLE_RATES[version][sample_rate] + padding


def first_mp3_frame(data: bytes) -> int | None:
    """Return where in the first bytes of `data` a run of frames begins, or None if there is none.

    A recording of a stream, or a file cut anywhere, begins in the middle of a frame; players skip to the next one.
    """
    for start in range(min(len(data), SEARCHED_BYTES)):
        place = start
        for _ in range(FRAMES_IN_A_ROW):
            length = mp3_frame_bytes(data[place : place + 4])
            if length is None:
                break
            place += length
        else:
            return start
    return None
