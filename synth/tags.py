"""What a file says about itself, written before it is signed: titles, chapters, the AI disclosure, the AIGC label.

MP3: an ID3v2.3 tag. WAV: a LIST INFO chunk for players, an `id3 ` chunk with the same frames as in MP3, and an `AIGC`
chunk. M4A: items of the `ilst` box and a chapter list. FLAC and Opus: Vorbis comments. A cover is an APIC frame, a
`covr` item, a PICTURE block, or that block in a comment. The AIGC label stands exactly
once in a file: as `TXXX:AIGC` in MP3, as the RIFF chunk in WAV, as freeform item or comment `AIGC` in the others.
Written and read in one place, so that the two cannot drift apart.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from datetime import date

from synth import id3
from synth.aigc import AigcLabel
from synth.audio import ChapterMark
from synth.encode import FLAC, MEDIA_TYPES, MP4, MPEG, OGG, WAV
from synth.errors import AudioError
from synth.mp4 import read_items, write_items
from synth.pictures import Cover, small
from synth.riff import Chunk, join_chunks, split_chunks
from synth.vorbis import (
    Comments,
    picture_block,
    picture_of,
    read_flac_comments,
    read_flac_picture,
    read_opus_comments,
    write_flac_comments,
    write_opus_comments,
)

__all__ = ["AigcLabel", "Tags", "read_tags", "tag"]


@dataclass(frozen=True, slots=True)
class Tags:
    """Everything that is written into a file before it is signed; empty strings are not written."""

    title: str
    show: str = ""
    artist: str = ""  # who publishes
    language: str = ""  # BCP 47 primary tag or ISO 639-2 code
    date: str = ""  # ISO 8601 date of creation, for example "2026-11-22"
    comment: str = ""  # shown by players
    encoder: str = ""  # software and version
    episode_id: str = ""
    ai_disclosure: str = ""  # plain words: made with AI, the voices are synthetic
    detector_url: str = ""  # where anyone can check the file
    aigc: AigcLabel | None = None
    chapters: tuple[ChapterMark, ...] = ()
    duration: float = 0.0  # seconds; the end of the last chapter, which only ID3 records
    cover: Cover | None = None  # read back with its bytes alone


_TEXTS = {"title": "TIT2", "show": "TALB", "artist": "TPE1", "language": "TLAN", "encoder": "TSSE"}
_DESCRIBED = {"episode_id": "EPISODE_ID", "ai_disclosure": "AI_DISCLOSURE"}
_DETECTOR = "AI_DETECTOR"
_AIGC = "AIGC"
# Keys of the RIFF specification's INFO list.
_INFO = {"title": b"INAM", "show": b"IPRD", "artist": b"IART", "comment": b"ICMT", "date": b"ICRD", "encoder": b"ISFT"}
_FREEFORM = {**_DESCRIBED, "detector_url": _DETECTOR}
_ITEMS = {
    "title": "©nam",
    "show": "©alb",
    "artist": "©ART",
    "date": "©day",
    "comment": "©cmt",
    "encoder": "©too",
    **_FREEFORM,
    "language": "LANGUAGE",
}
_COMMENTS = {
    "title": "TITLE",
    "show": "ALBUM",
    "artist": "ARTIST",
    "date": "DATE",
    "comment": "COMMENT",
    **_FREEFORM,
    "language": "LANGUAGE",
    "encoder": "ENCODER",
}
_PICTURE_COMMENT = "METADATA_BLOCK_PICTURE"
_CHAPTER = re.compile(r"CHAPTER(\d{3})")
_CHAPTER_TIME = re.compile(r"(\d{2,4}):(\d\d):(\d\d\.\d{3})")


def tag(data: bytes, media_type: str, tags: Tags) -> bytes:
    """Return `data` with `tags` written into it.

    Raises `AudioError` if the file is not of `media_type` or already carries tags: ours are written once, into a file
    that we encoded, and a label of somebody else is never overwritten.
    """
    if media_type == MPEG:
        if data[:3] == b"ID3":
            raise AudioError("the MP3 already carries a tag; tags are written once, right after encoding")
        if data[:1] != b"\xff":
            raise AudioError("these bytes are not an MP3; encode first")
        return id3.write_tag(_to_frames(tags, with_aigc=True)) + data
    if media_type == WAV:
        return join_chunks(_tagged_chunks(split_chunks(data), tags))
    if media_type == MP4:
        return write_items(data, _to_pairs(tags, _ITEMS), tags.chapters, tags.cover.data if tags.cover else b"")
    if media_type == FLAC:
        block = picture_block(tags.cover.data, tags.cover.width, tags.cover.height) if tags.cover else b""
        return write_flac_comments(data, [*_to_pairs(tags, _COMMENTS), *_chapter_comments(tags.chapters)], block)
    if media_type == OGG:
        comments = [*_to_pairs(tags, _COMMENTS), *_chapter_comments(tags.chapters)]
        if tags.cover:
            # A header of several pages would renumber all pages behind it; a thumbnail fits into one.
            cover = small(tags.cover)
            block = picture_block(cover.data, cover.width, cover.height)
            comments.append((_PICTURE_COMMENT, base64.b64encode(block).decode()))
        return write_opus_comments(data, comments)
    raise AudioError(f"cannot tag '{media_type}'; choose one of {', '.join(MEDIA_TYPES)}")


def read_tags(data: bytes, media_type: str) -> Tags:
    """Return the tags of a file that `tag` wrote.

    Raises `AudioError` if there are none, if they cannot be read, or if there is more than one AIGC label.
    """
    if media_type == MPEG:
        return _from_frames(data, [])
    if media_type == MP4:
        items, chapters, picture = read_items(data)
        return replace(_from_pairs(items, _ITEMS, chapters), cover=_read_cover(picture))
    if media_type in (FLAC, OGG):
        comments = read_flac_comments(data) if media_type == FLAC else read_opus_comments(data)
        picture = read_flac_picture(data) if media_type == FLAC else _picture_comment(comments)
        return replace(_from_pairs(comments, _COMMENTS, _parse_chapter_comments(comments)), cover=_read_cover(picture))
    if media_type != WAV:
        raise AudioError(f"cannot read the tags of '{media_type}'; choose one of {', '.join(MEDIA_TYPES)}")
    chunks = split_chunks(data)
    tags = [bytes(chunk.data) for chunk in chunks if chunk.name == b"id3 "]
    if len(tags) != 1:
        raise AudioError(f"the WAV carries {len(tags)} id3 chunks instead of one")
    labels = [bytes(chunk.data).rstrip(b"\x00").decode("utf-8", "replace") for chunk in chunks if chunk.name == b"AIGC"]
    return _from_frames(tags[0], labels)


def _read_cover(picture: bytes) -> Cover | None:
    return Cover(picture, 0, 0) if picture else None


def _picture_comment(comments: Comments) -> bytes:
    found = [text for key, text in comments if key == _PICTURE_COMMENT]
    if not found:
        return b""
    try:
        return picture_of(base64.b64decode(found[0], validate=True))
    except ValueError as error:
        raise AudioError("the picture of the Ogg file is no base64") from error


def _tagged_chunks(chunks: list[Chunk], tags: Tags) -> list[Chunk]:
    if {chunk.name for chunk in chunks} & {b"LIST", b"id3 ", b"AIGC"}:
        raise AudioError("the WAV already carries tags; tags are written once, right after encoding")
    tagged: list[Chunk] = []
    for chunk in chunks:
        tagged.append(chunk)
        if chunk.name == b"fmt " and tags.aigc is not None:
            tagged.append(Chunk(b"AIGC", tags.aigc.to_json().encode("ascii")))
    info = b"INFO"
    for name, key in _INFO.items():
        if text := getattr(tags, name):
            info += Chunk(key, text.encode("utf-8", "replace") + b"\x00").to_bytes()
    return [*tagged, Chunk(b"LIST", info), Chunk(b"id3 ", id3.write_tag(_to_frames(tags, with_aigc=False)))]


def _to_pairs(tags: Tags, names: dict[str, str]) -> list[tuple[str, str]]:
    if tags.date:
        _require_date(tags.date)
    pairs = [(key, getattr(tags, name)) for name, key in names.items() if getattr(tags, name)]
    if tags.aigc is not None:
        pairs.append((_AIGC, tags.aigc.to_json()))
    return pairs


def _from_pairs(pairs: list[tuple[str, str]], names: dict[str, str], chapters: tuple[ChapterMark, ...]) -> Tags:
    labels = [text for key, text in pairs if key == _AIGC]
    if len(labels) > 1:
        raise AudioError("the file carries more than one AIGC label")
    values = dict(reversed(pairs))  # the first of several counts
    return replace(
        Tags(**{name: values.get(key, "") for name, key in names.items()}),  # type: ignore[arg-type]  # all are texts
        aigc=AigcLabel.from_json(labels[0]) if labels else None,
        chapters=chapters,
    )


def _chapter_comments(chapters: tuple[ChapterMark, ...]) -> Comments:
    """Chapters as the Xiph wiki's "Chapter Extension" for Vorbis comments writes them."""
    if len(chapters) > 255:
        raise AudioError(f"{len(chapters)} chapters do not fit in a tag; merge some, at most 255 are possible")
    comments: Comments = []
    for number, chapter in enumerate(chapters):
        minutes, milliseconds = divmod(round(chapter.start * 1000), 60_000)
        time = f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
        comments += [(f"CHAPTER{number:03}", time), (f"CHAPTER{number:03}NAME", chapter.title)]
    return comments


