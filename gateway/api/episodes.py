"""Released episodes: their public page, audio, transcript and chapters.

Before release the same audio URL answers to those who may know of the episode, and to nobody else.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import OptionalCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.media import PRIVATE, PUBLIC_HEADERS, PUBLISHED, StoredFile, is_unchanged, serve_file
from gateway.api.problems import problem_responses
from gateway.api.schemas import EXAMPLE_SHA256, ChapterOut, ClipOut, EpisodeId, EpisodeOut
from gateway.api.transcript import chapters_json, transcript_json, transcript_srt, transcript_vtt
from gateway.api.visibility import may_hear
from gateway.auth import Caller
from gateway.errors import NotFoundError
from gateway.feed import TRANSCRIPTS
from gateway.listeners import is_public
from gateway.releases import EMBEDDING, EXTENSIONS, PublicClip, PublicEpisode, find_published
from gateway.submissions import Clip, EpisodeWithdrawal, Submission, Upload
from gateway.withdrawal import taken_back

router = APIRouter(tags=["episodes"])

MAX_AGE_SECONDS = 300  # of what describes an episode: an episode can be withdrawn, its bytes can not change
DESCRIPTION_CACHE = f"public, max-age={MAX_AGE_SECONDS}"
PUBLIC_DESCRIPTION = {**PUBLIC_HEADERS, "Cache-Control": DESCRIPTION_CACHE}
TranscriptForm = Annotated[Literal["vtt", "srt", "json"], Path(description="Form of the transcript.")]
FileName = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{64}\.(mp3|m4a|opus|flac|wav)(\.c2pa)?$",
        description="SHA-256 of the file's bytes, and its extension; with `.c2pa` behind it, the file's manifest.",
        examples=[f"{EXAMPLE_SHA256}.mp3"],
    ),
]
MANIFEST_TYPE = "application/c2pa"
_AUDIO: dict[str, Any] = {media_type: {} for media_type in (*EXTENSIONS, MANIFEST_TYPE)}
_AUDIO_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file.", "content": _AUDIO},
    206: {"description": "The byte ranges asked for.", "content": {**_AUDIO, "multipart/byteranges": {}}},
    304: {"description": "The client has these bytes."},
    **problem_responses(401, 404, 410, 416, 503),
}


def audio_url(episode_id: str, clip: PublicClip, *, base: str = "") -> str:
    """Return the address of a rendition; it names the bytes and so never changes its meaning."""
    return f"{base}/v1/episodes/{episode_id}/audio/{clip.sha256}.{clip.extension}"


def clip_out(episode_id: str, clip: PublicClip) -> ClipOut:
    """Return a rendition as the API shows it."""
    return ClipOut(
        sha256=clip.sha256,
        media_type=clip.media_type,
        size=clip.size,
        duration=clip.duration,
        loudness=clip.loudness,
        true_peak=clip.true_peak,
        manifest_label=clip.manifest_label,
        marks=[layer for layer, _ in clip.marks],
        url=audio_url(episode_id, clip),
        manifest_url=f"{audio_url(episode_id, clip)}.c2pa",
    )


@router.get("/v1/episodes/{episode_id}", responses=problem_responses(404, 410, 503))
def get_episode(episode_id: EpisodeId, backend: BackendDep, response: Response) -> EpisodeOut:
    """Return what is public about a released episode."""
    episode = _released(backend, episode_id)
    response.headers["Cache-Control"] = DESCRIPTION_CACHE
    self_url = f"/v1/episodes/{episode.id}"
    return EpisodeOut(
        id=episode.id,
        title=episode.title,
        show=episode.show,
        language=episode.language,
        released_at=episode.released_at,
        synthetic=episode.synthetic,
        duration=episode.clips[0].duration,
        clips=[clip_out(episode.id, clip) for clip in episode.clips],
        chapters=[ChapterOut(start=start, title=title) for start, title in episode.chapters],
        log_entry=episode.entry_index,
        links={
            "self": self_url,
            "transcript": f"{self_url}/transcript.vtt",
            "transcript_srt": f"{self_url}/transcript.srt",
            "transcript_json": f"{self_url}/transcript.json",
            "chapters": f"{self_url}/chapters.json",
            "proof": f"/v1/log/proof/{episode.id}",
        },
    )


@router.get(
    "/v1/episodes/{episode_id}/audio/{file_name}",
    response_class=Response,
    responses=_AUDIO_RESPONSES,
)
@router.head(
    "/v1/episodes/{episode_id}/audio/{file_name}",
    response_class=Response,
    responses=_AUDIO_RESPONSES,
    operation_id="head_audio",
)
def get_audio(
    episode_id: EpisodeId, file_name: FileName, request: Request, backend: BackendDep, caller: OptionalCaller
) -> Response:
    """Return the bytes of a rendition, whole or in ranges; the address means these bytes for ever.

    A file that cannot hold its manifest says in its `Link` header where it is.
    """
    with backend.toolchain.database.read() as session:
        headers = _audio_headers(session, backend, episode_id, caller)
    return serve_audio(request, backend, episode_id, file_name, headers)


@router.get(
    "/v1/episodes/{episode_id}/transcript.{form}",
    response_class=Response,
    responses={
        200: {
            "description": "WebVTT, SubRip or JSON.",
            "content": {media_type: {} for media_type in TRANSCRIPTS.values()},
        },
        **problem_responses(404, 410, 503),
    },
)
def get_transcript(episode_id: EpisodeId, form: TranscriptForm, request: Request, backend: BackendDep) -> Response:
    """Return who says what when, as WebVTT (`vtt`), SubRip (`srt`) or JSON (`json`)."""
    return serve_transcript(request, _released(backend, episode_id), form, PUBLIC_DESCRIPTION)


@router.get(
    "/v1/episodes/{episode_id}/chapters.json",
    response_class=Response,
    responses={
        200: {"description": "JSON chapters 1.2.", "content": {"application/json+chapters": {}}},
        **problem_responses(404, 410, 503),
    },
)
def get_chapters(episode_id: EpisodeId, request: Request, backend: BackendDep) -> Response:
    """Return the chapters in the form of the podcast namespace."""
    return serve_chapters(request, _released(backend, episode_id), PUBLIC_DESCRIPTION)


def serve_audio(
    request: Request, backend: Backend, episode_id: str, file_name: str, headers: dict[str, str]
) -> Response:
    """Answer for a rendition or its manifest, to somebody who may have it; raises `NotFoundError` if there is none."""
    name = file_name.removesuffix(".c2pa")
    sha256, _, extension = name.partition(".")
    with backend.toolchain.database.read() as session:
        clip = session.get(Clip, sha256)
    if clip is None or clip.episode_id != episode_id or EXTENSIONS.get(clip.media_type) != extension:
        raise no_audio()
    blobs = backend.toolchain.blobs
    if name != file_name:
        digest = clip.manifest_sha256
        with blobs.open(digest) as stored:
            size = stored.seek(0, os.SEEK_END)
        return serve_file(request, StoredFile(lambda: blobs.open(digest), size, MANIFEST_TYPE, digest), headers)
    if clip.media_type not in EMBEDDING:
        headers["Link"] = f'<{name}.c2pa>; rel="c2pa-manifest"'
    file = StoredFile(lambda: blobs.open(sha256), clip.size, clip.media_type, sha256)
    return serve_file(request, file, headers)


def serve_transcript(request: Request, episode: PublicEpisode, form: str, headers: dict[str, str]) -> Response:
    """Answer with an episode's transcript in one of the forms of `TRANSCRIPTS`."""
    if form == "json":
        content = json.dumps(transcript_json(episode.cues), ensure_ascii=False)
    else:
        content = transcript_srt(episode.cues) if form == "srt" else transcript_vtt(episode.cues)
    charset = "" if form == "json" else "; charset=utf-8"
    return _describe(request, content.encode(), f"{TRANSCRIPTS[form]}{charset}", headers)


