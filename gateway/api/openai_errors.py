"""Errors in OpenAI's envelope, for the routes that its clients call: the same facts as our problems, in their shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import Request
from starlette.responses import Response

from audit.errors import AuditError
from gateway.api.problems import describe, headers_for
from gateway.errors import BusyError, GatewayError, SpeechRefusedError
from policies.errors import PolicyError
from synth.errors import ScriptError, SynthError, VoiceError

KNOWN = (GatewayError, SynthError, PolicyError, AuditError, DBAPIError, PoolTimeoutError, RequestValidationError)
REFUSED_CODE = "content_policy_violation"
TYPES = {401: "authentication_error", 403: "permission_error", 404: "invalid_request_error", 429: "rate_limit_error"}
BAD_REQUESTS = frozenset({413, 415, 422})  # what OpenAI answers with 400; its clients know no other refusal of a value


class OpenAIRoute(APIRoute):
    """A route whose refusals OpenAI's clients understand."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with every known error answered in OpenAI's envelope."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except KNOWN as error:
                return error_response(error)

        return handle


def error_response(error: Exception) -> Response:
    """Return the answer for an error that is known; its status is OpenAI's for such a case."""
    problem, detail, extensions = describe(error)
    status = problem.status
    if isinstance(error, BusyError):
        status = 429  # OpenAI's clients wait and try again after it
    headers = headers_for(error, status)
    if status in BAD_REQUESTS:
        status = 400
    body = error_document(error, status=status, code=problem.slug, message=detail, extensions=extensions)
    content = json.dumps({"error": body}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(content, status, headers, "application/json")


def error_document(
    error: Exception, *, status: int, code: str, message: str, extensions: Mapping[str, object]
) -> dict[str, object]:
    """Return the members of `error` in OpenAI's envelope; what we know beyond them comes after."""
    refused = isinstance(error, SpeechRefusedError)
    document: dict[str, object] = {
        "message": _with_places(message, extensions),
        "type": TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "param": _param(error, extensions),
        "code": REFUSED_CODE if refused else code.replace("-", "_"),
    }
    return {**extensions, **document} if refused else document


def _param(error: Exception, extensions: Mapping[str, object]) -> str | None:
    if isinstance(error, SpeechRefusedError | ScriptError):
        return "input"
    if isinstance(error, VoiceError):
        return "voice"
    listed = extensions.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else {}
    name = str(first.get("pointer", "")).removeprefix("#/").partition("/")[0] if isinstance(first, dict) else ""
    return name or (str(extensions["param"]) if "param" in extensions else None)


def _with_places(message: str, extensions: Mapping[str, object]) -> str:
    """Put what does not fit into the sentence, because these clients show nothing else."""
    listed = extensions.get("errors")
    if not isinstance(listed, list) or not listed:
        return message
    return "; ".join(f"{one.get('pointer', '').removeprefix('#/')}: {one['detail']}" for one in listed[:5])
