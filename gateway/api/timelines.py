"""Timelines of save-to-spotify: what each item is, and which of them go together (pure)."""

from __future__ import annotations

import itertools
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import InvalidRequestError

MOST_ITEMS = 500
SHORTEST_CHAPTER_MS = 5_000
MAX_IMAGE_PIXELS = 4_096
_URI = re.compile(r"spotify:[a-z_]{1,40}:[A-Za-z0-9._~-]{1,80}")

Milliseconds = Annotated[int, Field(ge=0, le=14_400_000)]
Length = Annotated[int, Field(gt=0, le=14_400_000)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Chapter(_Part):
    """Where a chapter begins."""

    title: Text
    start_time_ms: Milliseconds
    description: Annotated[str, Field(max_length=4_000)] | None = None


class Image(_Part):
    """A picture that is shown for a while."""

    start_time_ms: Milliseconds
    duration_ms: Length
    image_token: Text
    width: Annotated[int, Field(gt=0, le=MAX_IMAGE_PIXELS)]
    height: Annotated[int, Field(gt=0, le=MAX_IMAGE_PIXELS)]
    url: Annotated[str, Field(max_length=2_048)] | None = None
    title: Annotated[str, Field(max_length=500)] | None = None


class Link(_Part):
    """An address that is shown for a while."""

    start_time_ms: Milliseconds
    duration_ms: Length
    url: Annotated[str, Field(max_length=2_048)]


class Entity(_Part):
    """Something of Spotify's that is shown for a while."""

    start_time_ms: Milliseconds
    duration_ms: Length | None = None
    uri: Text


class Item(_Part):
    """Exactly one of these."""

    chapter: Chapter | None = None
    image: Image | None = None
    link: Link | None = None
    spotify_entity: Entity | None = None


class TimelineIn(_Part):
    """All items of an episode; they replace what was there."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MOST_ITEMS)]


def check_timeline(timeline: TimelineIn, *, duration_ms: int | None) -> None:
    """Raise `InvalidRequestError` for items that do not go together, or lie behind the end where that is known."""
    chapters: list[Chapter] = []
    shown: list[tuple[int, int]] = []
    for number, item in enumerate(timeline.items):
        parts = [one for one in (item.chapter, item.image, item.link, item.spotify_entity) if one is not None]
        if len(parts) != 1:
            raise InvalidRequestError(f"item {number}: exactly one of chapter, image, link and spotify_entity")
        (part,) = parts
        if duration_ms is not None and part.start_time_ms >= duration_ms:
            raise InvalidRequestError(f"item {number} begins after the end of the episode, at {duration_ms} ms")
        if isinstance(part, Chapter):
            chapters.append(part)
            continue
        shown.append((part.start_time_ms, part.start_time_ms + (part.duration_ms or 0)))
        address = getattr(part, "url", None)
        if address is not None and not _is_web(address):
            raise InvalidRequestError(f"item {number}: the url must be http or https, without a password")
        if isinstance(part, Entity) and _URI.fullmatch(part.uri) is None:
            raise InvalidRequestError(f"item {number}: the uri must be spotify:<type>:<id>")
    starts = [chapter.start_time_ms for chapter in chapters]
    if starts and (len(starts) < 2 or starts[0] != 0):
        raise InvalidRequestError("chapters are two or more, and the first begins at 0")
    if any(after - before < SHORTEST_CHAPTER_MS for before, after in itertools.pairwise(starts)):
        raise InvalidRequestError(f"chapters come in order, each {SHORTEST_CHAPTER_MS} ms or more after the one before")
    ordered = sorted(shown)
    if any(before[1] > after[0] for before, after in itertools.pairwise(ordered)):
        raise InvalidRequestError("images, links and entities must not overlap")


def words_of(timeline: TimelineIn) -> str:
    """Return everything that listeners would read, line by line."""
    lines: list[str] = []
    for item in timeline.items:
        if item.chapter is not None:
            lines += [item.chapter.title, item.chapter.description or ""]
        if item.image is not None:
            lines += [item.image.title or "", item.image.url or ""]
        if item.link is not None:
            lines.append(item.link.url)
    return "\n\n".join(line for line in lines if line)


def shown_items(items: list[dict[str, object]], *, episode: str) -> list[dict[str, object]]:
    """Return stored items as the tool reads them back: each with a uri of its own, images and links without url."""
    answer: list[dict[str, object]] = []
    for number, item in enumerate(items):
        ((kind, part),) = item.items()
        assert isinstance(part, dict)
        kept = {name: value for name, value in part.items() if name not in ("url", "image_token") and value is not None}
        uri = "chapter_uri" if kind == "chapter" else "companion_uri"
        answer.append({kind: {uri: f"spotify:{uri.removesuffix('_uri')}:{episode}-{number}", **kept}})
    return answer


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
