"""The audit log as outsiders need it: signed checkpoint, proof for an episode, and entries as they were hashed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlmodel import col, select
from starlette.responses import Response

from audit.store import EntryRow
from gateway.api.access import OptionalCaller
from gateway.api.backend import BackendDep
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.errors import NotFoundError
from gateway.publish import Purpose
from gateway.releases import find_published
from gateway.submissions import EpisodeReceipt

router = APIRouter(tags=["log"])

MAX_INDEX = 2**63 - 1
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


@router.get(
    "/v1/log/checkpoint",
    response_class=Response,
    responses={200: {"description": "C2SP signed checkpoint.", "content": _TEXT}, **problem_responses(404, 503)},
)
def get_checkpoint(backend: BackendDep) -> Response:
    """Return the newest checkpoint that the log has signed: its size and root, which every proof leads to."""
    tools = backend.toolchain
    with tools.database.read() as session:
        checkpoint = tools.log.latest_checkpoint(session)
    if checkpoint is None:
        raise NotFoundError("the log has signed nothing yet; come back after the first episode")
    return Response(checkpoint.note, media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/log/proof/{episode_id}",
    response_class=Response,
    responses={200: {"description": "C2SP tlog-proof.", "content": _TEXT}, **problem_responses(401, 404, 422, 503)},
)
def get_proof(
    episode_id: EpisodeId,
    backend: BackendDep,
    caller: OptionalCaller,
    purpose: Annotated[Purpose, Query(description="Which step is to be proven.")] = Purpose.INTENT,
) -> Response:
    """Return the proof that an episode's step is in the log; it carries the entry and verifies offline.

    `intent` was written before the first public byte, names the released files' digests, and is what a listener needs.
    """
    with backend.toolchain.database.read() as session:
        if find_published(session, episode_id) is None:
            if caller is None:
                raise NotFoundError(f"no released episode is called '{episode_id}'")
            visible_submission(session, caller, episode_id)
        receipt = session.get(EpisodeReceipt, (episode_id, purpose.value))
    if receipt is None:
        raise NotFoundError(f"episode {episode_id} has no proof of '{purpose.value}' yet")
    return Response(receipt.text, media_type="text/plain; charset=utf-8")


@router.get(
    "/v1/log/entries/{index}",
    response_class=Response,
    responses={
        200: {"description": "The entry, byte for byte.", "content": {"application/json": {}}},
        **problem_responses(404, 503),
    },
)
def get_entry(index: Annotated[int, Path(ge=0, le=MAX_INDEX)], backend: BackendDep) -> Response:
    """Return the canonical bytes of an entry, which hash to its leaf in the tree."""
    with backend.toolchain.database.read() as session:
        leaf = session.exec(select(EntryRow.leaf).where(col(EntryRow.idx) == index)).first()
    if leaf is None:
        raise NotFoundError(f"the log has no entry {index}")
    return Response(bytes(leaf), media_type="application/json")
