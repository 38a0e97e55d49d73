"""The interface that the command line tool save-to-spotify 0.2 speaks, behind the gate.

`SAVE_TO_SPOTIFY_BACKEND_URL=<public URL>/save-to-spotify` and an API key of role `submitter` as
`SAVE_TO_SPOTIFY_AUTH_TOKEN` put the gate where the tool's own service was. What listeners would read is screened when
it is sent; a file is taken in like any sound that was made elsewhere, and the tool waits for what becomes of it.
Nothing goes on to Spotify.

1. The words (title, summary, timeline) are screened; only what the policy allows is stored.
2. The address for the file is taken once, from whoever knows it, as long as the key that made it is good.
3. The file is received (`gateway.uploads`), and the answer waits until the gate has decided.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import SubmitterCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import media_type_of, read_body, read_json
from gateway.api.openai_errors import KNOWN
from gateway.api.problems import describe, headers_for
from gateway.api.timelines import TimelineIn, check_timeline, shown_items, words_of
from gateway.auth import Caller
from gateway.errors import InvalidRequestError, NotFoundError, UnsupportedMediaError, UploadRefusedError
from gateway.saved import (
    MAX_SUMMARY,
    MAX_TITLE,
    SavedEpisode,
    create_episode,
    create_show,
    delete_episode,
    delete_show,
    episodes_of,
    find_episode,
    find_show,
    readiness_of,
    shows_of,
    use_address,
)
from gateway.sequencing import settle_soon
from gateway.submissions import RESTING, ApiKey, State, Submission, Upload
from gateway.uploads.arrival import Offer, receive
from policies.decision import Verdict
from policies.text import Manuscript, primary_language
from synth.credentials import SourceType

PREFIX = "/save-to-spotify"
MAX_BODY_BYTES = 262_144  # of a timeline with all its items
MAX_IMAGE_BYTES = 1 << 20
IMAGES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
WAIT_SECONDS = 600.0  # that the tool is kept waiting for the decision; its uploads know no limit
LOOK_SECONDS = 0.5
MOST_REASONS = 5
# The tool cannot say how its sound came about. Agents use it for what models have made, so that is declared.
DECLARED = SourceType.TRAINED


class SavingRoute(APIRoute):
    """A route whose refusals are one sentence: the tool shows the body as it is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with every known error answered as `{"error": ...}`."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except KNOWN as error:
                problem, detail, extensions = describe(error)
                listed = extensions.get("errors")
                if isinstance(listed, list) and listed:
                    detail = "; ".join(
                        f"{one.get('pointer', one.get('name', ''))}: {one['detail']}" for one in listed[:5]
                    )
                content = json.dumps({"error": detail}, ensure_ascii=False).encode("utf-8", "backslashreplace")
                return Response(content, problem.status, headers_for(error, problem.status), "application/json")

        return handle


router = APIRouter(prefix=PREFIX, tags=["saving"], route_class=SavingRoute, include_in_schema=False)
ShowId = Annotated[str, Path(max_length=64)]
SavedId = Annotated[str, Path(max_length=64)]


class _In(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # later versions of the tool may send more


class ShowIn(_In):
    """A new show."""

    title: str = Field(min_length=1, max_length=MAX_TITLE)
    summary: str = Field("", max_length=MAX_SUMMARY)
    language: str = Field("en", max_length=35)


class EpisodeIn(_In):
    """A new episode."""

    title: str = Field(min_length=1, max_length=MAX_TITLE)
    summary: str = Field("", max_length=MAX_SUMMARY)
    language: str = Field("en", max_length=35)
    media_type: str = Field("EPISODE_AUDIO", max_length=40)


async def show_body(request: Request, caller: SubmitterCaller) -> ShowIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, ShowIn, limit=MAX_BODY_BYTES)


async def episode_body(request: Request, caller: SubmitterCaller) -> EpisodeIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, EpisodeIn, limit=MAX_BODY_BYTES)


async def timeline_body(request: Request, caller: SubmitterCaller) -> TimelineIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, TimelineIn, limit=MAX_BODY_BYTES)


