"""Appeals: a submitter contests a refusal, and a reviewer who had no part in it decides."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import ReviewerCaller, ReviewReader, SubmissionReader, SubmitterCaller
from gateway.api.appeal_schemas import AppealId, AppealIn, AppealList, AppealOut, RulingIn
from gateway.api.backend import BackendDep
from gateway.api.bodies import read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.appealed import Against, Appeal, Ruling, appeals_of

router = APIRouter(tags=["appeals"])

MAX_BODY_BYTES = 32_768  # the longest reason, every character escaped, and some room
_APPEAL_BODY = {"required": True, "content": {"application/json": {"schema": AppealIn.model_json_schema()}}}
_RULING_BODY = {"required": True, "content": {"application/json": {"schema": RulingIn.model_json_schema()}}}
_WRITING = problem_responses(401, 403, 404, 408, 409, 413, 415, 422, 503)


async def appeal_body(request: Request, caller: SubmitterCaller) -> AppealIn:
    """Return the reasons in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, AppealIn, limit=MAX_BODY_BYTES)


async def ruling_body(request: Request, caller: ReviewerCaller) -> RulingIn:
    """Return the decision in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, RulingIn, limit=MAX_BODY_BYTES)


@router.post(
    "/v1/submissions/{episode_id}/appeals",
    status_code=201,
    responses={200: {"description": "The same appeal was filed before.", "model": AppealOut}, **_WRITING},
    openapi_extra={"requestBody": _APPEAL_BODY},
)
def file_appeal(
    episode_id: EpisodeId,
    caller: SubmitterCaller,
    body: Annotated[AppealIn, Depends(appeal_body)],
    backend: BackendDep,
    response: Response,
) -> AppealOut:
    """Contest a refusal or a withdrawal, once for each; a person who had no part in it decides.

    Sending the same reasons again returns the appeal that there is, with 200.
    """
    with backend.toolchain.database.read() as session:
        visible_submission(session, caller, episode_id)
    appeal, new = backend.appeals.file(episode_id, by=caller.key_id, role=caller.role, reason=body.reason)
    response.status_code = 201 if new else 200
    return _appeal_out(appeal, backend.toolchain.clock())


@router.get("/v1/submissions/{episode_id}/appeals", responses=problem_responses(401, 403, 404, 503))
def list_appeals_of(episode_id: EpisodeId, caller: SubmissionReader, backend: BackendDep) -> AppealList:
    """List the appeals of a submission, the oldest first."""
    with backend.toolchain.database.read() as session:
        visible_submission(session, caller, episode_id)
        found = appeals_of(session, episode_id)
    return AppealList(items=[_appeal_out(appeal, backend.toolchain.clock()) for appeal in found])


@router.get("/v1/appeals", responses=problem_responses(401, 403, 503))
def list_appeals(caller: ReviewReader, backend: BackendDep) -> AppealList:
    """List the appeals that wait for a decision, the one that is due first, first; at most a hundred."""
    del caller
    now = backend.toolchain.clock()
    return AppealList(items=[_appeal_out(appeal, now) for appeal, _ in backend.appeals.waiting()])


@router.post("/v1/appeals/{appeal_id}/claim", responses=problem_responses(401, 403, 404, 409, 503))
def claim_appeal(appeal_id: AppealId, caller: ReviewerCaller, backend: BackendDep) -> AppealOut:
    """Take an appeal for the length of a lease, so that nobody else works on it."""
    appeal = backend.appeals.take(appeal_id, reviewer=caller.key_id, role=caller.role)
    return _appeal_out(appeal, backend.toolchain.clock())


@router.post("/v1/appeals/{appeal_id}/decision", responses=_WRITING, openapi_extra={"requestBody": _RULING_BODY})
def decide_appeal(
    appeal_id: AppealId,
    caller: ReviewerCaller,
    body: Annotated[RulingIn, Depends(ruling_body)],
    backend: BackendDep,
) -> AppealOut:
    """Decide an appeal. What is overturned goes on past every check that it has not passed, never to release."""
    appeal = backend.appeals.decide(
        appeal_id,
        reviewer=caller.key_id,
        role=caller.role,
        outcome=Ruling(body.outcome),
        reason=body.reason,
        categories=body.categories,
    )
    return _appeal_out(appeal, backend.toolchain.clock())


def _appeal_out(appeal: Appeal, now: datetime) -> AppealOut:
    return AppealOut(
        id=appeal.id,
        episode_id=appeal.episode_id,
        against=Against(appeal.against),
        refused_at=appeal.refused_at,
        filed_at=appeal.filed_at,
        due_at=appeal.due_at,
        reason=appeal.reason,
        senior=appeal.senior,
        claimed=appeal.open and appeal.claimed_until is not None and appeal.claimed_until > now,
        outcome=Ruling(appeal.outcome) if appeal.outcome else None,
        answer=appeal.answer,
        categories=appeal.categories,
        decided_at=appeal.decided_at,
        links={
            "submission": f"/v1/submissions/{appeal.episode_id}",
            "claim": f"/v1/appeals/{appeal.id}/claim",
            "decision": f"/v1/appeals/{appeal.id}/decision",
        },
    )