def _parse_chapter_comments(comments: Comments) -> tuple[ChapterMark, ...]:
    values = dict(comments)
    chapters = []
    for key, text in comments:
        if _CHAPTER.fullmatch(key):
            time = _CHAPTER_TIME.fullmatch(text)
            if time is None:
                raise AudioError(f"the time of the chapter {key} cannot be read")
            hours, minutes, seconds = time.groups()
            start = round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)
            chapters.append(ChapterMark(start, values.get(f"{key}NAME", "")))
    return tuple(chapters)


def _require_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise AudioError(f"'{text[:40]}' is not an ISO 8601 date") from error


def _to_frames(tags: Tags, *, with_aigc: bool) -> list[id3.Frame]:
    frames = [id3.text_frame(key, getattr(tags, name)) for name, key in _TEXTS.items() if getattr(tags, name)]
    frames.append(id3.text_frame("TCON", "Podcast"))
    if tags.date:
        day = _require_date(tags.date)
        # ID3v2.3 splits a date in year and day-month.
        frames += [id3.text_frame("TYER", f"{day:%Y}"), id3.text_frame("TDAT", f"{day:%d%m}")]
    if tags.comment:
        frames.append(id3.comment_frame("eng", tags.comment))
    for name, description in _DESCRIBED.items():
        if text := getattr(tags, name):
            frames.append(id3.described_text_frame(description, text))
    if tags.detector_url:
        frames.append(id3.link_frame(_DETECTOR, tags.detector_url))
    if tags.aigc is not None and with_aigc:
        frames.append(id3.described_text_frame(_AIGC, tags.aigc.to_json()))
    if tags.cover is not None:
        frames.append(id3.picture_frame(tags.cover.data))
    return frames + id3.chapter_frames(tags.chapters, tags.duration)