@router.get("/api/v1/shows")
def list_shows(caller: SubmitterCaller, backend: BackendDep) -> dict[str, Any]:
    """Return the caller's shows, the newest last."""
    with backend.toolchain.database.read() as session:
        rows = shows_of(session, caller.key_id)
        return {
            "shows": [
                {
                    "show_uri": _uri("show", row.id),
                    "title": row.title,
                    "language": row.language,
                    "created_at": row.created_at.isoformat(),
                }
                for row in rows
            ]
        }


@router.post("/api/v1/shows", status_code=201)
def post_show(
    caller: SubmitterCaller, body: Annotated[ShowIn, Depends(show_body)], backend: BackendDep
) -> dict[str, Any]:
    """Make a show whose title and summary the policy allows."""
    _require_allowed(backend, f"{body.title}\n\n{body.summary}", body.language)
    tools = backend.toolchain
    with tools.database.write() as session:
        row = create_show(
            session,
            owner=caller.key_id,
            title=body.title,
            summary=body.summary,
            language=body.language,
            at=tools.clock(),
        )
    return {"show_uri": _uri("show", row.id)}


@router.get("/api/v1/shows/{show_id}")
def get_show(show_id: ShowId, caller: SubmitterCaller, backend: BackendDep) -> dict[str, Any]:
    """Return a show of the caller's."""
    with backend.toolchain.database.read() as session:
        row = find_show(session, show_id, owner=caller.key_id)
        total = len(episodes_of(session, row.id))
    return {
        "show_uri": _uri("show", row.id),
        "id": row.id,
        "title": row.title,
        "name": row.title,
        "publisher": backend.toolchain.settings.organisation,
        "language": row.language,
        "explicit": False,
        "description": row.summary,
        "summary": row.summary,
        "total_episodes": total,
    }


@router.delete("/api/v1/shows/{show_id}", status_code=204)
def remove_show(show_id: ShowId, caller: SubmitterCaller, backend: BackendDep) -> None:
    """Remove a show with its episodes; what they made public is taken back."""
    tools = backend.toolchain
    with tools.database.write() as session:
        row = find_show(session, show_id, owner=caller.key_id)
        delete_show(session, row, by=caller.key_id, role=caller.role.value, at=tools.clock(), log=tools.log)


@router.post("/api/v1/images")
async def post_image(request: Request, caller: SubmitterCaller) -> dict[str, str]:
    """Take a picture if it is one. It is not kept and not shown: nobody here can screen pictures."""
    del caller
    media_type = media_type_of(request)
    if media_type not in IMAGES:
        raise UnsupportedMediaError(f"send image/jpeg or image/png, not '{media_type[:80]}'")
    data = await read_body(request, limit=MAX_IMAGE_BYTES)
    if not data.startswith(IMAGES[media_type]):
        raise InvalidRequestError(f"the bytes are not {media_type}")
    return {"upload_token": f"unshown-{secrets.token_urlsafe(12)}"}


@router.get("/api/v1/shows/{show_id}/episodes")
def list_episodes(show_id: ShowId, caller: SubmitterCaller, backend: BackendDep) -> dict[str, Any]:
    """Return the episodes of a show of the caller's."""
    with backend.toolchain.database.read() as session:
        row = find_show(session, show_id, owner=caller.key_id)
        found = episodes_of(session, row.id)
    return {
        "episodes": [
            {
                "episode_uri": _uri("episode", one.id),
                "title": one.title,
                "language": one.language,
                "media_type": "EPISODE_AUDIO",
                "status": readiness_of(one, state),
                "created_at": one.created_at.isoformat(),
            }
            for one, state in found
        ]
    }


