"""Vorbis comments, and where FLAC and Ogg Opus files keep them (pure).

Sources: the Vorbis I specification, section 5; RFC 9639, section 8.6 (FLAC); RFC 7845, section 5.2 (Opus); RFC 3533
(Ogg pages).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from synth.errors import AudioError

Comments = list[tuple[str, str]]
"""Pairs of a key in capitals and its text, in the order of the file."""

VENDOR = b"Assay"
MAX_COMMENTS = 2_000  # a file of ours has a dozen, and two for each chapter
MAX_OGG_COMMENT_BYTES = 255 * 255 - 1  # what one Ogg page holds; then the pages behind it keep their numbers
_KEY = re.compile(r"[\x20-\x3C\x3E-\x7D]+")
_VORBIS_COMMENT, _PICTURE, _LAST_BLOCK = 4, 6, 0x80  # FLAC: types of metadata blocks, and the flag of the last one
_FRONT_COVER = 3  # picture type
_OGG_HEADER = struct.Struct("<4sBBqIIIB")
_OPUS_TAGS = b"OpusTags"


def write_flac_comments(data: bytes, comments: Comments, picture: bytes = b"") -> bytes:
    """Return a FLAC file with `comments` and a `picture` block right behind its stream information.

    `AudioError` if it has any already.
    """
    blocks, sound = _flac_blocks(data)
    for kind, body in blocks:
        if kind == _VORBIS_COMMENT and _parse(body):
            raise AudioError("the FLAC file already carries tags; tags are written once, right after encoding")
    kept = [block for block in blocks if block[0] != _VORBIS_COMMENT]
    kept.insert(1, (_VORBIS_COMMENT, _format(comments)))
    if picture:
        kept.insert(2, (_PICTURE, picture))
    written = b"fLaC"
    for place, (kind, body) in enumerate(kept, start=1):
        if len(body) >= 1 << 24:
            raise AudioError(f"a metadata block of {len(body)} bytes does not fit in a FLAC file; shorten the tags")
        written += bytes([kind | (_LAST_BLOCK if place == len(kept) else 0)]) + len(body).to_bytes(3, "big") + body
    return written + sound


def picture_block(jpeg: bytes, width: int, height: int) -> bytes:
    """Return a picture as FLAC stores it (RFC 9639, section 8.8), which Ogg files carry in base64."""
    kind = b"image/jpeg"
    head = struct.pack(">II", _FRONT_COVER, len(kind)) + kind + struct.pack(">I", 0)
    return head + struct.pack(">IIIII", width, height, 24, 0, len(jpeg)) + jpeg


def picture_of(block: bytes) -> bytes:
    """Return the picture in such a block; raises `AudioError` if it is cut off."""
    place = 4
    for _ in range(2):  # media type and description
        if place + 4 > len(block):
            raise AudioError("a picture of the file is cut off")
        place += 4 + int.from_bytes(block[place : place + 4], "big")
    place += 16
    size = int.from_bytes(block[place : place + 4], "big")
    if place + 4 + size > len(block):
        raise AudioError("a picture of the file is cut off")
    return block[place + 4 : place + 4 + size]


def read_flac_picture(data: bytes) -> bytes:
    """Return the first picture of a FLAC file; empty if there is none."""
    blocks = [body for kind, body in _flac_blocks(_behind_id3(data))[0] if kind == _PICTURE]
    return picture_of(blocks[0]) if blocks else b""


def read_flac_comments(data: bytes) -> Comments:
    """Return the comments of a FLAC file, behind an ID3 tag where the signature put one; `AudioError` if none."""
    found = [_parse(body) for kind, body in _flac_blocks(_behind_id3(data))[0] if kind == _VORBIS_COMMENT]
    if len(found) != 1 or not found[0]:
        raise AudioError("the FLAC file carries no tags, or more than one block of them")
    return found[0]


def _behind_id3(data: bytes) -> bytes:
    if data[:3] == b"ID3":
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        data = data[10 + size :]
    return data


def write_opus_comments(data: bytes, comments: Comments) -> bytes:
    """Return an Ogg Opus file with `comments`; `AudioError` if it has any already, or if they do not fit in a page."""
    start, end, packet = _comment_page(data)
    if _parse(packet[len(_OPUS_TAGS) :]):
        raise AudioError("the Ogg file already carries tags; tags are written once, right after encoding")
    packet = _OPUS_TAGS + _format(comments)
    if len(packet) > MAX_OGG_COMMENT_BYTES:
        raise AudioError(f"{len(packet)} bytes of tags do not fit in an Ogg page; shorten them")
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    magic, version, kind, granule, serial, number, _, _ = _OGG_HEADER.unpack_from(data, start)
    page = _OGG_HEADER.pack(magic, version, kind, granule, serial, number, 0, len(lacing)) + lacing + packet
    return data[:start] + page[:22] + _ogg_checksum(page).to_bytes(4, "little") + page[26:] + data[end:]


def read_opus_comments(data: bytes) -> Comments:
    """Return the comments of an Ogg Opus file; `AudioError` if there are none."""
    comments = _parse(_comment_page(data)[2][len(_OPUS_TAGS) :])
    if not comments:
        raise AudioError("the Ogg file carries no tags")
    return comments


def _format(comments: Sequence[tuple[str, str]]) -> bytes:
    if len(comments) > MAX_COMMENTS:
        raise AudioError(f"{len(comments)} comments are more than {MAX_COMMENTS}; merge chapters")
    parts = [struct.pack("<I", len(VENDOR)) + VENDOR + struct.pack("<I", len(comments))]
    for key, text in comments:
        if not _KEY.fullmatch(key):
            raise AudioError(f"'{key}' cannot name a comment: printable ASCII without '=' can")
        pair = f"{key}={text}".encode("utf-8", "replace")
        parts.append(struct.pack("<I", len(pair)) + pair)
    return b"".join(parts)


def _parse(body: bytes) -> Comments:
    """Return the comments without the encoder's own signature, which every codec library leaves there."""
    place = 0

    def take() -> bytes:
        nonlocal place
        if place + 4 > len(body):
            raise AudioError("the comments of the file are cut off")
        (size,) = struct.unpack_from("<I", body, place)
        place += 4 + size
        if place > len(body):
            raise AudioError("a comment of the file is cut off")
        return body[place - size : place]

    vendor = take()
    if place + 4 > len(body):
        raise AudioError("the comments of the file are cut off")
    (count,) = struct.unpack_from("<I", body, place)
    place += 4
    if count > MAX_COMMENTS:
        raise AudioError(f"the file claims {count} comments, more than {MAX_COMMENTS} are read")
    pairs = [take().decode("utf-8", "replace").partition("=") for _ in range(count)]
    comments = [(key.upper(), text) for key, _, text in pairs]
    return comments if vendor == VENDOR else [pair for pair in comments if pair[0] != "ENCODER"]


