"""Reviews: the cases that wait for a person, and the person's decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.access import ReviewerCaller, ReviewReader
from gateway.api.backend import BackendDep
from gateway.api.bodies import read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import (
    ApprovalOut,
    EpisodeId,
    HandOverIn,
    HoldIn,
    RedactionIn,
    RedactionOut,
    RefusalIn,
    ReviewList,
    ReviewOut,
    VerdictIn,
)
from gateway.auth import Caller
from gateway.colleagues import find_colleague
from gateway.review import WaitingCase

router = APIRouter(tags=["reviews"])

STEPS = ("claim", "release", "hold", "hand-over", "escalate", "approve", "request-changes", "redact", "reject")
MAX_VERDICT_BYTES = 32_768  # of a decision's body: the longest reason, every character escaped, and some room
_VERDICT_BODY = {"required": True, "content": {"application/json": {"schema": VerdictIn.model_json_schema()}}}
_REFUSAL_BODY = {"required": True, "content": {"application/json": {"schema": RefusalIn.model_json_schema()}}}
_HOLD_BODY = {"required": True, "content": {"application/json": {"schema": HoldIn.model_json_schema()}}}
_REDACTION_BODY = {"required": True, "content": {"application/json": {"schema": RedactionIn.model_json_schema()}}}
_HAND_OVER_BODY = {"required": True, "content": {"application/json": {"schema": HandOverIn.model_json_schema()}}}
_DECIDING = problem_responses(401, 403, 404, 408, 409, 413, 415, 422, 503)


async def verdict_body(request: Request, caller: ReviewerCaller) -> VerdictIn:
    """Return the decision in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, VerdictIn, limit=MAX_VERDICT_BYTES)


async def refusal_body(request: Request, caller: ReviewerCaller) -> RefusalIn:
    """Return the refusal in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, RefusalIn, limit=MAX_VERDICT_BYTES)


async def hold_body(request: Request, caller: ReviewerCaller) -> HoldIn:
    """Return the hold in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, HoldIn, limit=MAX_VERDICT_BYTES)


async def hand_over_body(request: Request, caller: ReviewerCaller) -> HandOverIn:
    """Return the colleague in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, HandOverIn, limit=MAX_VERDICT_BYTES)


async def redaction_body(request: Request, caller: ReviewerCaller) -> RedactionIn:
    """Return the redaction in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, RedactionIn, limit=MAX_VERDICT_BYTES)


VerdictBody = Annotated[VerdictIn, Depends(verdict_body)]
RefusalBody = Annotated[RefusalIn, Depends(refusal_body)]
HoldBody = Annotated[HoldIn, Depends(hold_body)]
RedactionBody = Annotated[RedactionIn, Depends(redaction_body)]
HandOverBody = Annotated[HandOverIn, Depends(hand_over_body)]


@router.get("/v1/reviews", responses=problem_responses(401, 403, 503))
def list_reviews(caller: ReviewReader, backend: BackendDep) -> ReviewList:
    """List the cases that wait for a decision, the oldest first."""
    return ReviewList(items=[_case_out(case, caller) for case in backend.reviews.waiting()])


@router.post("/v1/reviews/{episode_id}/claim", responses=problem_responses(401, 403, 404, 409, 503))
def claim(episode_id: EpisodeId, caller: ReviewerCaller, backend: BackendDep) -> ReviewOut:
    """Take a case for the length of a lease, or prolong one's own; only its holder may decide it."""
    return _case_out(backend.reviews.claim(episode_id, reviewer=caller.key_id, role=caller.role), caller)


@router.post("/v1/reviews/{episode_id}/release", status_code=204, responses=problem_responses(401, 403, 404, 409, 503))
def release(episode_id: EpisodeId, caller: ReviewerCaller, backend: BackendDep) -> None:
    """Give a case back undecided."""
    backend.reviews.release(episode_id, reviewer=caller.key_id, role=caller.role)


@router.post(
    "/v1/reviews/{episode_id}/hold",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _HOLD_BODY},
)
def hold(episode_id: EpisodeId, caller: ReviewerCaller, body: HoldBody, backend: BackendDep) -> None:
    """Put a case off until a time, with a reason, and give it back; nobody is given it before."""
    backend.reviews.hold(
        episode_id, reviewer=caller.key_id, reason=body.reason, until=body.until, version=body.version, role=caller.role
    )


