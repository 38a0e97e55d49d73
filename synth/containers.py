"""Which audio container some bytes are, by their first bytes (pure, no I/O).

The C2PA library trusts the bytes over the declared type and would open a PDF or a ZIP just as well, so we look first.
"""

from __future__ import annotations

from dataclasses import dataclass

from synth.mpeg import SEARCHED_BYTES, first_mp3_frame


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of audio file; `embeds` says whether C2PA defines a place for a manifest inside it that we can use."""

    media_type: str
    embeds: bool


WAV = Container("audio/wav", embeds=True)
MP3 = Container("audio/mpeg", embeds=True)
MP4 = Container("audio/mp4", embeds=True)
FLAC = Container("audio/flac", embeds=True)
OGG = Container("audio/ogg", embeds=False)
AIFF = Container("audio/aiff", embeds=False)
MATROSKA = Container("audio/webm", embeds=False)
RF64 = Container("audio/wav", embeds=False)  # WAV over 4 GiB: the library cannot open it


def sniff(data: bytes) -> Container | None:
    """Return the container that `data` begins as, or None when it is none of the audio containers we know."""
    if len(data) < 12:
        return None
    first, form = data[:4], data[8:12]
    if form == b"WAVE" and first in (b"RIFF", b"RF64", b"BW64"):
        return WAV if first == b"RIFF" else RF64
    if form in (b"AIFF", b"AIFC") and first == b"FORM":
        return AIFF
    if data[4:8] == b"ftyp":
        return MP4
    by_first = {b"fLaC": FLAC, b"OggS": OGG, b"\x1a\x45\xdf\xa3": MATROSKA}
    if first in by_first:
        return by_first[first]
    if first[:3] == b"ID3":
        return _behind_id3(data)
    # MPEG audio frame: eleven set bits, then a version and a layer that are not the reserved ones.
    is_frame = data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x18 != 0x08 and data[1] & 0x06 == 0x02
    return MP3 if is_frame or first_mp3_frame(data[: 2 * SEARCHED_BYTES]) is not None else None


def _behind_id3(data: bytes) -> Container:
    """FLAC may follow an ID3v2 tag, whose size is four times seven bits after six bytes; all else there is MP3."""
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return FLAC if data[10 + size : 14 + size] == b"fLaC" else MP3
