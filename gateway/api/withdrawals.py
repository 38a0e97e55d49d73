"""Taking a released episode back, by those who answer for what is public, or by whoever submitted it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.access import WithdrawalCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId, WithdrawalIn, WithdrawalOut
from gateway.api.visibility import visible_submission
from gateway.auth import Role
from gateway.submissions import State
from gateway.withdrawal import withdraw

router = APIRouter(tags=["episodes"])

MAX_WITHDRAWAL_BYTES = 16_384  # the longest reason, every character escaped, and some room
_BODY = {"required": True, "content": {"application/json": {"schema": WithdrawalIn.model_json_schema()}}}


async def withdrawal_body(request: Request, caller: WithdrawalCaller) -> WithdrawalIn:
    """Return the reason in the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, WithdrawalIn, limit=MAX_WITHDRAWAL_BYTES)


@router.post(
    "/v1/episodes/{episode_id}/withdrawal",
    responses=problem_responses(401, 403, 404, 408, 409, 410, 413, 415, 422, 503),
    openapi_extra={"requestBody": _BODY},
)
def withdraw_episode(
    episode_id: EpisodeId,
    caller: WithdrawalCaller,
    body: Annotated[WithdrawalIn, Depends(withdrawal_body)],
    backend: BackendDep,
) -> WithdrawalOut:
    """Take a released episode back for good, or say which released episode takes its place. The reason is public.

    Submitters take back their own episodes, and replace them by their own.
    """
    tools = backend.toolchain
    at = tools.clock()
    with tools.database.write() as session:
        if caller.role is Role.SUBMITTER:
            for one in (episode_id, body.replacement or episode_id):
                visible_submission(session, caller, one)
        row = withdraw(
            session,
            episode_id,
            reason=body.reason,
            by=caller.key_id,
            role=caller.role.value,
            at=at,
            log=tools.log,
            replacement=body.replacement,
        )
    return WithdrawalOut(
        episode_id=row.episode_id,
        state=State.WITHDRAWN if row.replacement is None else State.SUPERSEDED,
        reason=row.reason,
        withdrawn_at=row.withdrawn_at,
        replacement=row.replacement,
    )