@router.post("/api/v1/shows/{show_id}/episodes", status_code=201)
def post_episode(
    show_id: ShowId, caller: SubmitterCaller, body: Annotated[EpisodeIn, Depends(episode_body)], backend: BackendDep
) -> dict[str, Any]:
    """Make a place for a file, whose title and summary the policy allows, and return the address to put it at."""
    if body.media_type != "EPISODE_AUDIO":
        raise InvalidRequestError("only audio is taken here; nobody can screen the pictures of a video")
    _require_allowed(backend, f"{body.title}\n\n{body.summary}", body.language)
    tools = backend.toolchain
    with tools.database.write() as session:
        show = find_show(session, show_id, owner=caller.key_id)
        row, token = create_episode(
            session, show, title=body.title, summary=body.summary, language=body.language, at=tools.clock()
        )
    # One address: the tool shows why a file was refused only where it sends it in one piece.
    address = f"{tools.settings.public_url.rstrip('/')}{PREFIX}/uploads/{token}"
    return {
        "episode_uri": _uri("episode", row.id),
        "cus_object_id": row.id,
        "multipart_upload_urls": [{"signed_url": address, "part_number": 1}],
        "status": "PROCESSING",
    }


@router.get("/api/v1/episodes/{saved_id}/readiness")
def get_readiness(saved_id: SavedId, caller: SubmitterCaller, backend: BackendDep) -> dict[str, str]:
    """Say whether an episode of the caller's is there: READY once it is released."""
    with backend.toolchain.database.read() as session:
        row, state = find_episode(session, saved_id, owner=caller.key_id)
    return {"episode_uri": _uri("episode", row.id), "readiness": readiness_of(row, state)}


@router.delete("/api/v1/episodes/{saved_id}", status_code=204)
def remove_episode(saved_id: SavedId, caller: SubmitterCaller, backend: BackendDep) -> None:
    """Remove an episode; what it made public is taken back."""
    tools = backend.toolchain
    with tools.database.write() as session:
        row, _ = find_episode(session, saved_id, owner=caller.key_id)
        delete_episode(session, row, by=caller.key_id, role=caller.role.value, at=tools.clock(), log=tools.log)


@router.get("/api/v1/shows/{show_id}/episodes/{saved_id}/timeline")
def get_timeline(show_id: ShowId, saved_id: SavedId, caller: SubmitterCaller, backend: BackendDep) -> dict[str, Any]:
    """Return an episode's timeline."""
    with backend.toolchain.database.read() as session:
        row = _in_show(session, show_id, saved_id, caller)
    return {"items": shown_items(row.timeline, episode=row.id)}


@router.put("/api/v1/shows/{show_id}/episodes/{saved_id}/timeline")
def put_timeline(
    show_id: ShowId,
    saved_id: SavedId,
    caller: SubmitterCaller,
    body: Annotated[TimelineIn, Depends(timeline_body)],
    backend: BackendDep,
) -> dict[str, Any]:
    """Replace an episode's timeline by items that go together and whose words the policy allows."""
    tools = backend.toolchain
    with tools.database.read() as session:
        row = _in_show(session, show_id, saved_id, caller)
        upload = session.get(Upload, row.episode_id) if row.episode_id else None
    check_timeline(body, duration_ms=None if upload is None else round(upload.duration * 1000))
    _require_allowed(backend, words_of(body), row.language)
    with tools.database.write() as session:
        row = _in_show(session, show_id, saved_id, caller)
        row.timeline = [item.model_dump(exclude_none=True) for item in body.items]
        session.add(row)
    return {"items": shown_items(row.timeline, episode=row.id)}


@router.delete("/api/v1/shows/{show_id}/episodes/{saved_id}/timeline", status_code=204)
def remove_timeline(show_id: ShowId, saved_id: SavedId, caller: SubmitterCaller, backend: BackendDep) -> None:
    """Empty an episode's timeline."""
    with backend.toolchain.database.write() as session:
        row = _in_show(session, show_id, saved_id, caller)
        row.timeline = []
        session.add(row)


@router.get("/api/v1/cli/releases/latest")
def get_release() -> None:
    """Say that there are none: this service hands out no programs."""
    raise NotFoundError("no releases of the tool are served here; set SAVE_TO_SPOTIFY_NO_UPDATE_CHECK=1")