def _flac_blocks(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the metadata blocks as (type, body), and everything behind them."""
    if data[:4] != b"fLaC":
        raise AudioError("these bytes are not a FLAC file")
    blocks: list[tuple[int, bytes]] = []
    place, last = 4, False
    while not last:
        if place + 4 > len(data):
            raise AudioError("the FLAC file is truncated inside its metadata")
        kind, size = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
        place += 4
        if place + size > len(data):
            raise AudioError("the FLAC file is truncated inside its metadata")
        last = bool(kind & _LAST_BLOCK)
        blocks.append((kind & 0x7F, data[place : place + size]))
        place += size
    return blocks, data[place:]


def _comment_page(data: bytes) -> tuple[int, int, bytes]:
    """Return start and end of the second page, and the comment packet that it holds and nothing else."""
    _, end, first = _page(data, 0)
    if not first.startswith(b"OpusHead"):
        raise AudioError("the Ogg file does not begin with an Opus stream")
    start, end, packet = _page(data, end)
    if not packet.startswith(_OPUS_TAGS):
        raise AudioError("the Ogg file has no comment header where Opus keeps it")
    return start, end, packet


def _page(data: bytes, start: int) -> tuple[int, int, bytes]:
    """Return start, end and body of a page that ends with its packet."""
    if data[start : start + 4] != b"OggS" or start + _OGG_HEADER.size > len(data):
        raise AudioError("these bytes are not an Ogg file")
    segments = data[start + 26]
    lacing = data[start + 27 : start + 27 + segments]
    end = start + 27 + segments + sum(lacing)
    if len(lacing) < segments or end > len(data):
        raise AudioError("the Ogg file is truncated")
    if not lacing or lacing[-1] == 255 or any(size < 255 for size in lacing[:-1]):
        raise AudioError("a header page of the Ogg file does not hold exactly one packet")
    return start, end, data[start + 27 + segments : end]


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 of RFC 3533, section 6: polynomial 0x04c11db7, neither reflected nor inverted, over a page with zeroes."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value
