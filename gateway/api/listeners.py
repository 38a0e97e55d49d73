"""Feeds of single listeners: made and revoked by administrators, read by whoever has the address.

The token stands in the path, because podcast players know no other way. So these answers go into no shared cache, ask
not to be indexed, and never appear in a journal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import AdminCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.channel import FEED_RESPONSES, answer_feed, changed_at, describe_channel, describe_item
from gateway.api.episodes import (
    FileName,
    TranscriptForm,
    find_hearable,
    no_audio,
    serve_audio,
    serve_chapters,
    serve_transcript,
)
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId, Model
from gateway.feed import render_feed
from gateway.listeners import (
    MAX_NAME,
    MAX_SHOW,
    ListenerFeed,
    create_feed,
    end_feed,
    find_feed,
    list_feeds,
    listener_url,
    opens,
)
from gateway.releases import PublicEpisode, last_withdrawal, list_released
from gateway.submissions import Submission

router = APIRouter(tags=["feed"])

MAX_FEED_BYTES = 4_096  # of a body that describes a new feed
# For one listener: kept by their player alone, and asked for again each time, so that a revocation is felt at once.
PRIVATE_HEADERS = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex, nofollow"}
Token = Annotated[str, Path(max_length=64, description="The secret part of a listener's address.")]
FeedId = Annotated[str, Path(max_length=32, description="Id of the listener's feed.")]


class FeedIn(Model):
    """A feed for one listener."""

    name: str = Field(min_length=1, max_length=MAX_NAME, description="Whose it is, for people.", examples=["Board"])
    show: str | None = Field(None, max_length=MAX_SHOW, description="The one show that it opens; none for all.")
    days: int | None = Field(None, ge=1, le=3650, description="Ends after so many days; never if absent.")


class FeedOut(Model):
    """A listener's feed, without its address."""

    id: str
    name: str = Field(description="Empty once it is revoked.")
    show: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewFeedOut(FeedOut):
    """A listener's feed with its address, which is shown this once."""

    url: str


class FeedsOut(Model):
    """All listeners' feeds, oldest first."""

    feeds: list[FeedOut]


async def new_feed(request: Request, caller: AdminCaller) -> FeedIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, FeedIn, limit=MAX_FEED_BYTES)


@router.post(
    "/v1/feeds",
    status_code=201,
    responses=problem_responses(401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(FeedIn),
)
def create(caller: AdminCaller, body: Annotated[FeedIn, Depends(new_feed)], backend: BackendDep) -> NewFeedOut:
    """Make a feed for one listener; its address is in this answer and nowhere else."""
    tools = backend.toolchain
    at = tools.clock()
    expires = at + timedelta(days=body.days) if body.days else None
    with tools.database.write() as session:
        row, token = create_feed(
            session, name=body.name, show=body.show, at=at, log=tools.log, by=caller.key_id, expires_at=expires
        )
    return NewFeedOut(**_shown(row).model_dump(), url=listener_url(tools.settings.public_url, token))


@router.get("/v1/feeds", responses=problem_responses(401, 403, 503))
def list_(caller: AdminCaller, backend: BackendDep) -> FeedsOut:
    """Return all listeners' feeds; their addresses are not stored and cannot be shown."""
    del caller
    with backend.toolchain.database.read() as session:
        return FeedsOut(feeds=[_shown(row) for row in list_feeds(session)])


@router.delete("/v1/feeds/{feed_id}", status_code=204, responses=problem_responses(401, 403, 404, 503))
def revoke(feed_id: FeedId, caller: AdminCaller, backend: BackendDep) -> None:
    """End a feed at once, with every address in it, and forget whose it was."""
    tools = backend.toolchain
    with tools.database.write() as session:
        end_feed(session, feed_id, at=tools.clock(), log=tools.log, by=caller.key_id)


@router.get(
    "/listen/{token}/feed.xml",
    response_class=Response,
    responses=FEED_RESPONSES | problem_responses(404),
)
@router.head("/listen/{token}/feed.xml", response_class=Response, include_in_schema=False)
def get_feed(token: Token, request: Request, backend: BackendDep) -> Response:
    """Return the feed of one listener: released episodes of the shows that it opens, newest first."""
    settings = backend.toolchain.settings
    base = settings.public_url.rstrip("/")
    with backend.toolchain.database.read() as session:
        feed = _feed(session, backend, token)
        episodes = [one for one in list_released(session) if one.clips and opens(feed, one.show)]
        taken_back = last_withdrawal(session)
    public = describe_channel(settings, episodes, feed_url=listener_url(base, token))
    channel = replace(public, guid_url=f"{base}/listen/{feed.id}", private=True)
    items = [describe_item(one, root=f"{base}/listen/{token}", link=f"{base}/verify") for one in episodes]
    return answer_feed(request, render_feed(channel, items), changed_at(episodes, taken_back), PRIVATE_HEADERS)


@router.get("/listen/{token}/episodes/{episode_id}/audio/{file_name}", response_class=Response, include_in_schema=False)
@router.head(
    "/listen/{token}/episodes/{episode_id}/audio/{file_name}", response_class=Response, include_in_schema=False
)
def get_audio(
    token: Token, episode_id: EpisodeId, file_name: FileName, request: Request, backend: BackendDep
) -> Response:
    """Return the bytes of a rendition of an episode that the feed opens."""
    _hearable(backend, token, episode_id)
    return serve_audio(request, backend, episode_id, file_name, dict(PRIVATE_HEADERS))


@router.get("/listen/{token}/episodes/{episode_id}/transcript.{form}", response_class=Response, include_in_schema=False)
def get_transcript(
    token: Token, episode_id: EpisodeId, form: TranscriptForm, request: Request, backend: BackendDep
) -> Response:
    """Return who says what when."""
    return serve_transcript(request, _hearable(backend, token, episode_id), form, PRIVATE_HEADERS)


@router.get("/listen/{token}/episodes/{episode_id}/chapters.json", response_class=Response, include_in_schema=False)
def get_chapters(token: Token, episode_id: EpisodeId, request: Request, backend: BackendDep) -> Response:
    """Return the chapters."""
    return serve_chapters(request, _hearable(backend, token, episode_id), PRIVATE_HEADERS)


def _feed(session: Session, backend: Backend, token: str) -> ListenerFeed:
    return find_feed(session, token, at=backend.toolchain.clock())


def _hearable(backend: Backend, token: str, episode_id: str) -> PublicEpisode:
    with backend.toolchain.database.read() as session:
        feed = _feed(session, backend, token)
        row = session.get(Submission, episode_id)
        if row is None or not opens(feed, row.show):  # before anything is said about it, a withdrawal included
            raise no_audio()
        return find_hearable(session, episode_id)


def _shown(row: ListenerFeed) -> FeedOut:
    return FeedOut(
        id=row.id,
        name=row.name,
        show=row.show,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
