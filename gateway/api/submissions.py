"""Submissions: send a script, and see what becomes of it."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from sqlalchemy import and_, or_
from sqlmodel import Session, col, select
from starlette.responses import Response

from gateway.api.access import READERS_OF_ALL, AdminCaller, SubmissionLister, SubmissionReader, SubmitterCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.episodes import clip_out
from gateway.api.problems import problem_responses
from gateway.api.schemas import (
    DecidedOut,
    DecisionOut,
    EpisodeId,
    ErasureOut,
    EventOut,
    FailureOut,
    HearingOut,
    StatementOut,
    SubmissionDetailOut,
    SubmissionOut,
    SubmissionPage,
)
from gateway.api.sentscripts import REQUEST_BODY, SentScript, sent_script
from gateway.api.visibility import visible_submission
from gateway.erasure import Reason
from gateway.errors import InvalidRequestError
from gateway.intake import submit
from gateway.releases import public_clips
from gateway.revisions import revision_of
from gateway.sequencing import settle_soon
from gateway.statements import REFUSED, statement_of
from gateway.submissions import PUBLISHED, Clip, EpisodeHearing, Erasure, ReviewCase, State, Submission

router = APIRouter(tags=["submissions"])

MAX_PAGE = 100
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Any unique string; sending the same script again under it returns the first submission.",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
    ),
]


@router.post(
    "/v1/submissions",
    status_code=202,
    responses={
        202: {
            "description": "Stored, and waiting to be screened.",
            "headers": {"Location": {"description": "Where to see its status.", "schema": {"type": "string"}}},
        },
        **problem_responses(400, 401, 403, 408, 413, 415, 422, 503),
    },
    openapi_extra={"requestBody": REQUEST_BODY},
)
def create_submission(
    caller: SubmitterCaller,
    sent: Annotated[SentScript, Depends(sent_script)],
    backend: BackendDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SubmissionOut:
    """Hand in a script. It is screened, and if the policy lets it, spoken, marked, signed, logged and released.

    A script that cannot be read, or that names a voice that is not allowed, is refused at once with its place.
    """
    with sent.own_lines(), backend.toolchain.database.write() as session:
        row, _ = submit(
            session,
            toolchain=backend.toolchain,
            api_key_id=caller.key_id,
            text=sent.text,
            idempotency_key=idempotency_key,
        )
    # If we crash here, the submission is stored but not queued; the sweep finds it.
    settle_soon(backend.toolchain.database, backend.toolchain.log)
    backend.enqueue(row.id)
    response.headers["Location"] = f"/v1/submissions/{row.id}"
    return _summary(row)


@router.get("/v1/submissions", responses=problem_responses(401, 403, 422, 503))
def list_submissions(
    caller: SubmissionLister,
    backend: BackendDep,
    state: Annotated[State | None, Query(description="Only submissions in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> SubmissionPage:
    """List submissions, newest first: a submitter's own; for auditors and admins, everybody's."""
    statement = select(Submission).order_by(col(Submission.received_at).desc(), col(Submission.id).desc())
    if caller.role not in READERS_OF_ALL:
        statement = statement.where(Submission.submitter == caller.key_id)
    if state is not None:
        statement = statement.where(Submission.state == state.value)
    if cursor is not None:
        at, episode_id = _position(cursor)
        same_time = and_(col(Submission.received_at) == at, col(Submission.id) < episode_id)
        statement = statement.where(or_(col(Submission.received_at) < at, same_time))
    with backend.toolchain.database.read() as session:
        rows = list(session.exec(statement.limit(limit + 1)))
    page = rows[:limit]
    more = _cursor(page[-1]) if len(rows) > limit else None
    return SubmissionPage(items=[_summary(row) for row in page], next_cursor=more)


@router.get("/v1/submissions/{episode_id}", responses=problem_responses(401, 403, 404, 503))
def get_submission(episode_id: EpisodeId, caller: SubmissionReader, backend: BackendDep) -> SubmissionDetailOut:
    """Return a submission's state with its decision, findings, clips and events."""
    with backend.toolchain.database.read() as session:
        row = visible_submission(session, caller, episode_id)
        return _detail(session, backend, row)


