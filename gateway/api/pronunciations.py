"""Pronunciations that reviewers and administrators approve, once for all scripts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.requests import Request

from gateway.api.access import PronunciationCaller, SubmissionReader
from gateway.api.backend import BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import Model
from gateway.pronunciations import ApprovedPronunciation, approve, list_approved, read_entry, revoke
from synth.lexicon import MAX_CHARACTERS

router = APIRouter(tags=["pronunciations"])

MAX_BYTES = 4_096
Digest = Annotated[str, Path(pattern="^sha256:[0-9a-f]{64}$", description="Of the entry, as the list shows it.")]


class PronunciationIn(Model):
    """How a word sounds."""

    word: str = Field(min_length=1, max_length=MAX_CHARACTERS, examples=["Nguyen"])
    sounds_like: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="In plain letters.", examples=["win"])
    language: str = Field("en", pattern="^[a-z]{2,3}$")


class PronunciationOut(Model):
    """An entry that somebody approved."""

    digest: str
    language: str
    word: str
    sounds_like: str
    approved_by: str
    approved_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None


class PronunciationsOut(Model):
    """All entries, revoked ones too, by language and word."""

    pronunciations: list[PronunciationOut]


async def new_entry(request: Request, caller: PronunciationCaller) -> PronunciationIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, PronunciationIn, limit=MAX_BYTES)


@router.get("/v1/pronunciations", responses=problem_responses(401, 403, 503))
def list_(caller: SubmissionReader, backend: BackendDep) -> PronunciationsOut:
    """Return what was approved; scripts may ask for other pronunciations too, and are then reviewed or refused."""
    del caller
    with backend.toolchain.database.read() as session:
        return PronunciationsOut(pronunciations=[_shown(row) for row in list_approved(session)])


@router.post(
    "/v1/pronunciations",
    status_code=201,
    responses=problem_responses(401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(PronunciationIn),
)
def create(
    caller: PronunciationCaller, body: Annotated[PronunciationIn, Depends(new_entry)], backend: BackendDep
) -> PronunciationOut:
    """Approve a pronunciation for all scripts of its language; a sound that the policy blocks is refused."""
    tools = backend.toolchain
    entry = read_entry(body.word, body.sounds_like)
    with tools.database.write() as session:
        row = approve(
            session,
            entry,
            language=body.language,
            by=caller.key_id,
            at=tools.clock(),
            log=tools.log,
            screener=tools.screener,
        )
        return _shown(row)


@router.delete("/v1/pronunciations/{digest}", status_code=204, responses=problem_responses(401, 403, 404, 422, 503))
def end(digest: Digest, caller: PronunciationCaller, backend: BackendDep) -> None:
    """Take an approval back; scripts that ask for it are reviewed or refused from now on."""
    tools = backend.toolchain
    with tools.database.write() as session:
        revoke(session, digest, by=caller.key_id, at=tools.clock(), log=tools.log)


def _shown(row: ApprovedPronunciation) -> PronunciationOut:
    return PronunciationOut(
        digest=row.digest,
        language=row.language,
        word=row.word,
        sounds_like=row.sound,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        revoked_by=row.revoked_by,
        revoked_at=row.revoked_at,
    )
