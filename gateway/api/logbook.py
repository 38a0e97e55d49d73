"""The audit log as outsiders need it: its published files, the proof for an episode, and entries as they were hashed.

The files are C2SP tlog-tiles and are served as they lie in the folder, so a web server in front may do it as well. No
name from a request ever reaches the file system: it is read as a tile's name and spelt anew.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import Response

from audit.cose_receipt import MEDIA_TYPE as COSE_TYPE
from audit.countersignatures import stamps_of
from audit.errors import TileError
from audit.published import MAX_CHECKPOINT_BYTES
from audit.receipt import Receipt
from audit.store import EntryRow
from audit.tiles import TileName
from audit.timestamp import RESPONSE_TYPE
from gateway.api.access import OptionalCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.media import PUBLIC_HEADERS, is_unchanged
from gateway.api.problems import problem_responses
from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.errors import NotFoundError
from gateway.logfiles import MAX_TEXT_BYTES
from gateway.publish import Purpose
from gateway.releases import find_published
from gateway.submissions import EpisodeReceipt

router = APIRouter(tags=["log"])

MAX_INDEX = 2**63 - 1
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


class Form(StrEnum):
    """How a proof is written."""

    TLOG = "tlog"  # C2SP tlog-proof: text, with the entry and witnesses' cosignatures
    COSE = "cose"  # COSE receipt (RFC 9942): CBOR, without either


CHECKPOINT_CACHE = "public, max-age=2"  # seconds: whoever asks again wants to see what is new
TILE_CACHE = "public, max-age=31536000, immutable"  # the name says which hashes, and those can never be others
TEXT_CACHE = "public, max-age=300"
TEXT_TYPE = "text/plain; charset=utf-8"
TILE_TYPE = "application/octet-stream"
_CHECKPOINT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "C2SP signed checkpoint.", "content": _TEXT},
    304: {"description": "Nothing new."},
    **problem_responses(404, 503),
}
_TILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "C2SP tlog-tiles: hashes or entries.", "content": {TILE_TYPE: {}}},
    304: {"description": "It never changes."},
    **problem_responses(404, 503),
}
_POLICY_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "C2SP tlog-policy.", "content": _TEXT},
    304: {"description": "Nothing new."},
    **problem_responses(404, 503),
}
_STAMP_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "RFC 3161 response.", "content": {RESPONSE_TYPE: {}}},
    **problem_responses(404, 422, 503),
}
_KEY_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Verifier key, one line.", "content": _TEXT},
    304: {"description": "Nothing new."},
    **problem_responses(404, 503),
}


@router.get("/v1/log/checkpoint", response_class=Response, responses=_CHECKPOINT_RESPONSES)
@router.head(
    "/v1/log/checkpoint", response_class=Response, responses=_CHECKPOINT_RESPONSES, operation_id="head_checkpoint"
)
def get_checkpoint(request: Request, backend: BackendDep) -> Response:
    """Return the newest published checkpoint: size and root of the log, which every tile and proof leads to."""
    return _published(request, backend, "checkpoint", MAX_CHECKPOINT_BYTES, TEXT_TYPE, CHECKPOINT_CACHE)


@router.get("/v1/log/vkey", response_class=Response, responses=_KEY_RESPONSES)
@router.head("/v1/log/vkey", response_class=Response, responses=_KEY_RESPONSES, operation_id="head_vkey")
def get_vkey(request: Request, backend: BackendDep) -> Response:
    """Return the log's public key; compare it with one that you have from elsewhere."""
    return _published(request, backend, "vkey", MAX_TEXT_BYTES, TEXT_TYPE, TEXT_CACHE)


@router.get("/v1/log/policy", response_class=Response, responses=_POLICY_RESPONSES)
@router.head("/v1/log/policy", response_class=Response, responses=_POLICY_RESPONSES, operation_id="head_policy")
def get_policy(request: Request, backend: BackendDep) -> Response:
    """Return the witness policy (C2SP tlog-policy) that release rests on; decide yourself whether you trust it."""
    policy = backend.toolchain.countersigning.policy
    if policy is None:
        raise NotFoundError("this log has no witness policy; its own signature is all there is")
    return _text(request, policy.text.encode(), TEXT_TYPE, TEXT_CACHE)


@router.get("/v1/log/timestamp/{size}", response_class=Response, responses=_STAMP_RESPONSES)
def get_timestamp(size: Annotated[int, Path(ge=0, le=MAX_INDEX)], backend: BackendDep) -> Response:
    """Return the RFC 3161 response over the checkpoint of exactly this size, as the authority sent it."""
    with backend.toolchain.database.read() as session:
        stamps = stamps_of(session, size)
    if not stamps:
        raise NotFoundError(f"the checkpoint of size {size} has no time stamp")
    return Response(stamps[0].response, headers=PUBLIC_HEADERS, media_type=RESPONSE_TYPE)


@router.get("/v1/log/tile/{path:path}", response_class=Response, responses=_TILE_RESPONSES)
@router.head("/v1/log/tile/{path:path}", response_class=Response, responses=_TILE_RESPONSES, operation_id="head_tile")
def get_tile(
    request: Request,
    backend: BackendDep,
    path: Annotated[str, Path(description="As in tlog-tiles: `0/x001/234`, `1/000.p/5`, `entries/000`.")],
) -> Response:
    """Return a tile of hashes or a bundle of entries, whole; a partial one may be gone once the full one exists."""
    try:
        name = TileName.parse(f"tile/{path}")
    except TileError as error:
        raise NotFoundError("no tile has such a name") from error
    return _published(request, backend, name.path, name.max_bytes, TILE_TYPE, TILE_CACHE)


def _published(request: Request, backend: Backend, name: str, max_bytes: int, media_type: str, cache: str) -> Response:
    content = backend.toolchain.log_files.read(name, max_bytes)
    if content is None:
        raise NotFoundError("nothing is published under this name; it may be, when the log has grown")
    return _text(request, content, media_type, cache)


def _text(request: Request, content: bytes, media_type: str, cache: str) -> Response:
    etag = hashlib.sha256(content).hexdigest()
    headers = {**PUBLIC_HEADERS, "Cache-Control": cache, "ETag": f'"{etag}"'}
    if is_unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


@router.get(
    "/v1/log/proof/{episode_id}",
    response_class=Response,
    responses={
        200: {"description": "C2SP tlog-proof, or COSE receipt.", "content": {**_TEXT, "application/cose": {}}},
        **problem_responses(401, 404, 422, 503),
    },
)
def get_proof(
    episode_id: EpisodeId,
    backend: BackendDep,
    caller: OptionalCaller,
    purpose: Annotated[Purpose, Query(description="Which step is to be proven.")] = Purpose.INTENT,
    form: Annotated[
        Form, Query(alias="format", description="`tlog`: with entry and cosignatures; `cose`: RFC 9942.")
    ] = Form.TLOG,
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
    if form is Form.COSE:
        return Response(backend.toolchain.log.cose_receipt(Receipt.from_text(receipt.text)), media_type=COSE_TYPE)
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