def _from_frames(data: bytes, labels: list[str]) -> Tags:
    frames = id3.read_tag(data)
    texts = {frame.id: id3.text_of(frame) for frame in frames if frame.id[0] == "T" and frame.id != "TXXX"}
    described = [id3.described_of(frame) for frame in frames if frame.id == "TXXX"]
    links = dict(id3.described_of(frame) for frame in frames if frame.id == "WXXX")
    comments = [id3.comment_of(frame) for frame in frames if frame.id == "COMM"]
    chapters = sorted(id3.chapter_of(frame, version=data[3]) for frame in frames if frame.id == "CHAP")
    pictures = [id3.picture_of(frame) for frame in frames if frame.id == "APIC"]
    labels = labels + [value for description, value in described if description == _AIGC]
    if len(labels) > 1:
        raise AudioError("the file carries more than one AIGC label")
    values = dict(described)
    return Tags(
        **{name: texts.get(key, "") for name, key in _TEXTS.items()},
        date=_date(texts),
        comment=comments[0] if comments else "",
        **{name: values.get(description, "") for name, description in _DESCRIBED.items()},
        detector_url=links.get(_DETECTOR, ""),
        aigc=AigcLabel.from_json(labels[0]) if labels else None,
        chapters=tuple(ChapterMark(start, title) for start, _, title in chapters),
        duration=max((end for _, end, _ in chapters), default=0.0),
        cover=_read_cover(pictures[0]) if pictures else None,
    )


def _date(texts: dict[str, str]) -> str:
    """Return the date as ISO 8601, from version 2.4's one frame or version 2.3's two."""
    if "TDRC" in texts:
        return texts["TDRC"][:10]
    year, day_month = texts.get("TYER", ""), texts.get("TDAT", "")
    return f"{year}-{day_month[2:4]}-{day_month[:2]}" if len(day_month) == 4 else year
