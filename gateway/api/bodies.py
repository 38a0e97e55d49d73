"""Reading a request body within limits: bytes are counted as they arrive, whatever the headers promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from gateway.api.problems import validation_errors
from gateway.errors import InvalidRequestError, SlowRequestError, TooLargeError, UnsupportedMediaError

JSON = "application/json"

BODY_SECONDS = 300.0  # for a whole body; a slower client holds a place that others wait for
MULTIPART_OVERHEAD_BYTES = 16_384  # boundaries, part headers and small fields around one file
MAX_FIELDS = 8

Document = TypeVar("Document", bound=BaseModel)


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes; raises `TooLargeError` as soon as it is known to be longer."""
    body = bytearray()
    async with _in_time():
        async for chunk in _counted(request, limit):
            body += chunk
    return bytes(body)


async def read_json(request: Request, model: type[Document], *, limit: int) -> Document:
    """Return a JSON body of at most `limit` bytes as `model`; what does not fit is named by JSON pointers.

    Raises `UnsupportedMediaError`, `TooLargeError` and `InvalidRequestError`; none of them quotes the body.
    """
    if (media_type := media_type_of(request)) != JSON:
        raise UnsupportedMediaError(f"send {JSON}, not '{media_type[:80]}'")
    body = await read_body(request, limit=limit)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = validation_errors([{"loc": ("body", *one["loc"]), "msg": one["msg"]} for one in found])
        raise InvalidRequestError("the body does not fit its description; see `errors`", errors=errors) from error


def described_by(model: type[BaseModel]) -> dict[str, Any]:
    """Return what `openapi_extra` says of a JSON body of this model, which `mount` puts among the components."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


async def read_upload(request: Request, *, limit: int) -> bytes:
    """Return the one file of a `multipart/form-data` body, at most `limit` bytes; a temporary file is gone by then.

    Raises `InvalidRequestError` when there is not exactly one file in a field named `file`.
    """
    content, _ = await read_form(request, limit=limit)
    return content


async def read_form(request: Request, *, limit: int) -> tuple[bytes, dict[str, str]]:
    """Return the one file of a `multipart/form-data` body as `read_upload` does, and the fields beside it.

    Raises `InvalidRequestError` also when a field occurs twice.
    """
    stream = _counted(request, limit + MULTIPART_OVERHEAD_BYTES)
    try:
        async with _in_time():
            form = await MultiPartParser(request.headers, stream, max_files=1, max_fields=MAX_FIELDS).parse()
    except (MultiPartException, KeyError) as error:
        reason = str(error) if isinstance(error, MultiPartException) else "the boundary is missing"
        raise InvalidRequestError(f"the multipart body cannot be read: {reason}") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequestError("send the audio as one file in a multipart field named 'file'")
        content = await file.read(limit + 1)
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    finally:
        await form.close()
    if len(content) > limit:
        raise _too_large(limit)
    if len(dict(fields)) != len(fields):
        raise InvalidRequestError("a field of the form occurs twice; send each once")
    return content, dict(fields)


def media_type_of(request: Request) -> str:
    """Return the declared media type in lower case without parameters; empty when none is declared."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@asynccontextmanager
async def _in_time() -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError as error:
        raise SlowRequestError(f"the body did not arrive within {BODY_SECONDS:.0f} s; send it again") from error
    except ClientDisconnect as error:
        raise InvalidRequestError("the connection ended before the body was complete") from error


async def _counted(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body exceeds {limit} bytes; send less", limit=limit)