def serve_chapters(request: Request, episode: PublicEpisode, headers: dict[str, str]) -> Response:
    """Answer with an episode's chapters."""
    content = json.dumps(chapters_json(episode.chapters), ensure_ascii=False).encode()
    return _describe(request, content, "application/json+chapters", headers)


def find_hearable(session: Session, episode_id: str) -> PublicEpisode:
    """Return a released episode that has sound; raises `WithdrawnError` for one taken back, else `NotFoundError`."""
    episode = find_published(session, episode_id)
    withdrawal = session.get(EpisodeWithdrawal, episode_id)
    if withdrawal is not None:
        raise taken_back(withdrawal)
    if episode is None or not episode.clips:
        raise NotFoundError(f"no released episode is called '{episode_id}'")
    return episode


def no_audio() -> NotFoundError:
    """Return the one answer for audio that is not there, and for audio that the caller may not hear."""
    return NotFoundError("there is no such audio, or it is not released")


def _released(backend: Backend, episode_id: str) -> PublicEpisode:
    with backend.toolchain.database.read() as session:
        if not _is_for_everybody(session, backend, episode_id):
            raise NotFoundError(f"no released episode is called '{episode_id}'")
        return find_hearable(session, episode_id)


def _is_for_everybody(session: Session, backend: Backend, episode_id: str) -> bool:
    row, upload = session.get(Submission, episode_id), session.get(Upload, episode_id)
    if upload is not None and upload.private:
        return False
    return row is not None and is_public(row.show, backend.toolchain.settings.private_shows)


def _audio_headers(session: Session, backend: Backend, episode_id: str, caller: Caller | None) -> dict[str, str]:
    withdrawal = session.get(EpisodeWithdrawal, episode_id)
    everybody = _is_for_everybody(session, backend, episode_id)
    if everybody and withdrawal is None and find_published(session, episode_id) is not None:
        return {**PUBLIC_HEADERS, "Cache-Control": PUBLISHED}
    if caller is None or not may_hear(session, caller, episode_id):
        raise taken_back(withdrawal) if everybody and withdrawal is not None else no_audio()
    return {"Cache-Control": PRIVATE}


def _describe(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    etag = hashlib.sha256(content).hexdigest()
    headers = {**headers, "ETag": f'"{etag}"'}
    if is_unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