@router.delete("/v1/submissions/{episode_id}", responses=problem_responses(401, 403, 404, 409, 422, 503))
def erase_submission(
    episode_id: EpisodeId,
    caller: AdminCaller,
    backend: BackendDep,
    reason: Annotated[Reason, Query(description="Why; free words would be personal data again.")],
    audio: Annotated[bool, Query(description="Also the stored sound; refused while it is public.")] = False,
) -> ErasureOut:
    """Erase what was written: script, findings, transcript, reasons, and the secret that opens the log's commitments.

    Every proof stays valid. What is released stays released, with title and subtitles, until it is withdrawn.
    """
    done = backend.eraser.erase(episode_id, reason=reason, by=caller.key_id, role=caller.role.value, audio=audio)
    return ErasureOut(reason=done.reason, audio=done.audio, requested_at=done.requested_at, done_at=done.done_at)


@router.get("/v1/submissions/{episode_id}/statement", responses=problem_responses(401, 403, 404, 409, 503))
def get_statement(episode_id: EpisodeId, caller: SubmissionReader, backend: BackendDep) -> StatementOut:
    """Return the statement of reasons of a submission that was refused or taken back."""
    with backend.toolchain.database.read() as session:
        row = visible_submission(session, caller, episode_id)
        found = statement_of(session, row, redress=backend.toolchain.settings.redress)
    return StatementOut(
        puid=found.puid,
        episode_id=found.episode_id,
        decided_at=found.decided_at,
        text=found.text,
        record=found.record,
    )


def _summary(row: Submission) -> SubmissionOut:
    return SubmissionOut(
        id=row.id,
        state=State(row.state),
        title=row.title,
        show=row.show,
        language=row.language,
        received_at=row.received_at,
        changed_at=row.changed_at,
        links=_links(row),
    )


def _links(row: Submission) -> dict[str, str]:
    links = {"self": f"/v1/submissions/{row.id}"}
    if row.state in PUBLISHED:
        links |= {"episode": f"/v1/episodes/{row.id}", "proof": f"/v1/log/proof/{row.id}"}
    if row.state in REFUSED:
        links["statement"] = f"/v1/submissions/{row.id}/statement"
    return links


def _detail(session: Session, backend: Backend, row: Submission) -> SubmissionDetailOut:
    clips = public_clips(session.exec(select(Clip).where(Clip.episode_id == row.id)))
    case = session.get(ReviewCase, row.id)
    decided = None
    if case is not None and case.verdict and case.decided_at:
        decided = DecidedOut(verdict=case.verdict, reason=case.reason or "", decided_at=case.decided_at)
    events = backend.toolchain.log.events_for(session, row.id)
    summary = _summary(row)
    for name, other in (("revises", row.revises), ("revision", revision_of(session, row.id))):
        if other is not None:
            summary.links[name] = f"/v1/submissions/{other}"
    return SubmissionDetailOut(
        **summary.model_dump(),
        script=row.script,
        script_digest=row.script_digest,
        decision=DecisionOut.model_validate(row.decision) if row.decision else None,
        hearing=_hearing_out(session.get(EpisodeHearing, row.id)),
        review=decided,
        failure=FailureOut(reason=row.failure, detail=row.failure_detail or "") if row.failure else None,
        erased=_erasure_out(session.get(Erasure, row.id)),
        waiting_for=row.waiting_for,
        clips=[clip_out(row.id, clip) for clip in clips],
        events=[EventOut(index=one.index, kind=one.event.kind.value, at=one.event.at) for one in events],
    )


def _erasure_out(row: Erasure | None) -> ErasureOut | None:
    if row is None:
        return None
    return ErasureOut(reason=Reason(row.reason), audio=row.audio, requested_at=row.requested_at, done_at=row.done_at)


def _hearing_out(hearing: EpisodeHearing | None) -> HearingOut | None:
    if hearing is None:
        return None
    return HearingOut(
        clip_sha256=hearing.clip_sha256,
        listener=hearing.listener,
        transcript=" ".join(str(word[0]) for word in hearing.transcript),
        words=hearing.words,
        errors=hearing.errors,
        decision=DecisionOut.model_validate(hearing.decision),
        heard_at=hearing.heard_at,
    )


def _cursor(row: Submission) -> str:
    return base64.urlsafe_b64encode(f"{row.received_at.isoformat()} {row.id}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, episode_id = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").partition(" ")
        position = datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequestError("the cursor is not one that a page returned; start without one") from error
    if position.tzinfo is None or (not episode_id.isalnum() and not episode_id.startswith("ep_")):
        raise InvalidRequestError("the cursor is not one that a page returned; start without one")
    return position, episode_id
