"""Reviews: the cases that wait for a person, and the person's decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.access import ReviewerCaller, ReviewReader
from gateway.api.backend import BackendDep
from gateway.api.bodies import read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId, ReviewList, ReviewOut, VerdictIn
from gateway.auth import Caller
from gateway.review import WaitingCase

router = APIRouter(tags=["reviews"])

MAX_VERDICT_BYTES = 32_768  # of a decision's body: the longest reason, every character escaped, and some room
_VERDICT_BODY = {"required": True, "content": {"application/json": {"schema": VerdictIn.model_json_schema()}}}
_DECIDING = problem_responses(401, 403, 404, 408, 409, 413, 415, 422, 503)


async def verdict_body(request: Request, caller: ReviewerCaller) -> VerdictIn:
    """Return the decision in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, VerdictIn, limit=MAX_VERDICT_BYTES)


VerdictBody = Annotated[VerdictIn, Depends(verdict_body)]


@router.get("/v1/reviews", responses=problem_responses(401, 403, 503))
def list_reviews(caller: ReviewReader, backend: BackendDep) -> ReviewList:
    """List the cases that wait for a decision, the oldest first."""
    return ReviewList(items=[_case_out(case, caller) for case in backend.reviews.waiting()])


@router.post("/v1/reviews/{episode_id}/claim", responses=problem_responses(401, 403, 404, 409, 503))
def claim(episode_id: EpisodeId, caller: ReviewerCaller, backend: BackendDep) -> ReviewOut:
    """Take a case for the length of a lease, or prolong one's own; only its holder may decide it."""
    return _case_out(backend.reviews.claim(episode_id, reviewer=caller.key_id), caller)


@router.post(
    "/v1/reviews/{episode_id}/approve",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _VERDICT_BODY},
)
def approve(episode_id: EpisodeId, caller: ReviewerCaller, verdict: VerdictBody, backend: BackendDep) -> None:
    """Say yes: the episode goes on to release."""
    backend.reviews.approve(episode_id, reviewer=caller.key_id, reason=verdict.reason, version=verdict.version)


@router.post(
    "/v1/reviews/{episode_id}/reject",
    status_code=204,
    responses=_DECIDING,
    openapi_extra={"requestBody": _VERDICT_BODY},
)
def reject(episode_id: EpisodeId, caller: ReviewerCaller, verdict: VerdictBody, backend: BackendDep) -> None:
    """Say no, for good and with a reason."""
    backend.reviews.reject(episode_id, reviewer=caller.key_id, reason=verdict.reason, version=verdict.version)


def _case_out(case: WaitingCase, caller: Caller) -> ReviewOut:
    return ReviewOut(
        episode_id=case.episode_id,
        title=case.title,
        show=case.show,
        version=case.version,
        requested_at=case.requested_at,
        claimed=case.claimed_by is not None,
        claimed_by_me=case.claimed_by == caller.key_id,
        claimed_until=case.claimed_until,
        links={
            "submission": f"/v1/submissions/{case.episode_id}",
            "claim": f"/v1/reviews/{case.episode_id}/claim",
            "approve": f"/v1/reviews/{case.episode_id}/approve",
            "reject": f"/v1/reviews/{case.episode_id}/reject",
        },
    )