@router.put("/uploads/{token}")
async def put_file(token: Annotated[str, Path(max_length=64)], request: Request, backend: BackendDep) -> Response:
    """Take the file of an episode, and answer when the gate has decided about it."""
    media_type = media_type_of(request)
    if not media_type.startswith("audio/"):
        raise UnsupportedMediaError(f"send audio/*, not '{media_type[:80]}'")
    async with backend.places.taken():
        place = await run_in_threadpool(_take_address, backend, token)
        data = await read_body(request, limit=backend.toolchain.settings.max_upload_bytes)
    if not data:
        raise InvalidRequestError("the file is empty; send the audio file itself")
    episode_id, waits = await run_in_threadpool(_receive, backend, place, data)
    del data
    if waits:
        await _rest(backend, episode_id)
    await run_in_threadpool(_require_good_end, backend, episode_id)
    return Response(status_code=200)


def _take_address(backend: Backend, token: str) -> tuple[SavedEpisode, str, str]:
    """Return the episode, its show's title and its owner; raises `NotFoundError` also where the key is over."""
    tools = backend.toolchain
    now = tools.clock()
    with tools.database.write() as session:
        row, show = use_address(session, token, at=now)
        key = session.get(ApiKey, show.owner)
        good = key is not None and key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    if not good:
        raise NotFoundError("the key that this upload address was made with is over; make another")
    return row, show.title, show.owner


def _receive(backend: Backend, place: tuple[SavedEpisode, str, str], data: bytes) -> tuple[str, bool]:
    """Receive the file; returns the episode and whether the gate has something to do about it."""
    row, show, owner = place
    tools = backend.toolchain
    offer = Offer(
        title=row.title, show=show, language=primary_language(row.language), source_type=DECLARED, private=True
    )
    arrival = receive(data, offer, toolchain=tools, api_key_id=owner)
    with tools.database.write() as session:
        stored = session.get(SavedEpisode, row.id)
        if stored is not None:  # it may have been deleted meanwhile; the submission goes on by itself
            stored.episode_id, stored.ours = arrival.episode_id, arrival.recognised is not None
            session.add(stored)
    if arrival.recognised is not None:
        return arrival.episode_id, False
    settle_soon(tools.database, tools.log)
    backend.enqueue(arrival.episode_id)
    return arrival.episode_id, True


async def _rest(backend: Backend, episode_id: str) -> None:
    """Return when the episode rests, or when it takes too long."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if await run_in_threadpool(_state, backend, episode_id) in RESTING:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _state(backend: Backend, episode_id: str) -> State:
    with backend.toolchain.database.read() as session:
        return State(session.get_one(Submission, episode_id).state)


def _require_good_end(backend: Backend, episode_id: str) -> None:
    """Raise `UploadRefusedError` with the reasons where the gate has refused the file."""
    with backend.toolchain.database.read() as session:
        row = session.get_one(Submission, episode_id)
    if row.state in (State.BLOCKED, State.REJECTED):
        raise UploadRefusedError(f"{_because(row.decision)} This is submission {row.id}.", episode_id=row.id)
    if row.state == State.FAILED:
        raise UploadRefusedError(
            f"The file could not be taken in ({row.failure}): {row.failure_detail}. This is submission {row.id}.",
            episode_id=row.id,
        )


def _because(decision: dict[str, Any] | None) -> str:
    found = [one for one in (decision or {}).get("findings", []) if one.get("verdict") != Verdict.ALLOW.value]
    reasons = list(dict.fromkeys(f"{one['category']}: {one['explanation']}" for one in found))[:MOST_REASONS]
    return f"The content policy refuses this file. {' '.join(reasons)}".strip()


def _require_allowed(backend: Backend, text: str, language: str) -> None:
    """Raise `UploadRefusedError` unless the policy lets listeners read this."""
    if not text.strip():
        return
    decision = backend.toolchain.screener.screen(Manuscript(text, primary_language(language), ()))
    if decision.verdict is not Verdict.ALLOW:
        reasons = " ".join(dict.fromkeys(f"{one.category}: {one.explanation}" for one in decision.findings))
        raise UploadRefusedError(f"The content policy answers '{decision.verdict.value}' to these words. {reasons}")


def _in_show(session: Any, show_id: str, saved_id: str, caller: Caller) -> SavedEpisode:
    row, _ = find_episode(session, saved_id, owner=caller.key_id)
    if row.show_id != show_id:
        raise NotFoundError("you have no such episode in this show")
    return row


def _uri(kind: str, name: str) -> str:
    return f"spotify:{kind}:{name}"
