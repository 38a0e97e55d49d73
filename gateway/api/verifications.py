"""Verification for everybody: a file in, a numbered report out. Nothing of the upload is kept."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import JSON, media_type_of, read_body, read_json, read_upload
from gateway.api.examinations import Examination
from gateway.api.problems import problem_responses
from gateway.api.schemas import KeysOut, PendingOut, ReportOut, UrlIn
from gateway.errors import InvalidRequestError, NotFoundError, UnsupportedMediaError
from gateway.verification.signing import MEDIA_TYPE as JOSE

router = APIRouter(tags=["verification"])

MULTIPART = "multipart/form-data"
RAW_TYPES = frozenset(
    ["application/octet-stream", "application/ogg", "video/mp4", "video/webm"]  # containers that often hold only audio
)
_FILE = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The audio file."}
AUDIO_BODY = {
    "required": True,
    "description": "The file, as one multipart field named `file` or as the body itself (`audio/*`).",
    "content": {
        MULTIPART: {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}},
        "audio/mpeg": {"schema": {}},
        "audio/wav": {"schema": {}},
        "application/octet-stream": {"schema": {}},
    },
}


VerificationId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{24}$", description="Id of the verification.")]
MAX_URL_BYTES = 4_096  # of a body that names an address
WAIT_SECONDS = 30.0  # that the answer waits for the result unless asked otherwise: long enough for most episodes
MOST_WAIT_SECONDS = 120.0  # shorter than proxies keep a silent connection
LOOK_AGAIN_SECONDS = 2
Wait = Annotated[
    float, Query(ge=0, le=MOST_WAIT_SECONDS, description="Seconds to wait for the result before answering 202.")
]
_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingOut, "description": "Still being examined; `Location` will have the result."}
}


async def receive_upload(request: Request, backend: Backend) -> bytes:
    """Return the uploaded file; refuses by rate, type and size before the body is read, and holds a place meanwhile."""
    backend.throttle.admit(request.client.host if request.client else "")
    media_type = media_type_of(request)
    if media_type == JSON and backend.fetcher is not None:
        async with backend.places.taken():
            named = await read_json(request, UrlIn, limit=MAX_URL_BYTES)
            return await run_in_threadpool(backend.fetcher.fetch, named.url)
    if media_type != MULTIPART and not media_type.startswith("audio/") and media_type not in RAW_TYPES:
        raise UnsupportedMediaError(f"send audio/*, application/octet-stream or {MULTIPART}, not '{media_type[:80]}'")
    async with backend.places.taken():
        read = read_upload if media_type == MULTIPART else read_body
        data = await read(request, limit=backend.toolchain.settings.max_upload_bytes)
    if not data:
        raise InvalidRequestError("the file is empty; send the audio file itself")
    return data


async def begun(request: Request, backend: BackendDep) -> Examination:
    """Return the examination of the uploaded file; nothing else holds on to its bytes."""
    return backend.examinations.begin(await receive_upload(request, backend))


@router.post(
    "/v1/verifications",
    response_model=ReportOut,
    responses={**_PENDING, **problem_responses(400, 408, 413, 415, 422, 429, 502, 503)},
    openapi_extra={"requestBody": AUDIO_BODY},
)
def verify(examination: Annotated[Examination, Depends(begun)], wait: Wait = WAIT_SECONDS) -> Response:
    """Examine an audio file and say, check by check, what is known about it.

    The file is read into memory, examined and forgotten; its type is decided by its bytes, not by what the request
    declares. Where the operator allows it, JSON may name a public https address instead. A file that takes longer than
    `wait` is answered with 202, and its result is at `Location` for a quarter of an hour. "Nothing found" never means
    that a person made it.
    """
    return _answer(examination, wait)


@router.get(
    "/v1/verifications/{verification_id}",
    response_model=ReportOut,
    responses={**_PENDING, **problem_responses(404, 422, 429, 503)},
)
def get_verification(verification_id: VerificationId, backend: BackendDep, wait: Wait = 0.0) -> Response:
    """Return the result of a verification that was begun a short while ago."""
    return _answer(backend.examinations.find(verification_id), wait)


@router.get(
    "/v1/verifications/{verification_id}/signed",
    response_class=Response,
    responses={
        200: {"description": "The report as JSON Web Signature (RFC 7515).", "content": {JOSE: {}}},
        **problem_responses(404, 422, 429, 503),
    },
)
def get_signed(verification_id: VerificationId, backend: BackendDep) -> Response:
    """Return the result of a verification signed, to be shown to somebody else: `assay verify-report` checks it."""
    report = backend.examinations.find(verification_id).wait(0.0)
    if report is None:
        raise NotFoundError("the file is still being examined; look again when the result is there")
    disposition = {"Content-Disposition": 'attachment; filename="verification-report.json"'}
    return Response(json.dumps(backend.reports.sign(report)), 200, disposition, JOSE)


@router.get("/.well-known/jwks.json")
def get_keys(backend: BackendDep) -> KeysOut:
    """Return the public keys that signed reports are checked with, as a JSON Web Key set."""
    return KeysOut(keys=[backend.reports.jwk])


def _answer(examination: Examination, wait: float) -> Response:
    report = examination.wait(wait)
    address = f"/v1/verifications/{examination.id}"
    if report is None:
        pending = PendingOut(id=examination.id, status="running", links={"self": address})
        headers = {"Location": address, "Retry-After": str(LOOK_AGAIN_SECONDS)}
        return Response(pending.model_dump_json(), 202, headers, "application/json")
    found = ReportOut.model_validate(report.to_dict())
    return Response(found.model_dump_json(), 200, {"Content-Location": address}, "application/json")
