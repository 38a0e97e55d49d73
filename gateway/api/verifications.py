"""Verification for everybody: a file in, a numbered report out. Nothing of the upload is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.backend import BackendDep
from gateway.api.bodies import media_type_of, read_body, read_upload
from gateway.api.problems import problem_responses
from gateway.api.schemas import ReportOut
from gateway.errors import InvalidRequestError, UnsupportedMediaError

router = APIRouter(tags=["verification"])

MULTIPART = "multipart/form-data"
RAW_TYPES = frozenset(
    ["application/octet-stream", "application/ogg", "video/mp4", "video/webm"]  # containers that often hold only audio
)
_FILE = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The audio file."}
_REQUEST_BODY = {
    "required": True,
    "description": "The file, as one multipart field named `file` or as the body itself (`audio/*`).",
    "content": {
        MULTIPART: {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}},
        "audio/mpeg": {"schema": {}},
        "audio/wav": {"schema": {}},
        "application/octet-stream": {"schema": {}},
    },
}


async def uploaded(request: Request, backend: BackendDep) -> AsyncIterator[bytes]:
    """Yield the uploaded file while holding a place; refuses by rate, type and size before the body is read."""
    backend.throttle.admit(request.client.host if request.client else "")
    media_type = media_type_of(request)
    if media_type != MULTIPART and not media_type.startswith("audio/") and media_type not in RAW_TYPES:
        raise UnsupportedMediaError(f"send audio/*, application/octet-stream or {MULTIPART}, not '{media_type[:80]}'")
    async with backend.places.taken():
        read = read_upload if media_type == MULTIPART else read_body
        data = await read(request, limit=backend.toolchain.settings.max_upload_bytes)
        if not data:
            raise InvalidRequestError("the file is empty; send the audio file itself")
        yield data


@router.post(
    "/v1/verifications",
    responses=problem_responses(400, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": _REQUEST_BODY},
)
def verify(data: Annotated[bytes, Depends(uploaded)], backend: BackendDep) -> ReportOut:
    """Examine an audio file and say, check by check, what is known about it.

    The file is read into memory, examined and forgotten; its type is decided by its bytes, not by what the request
    declares. "Nothing found" never means that a person made it.
    """
    return ReportOut.model_validate(backend.verifier.verify(data).to_dict())
