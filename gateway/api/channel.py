"""The public podcast feed and its cover."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.backend import BackendDep
from gateway.api.media import PUBLIC_HEADERS, StoredFile, is_unchanged, serve_file
from gateway.api.problems import problem_responses
from gateway.feed import Channel, FeedEpisode, FeedFile, render_feed
from gateway.listeners import is_public
from gateway.releases import PublicEpisode, last_withdrawal, list_released
from gateway.settings import Settings
from synth.speak import DISCLOSURE_SPEAKER

router = APIRouter(tags=["feed"])

COVER = Path(__file__).parent.parent / "static" / "cover.png"
FEED_CACHE = "public, max-age=300"  # players look every few minutes at most
COVER_CACHE = "public, max-age=86400"
FEED_TYPE = "application/rss+xml; charset=utf-8"
FEED_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "RSS 2.0.", "content": {"application/rss+xml": {}}},
    304: {"description": "Nothing new."},
    **problem_responses(503),
}


@router.get("/feed.xml", response_class=Response, responses=FEED_RESPONSES)
@router.head("/feed.xml", response_class=Response, responses=FEED_RESPONSES, operation_id="head_feed")
def get_feed(request: Request, backend: BackendDep) -> Response:
    """Return the podcast feed of all released episodes that are for everybody, newest first."""
    settings = backend.toolchain.settings
    base = settings.public_url.rstrip("/")
    with backend.toolchain.database.read() as session:
        released = list_released(session)
        taken_back = last_withdrawal(session)
    episodes = [
        one for one in released if one.clips and not one.private and is_public(one.show, settings.private_shows)
    ]
    content = render_feed(
        describe_channel(settings, episodes, feed_url=f"{base}/feed.xml"),
        [describe_item(episode, root=f"{base}/v1", link=f"{base}/v1/episodes/{episode.id}") for episode in episodes],
    )
    headers = {**PUBLIC_HEADERS, "Cache-Control": FEED_CACHE}
    return answer_feed(request, content, changed_at(episodes, taken_back), headers)


@router.get("/cover.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
@router.head("/cover.png", response_class=Response, responses={200: {}}, operation_id="head_cover")
def get_cover(request: Request) -> Response:
    """Return the show's cover image."""
    content = COVER.read_bytes()
    file = StoredFile(lambda: BytesIO(content), len(content), "image/png", hashlib.sha256(content).hexdigest())
    return serve_file(request, file, {**PUBLIC_HEADERS, "Cache-Control": COVER_CACHE})


def answer_feed(request: Request, content: bytes, changed: datetime | None, headers: dict[str, str]) -> Response:
    """Return the feed, or 304 to who has it; `changed` is when it last became another one."""
    etag = hashlib.sha256(content).hexdigest()
    headers = {**headers, "ETag": f'"{etag}"'}
    if changed is not None:
        headers["Last-Modified"] = format_datetime(changed, usegmt=True)
    if is_unchanged(request, etag) or _not_modified_since(request, changed):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=FEED_TYPE)


def changed_at(episodes: Sequence[PublicEpisode], taken_back: datetime | None) -> datetime | None:
    """Return when a feed of these episodes, newest first, last changed; None if nothing ever happened."""
    changes = [*(episode.released_at for episode in episodes[:1]), *([taken_back] if taken_back else [])]
    return max(changes, default=None)


def describe_channel(settings: Settings, episodes: Sequence[PublicEpisode], *, feed_url: str) -> Channel:
    """Return the show as a whole: the one show that all episodes belong to, or the organisation's."""
    base = settings.public_url.rstrip("/")
    shows = {episode.show for episode in episodes}
    languages = {episode.language for episode in episodes}
    return Channel(
        title=(shows.pop() if len(shows) == 1 else "") or settings.organisation,
        description=settings.show_description,
        author=settings.organisation,
        language=languages.pop() if len(languages) == 1 else "en",
        link=base,
        feed_url=feed_url,
        image_url=f"{base}/cover.png",
    )


def describe_item(episode: PublicEpisode, *, root: str, link: str) -> FeedEpisode:
    """Return one episode whose files are at `<root>/episodes/<id>/`."""
    place = f"{root}/episodes/{episode.id}"
    return FeedEpisode(
        id=episode.id,
        title=episode.title,
        link=link,
        released_at=episode.released_at,
        duration=episode.clips[0].duration,
        files=tuple(
            FeedFile(f"{place}/audio/{clip.sha256}.{clip.extension}", clip.media_type, clip.size, clip.sha256)
            for clip in episode.clips
        ),
        transcript_url=f"{place}/transcript",
        chapters_url=f"{place}/chapters.json",
        chapters=episode.chapters,
        synthetic=episode.synthetic,
        made_here=episode.made_here,
        speakers=tuple(speaker for speaker in episode.speakers if speaker != DISCLOSURE_SPEAKER),
    )


def _not_modified_since(request: Request, changed: datetime | None) -> bool:
    """RFC 9110 section 13.1.3: only where no entity tag was sent; a date that cannot be read does not count."""
    header = request.headers.get("if-modified-since")
    if header is None or "if-none-match" in request.headers or changed is None:
        return False
    try:
        since = parsedate_to_datetime(header)
    except ValueError:
        return False  # safe to ignore: the client gets the whole feed
    if since.tzinfo is None:
        return False
    return changed.replace(microsecond=0) <= since