@router.post(
    "/v1/reviews/{episode_id}/hand-over",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _HAND_OVER_BODY},
)
def hand_over(episode_id: EpisodeId, caller: ReviewerCaller, body: HandOverBody, backend: BackendDep) -> None:
    """Give a case that one holds to a colleague."""
    tools = backend.toolchain
    with tools.database.read() as session:
        to, to_role = find_colleague(session, body.to, now=tools.clock())
    backend.reviews.hand_over(episode_id, reviewer=caller.key_id, to=to, to_role=to_role, role=caller.role)


@router.post(
    "/v1/reviews/{episode_id}/escalate",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _VERDICT_BODY},
)
def escalate(episode_id: EpisodeId, caller: ReviewerCaller, verdict: VerdictBody, backend: BackendDep) -> None:
    """Ask for a senior reviewer, and give the case back."""
    backend.reviews.escalate(episode_id, reviewer=caller.key_id, reason=verdict.reason, role=caller.role)


@router.post(
    "/v1/reviews/{episode_id}/approve",
    responses=_DECIDING,
    openapi_extra={"requestBody": _VERDICT_BODY},
)
def approve(episode_id: EpisodeId, caller: ReviewerCaller, verdict: VerdictBody, backend: BackendDep) -> ApprovalOut:
    """Say yes: the episode goes on to release, or waits for the second signature that it needs."""
    outcome = backend.reviews.approve(
        episode_id, reviewer=caller.key_id, reason=verdict.reason, version=verdict.version, role=caller.role
    )
    return ApprovalOut(outcome=outcome.value)


@router.post(
    "/v1/reviews/{episode_id}/reject",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _REFUSAL_BODY},
)
def reject(episode_id: EpisodeId, caller: ReviewerCaller, refusal: RefusalBody, backend: BackendDep) -> None:
    """Say no, for good and with a reason."""
    _refuse(episode_id, caller, refusal, backend, changes=False)


@router.post(
    "/v1/reviews/{episode_id}/request-changes",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _REFUSAL_BODY},
)
def request_changes(episode_id: EpisodeId, caller: ReviewerCaller, refusal: RefusalBody, backend: BackendDep) -> None:
    """Say no to the script as it is; a changed one may be submitted."""
    _refuse(episode_id, caller, refusal, backend, changes=True)


@router.post(
    "/v1/reviews/{episode_id}/redact",
    status_code=201,
    responses=_DECIDING,
    openapi_extra={"requestBody": _REDACTION_BODY},
)
def redact(episode_id: EpisodeId, caller: ReviewerCaller, body: RedactionBody, backend: BackendDep) -> RedactionOut:
    """Take sentences out: this episode ends, and a revision without them is spoken anew and waits for a reviewer."""
    revision = backend.reviews.redact(
        episode_id,
        reviewer=caller.key_id,
        spans=[(one.start, one.end) for one in body.spans],
        reason=body.reason,
        version=body.version,
        role=caller.role,
        categories=body.categories,
    )
    return RedactionOut(revision=revision, links={"submission": f"/v1/submissions/{revision or episode_id}"})


def _refuse(episode_id: str, caller: Caller, refusal: RefusalIn, backend: BackendDep, *, changes: bool) -> None:
    backend.reviews.reject(
        episode_id,
        reviewer=caller.key_id,
        reason=refusal.reason,
        version=refusal.version,
        role=caller.role,
        categories=refusal.categories,
        changes=changes,
    )


def _case_out(case: WaitingCase, caller: Caller) -> ReviewOut:
    return ReviewOut(
        episode_id=case.episode_id,
        title=case.title,
        show=case.show,
        version=case.version,
        requested_at=case.requested_at,
        due_at=case.due_at,
        risk=case.risk,
        senior=case.senior,
        two_people=case.two_people,
        proposed=case.proposed_by is not None,
        claimed=case.claimed_by is not None,
        claimed_by_me=case.claimed_by == caller.key_id,
        claimed_until=case.claimed_until,
        held_until=case.held_until,
        links={"submission": f"/v1/submissions/{case.episode_id}"}
        | {step: f"/v1/reviews/{case.episode_id}/{step}" for step in STEPS},
    )
