"""Every refusal as an RFC 9457 problem document: one shape for our errors, the framework's and the unexpected.

`type` is `<public_url>/problems/<slug>`, where a person finds the meaning; programs compare the slug.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from audit.errors import AuditError
from gateway.errors import (
    PROBLEMS,
    DatabaseUnavailableError,
    GatewayError,
    InvalidRequestError,
    NotFoundError,
    Problem,
    TooLargeError,
    detail_for,
    problem_for,
)
from policies.errors import PolicyError
from synth.errors import ScriptError, SynthError

MEDIA_TYPE = "application/problem+json"

# Refusals that the framework itself makes, before any of our code runs.
_FRAMEWORK = {
    400: (Problem("malformed-request", 400, "The request cannot be understood"), "the body cannot be read; check it"),
    404: (Problem(NotFoundError.slug, 404, NotFoundError.title), "there is nothing at this address"),
    405: (Problem("method-not-allowed", 405, "The method is not allowed here"), "see the `Allow` header"),
    413: (Problem(TooLargeError.slug, 413, TooLargeError.title), "the body is larger than this address takes"),
}
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "trace_id"})


@dataclass(frozen=True, slots=True)
class KnownProblem:
    """A problem with the sentence that explains it."""

    problem: Problem
    meaning: str


def install(app: FastAPI, *, public_url: str, methods: Callable[[str], set[str]]) -> None:
    """Answer every error on `app` with a problem document; `methods` says what an address takes, for 405."""

    def respond(request: Request, error: Exception) -> Response:
        trace_id = str(getattr(request.state, "trace_id", ""))
        body = problem_body(error, public_url=public_url, instance=request.url.path, trace_id=trace_id)
        status = json.loads(body)["status"]
        headers = headers_for(error, status)
        if status == 405:  # the framework names one route's methods only
            allowed = ", ".join(sorted(methods(request.url.path)))
            headers["Allow"] = allowed or (getattr(error, "headers", None) or {}).get("Allow", "")
        return Response(body, status, headers, MEDIA_TYPE)

    kinds = (GatewayError, SynthError, PolicyError, AuditError, DBAPIError, PoolTimeoutError)
    for kind in (*kinds, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, respond)


def problem_body(error: Exception, *, public_url: str, instance: str, trace_id: str) -> bytes:
    """Return the JSON of the problem that describes `error`; internal errors say nothing about themselves."""
    problem, detail, extensions = describe(error)
    document: dict[str, object] = {
        "type": f"{public_url.rstrip('/')}/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": instance,
        "trace_id": trace_id,
    }
    document.update({name: value for name, value in extensions.items() if name not in _RESERVED})
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def known_problems() -> Iterator[KnownProblem]:
    """Yield every problem that this service can answer with, each once."""
    seen: set[str] = set()
    ours: list[type[GatewayError]] = [GatewayError, *_subclasses(GatewayError)]
    for kind in ours:
        if kind.slug not in seen:
            seen.add(kind.slug)
            yield KnownProblem(Problem(kind.slug, kind.status, kind.title), _first_line(kind))
    for error, problem in PROBLEMS:
        if problem.slug not in seen:
            seen.add(problem.slug)
            yield KnownProblem(problem, _first_line(error))
    for problem, _ in _FRAMEWORK.values():
        if problem.slug not in seen:
            seen.add(problem.slug)
            yield KnownProblem(problem, f"{problem.title}.")


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for these statuses, all of them problem documents."""
    titles: dict[int, list[str]] = {}
    for known in known_problems():
        titles.setdefault(known.problem.status, []).append(f"{known.problem.title} (`{known.problem.slug}`)")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "; ".join(titles[status]), "content": content} for status in statuses}


def describe(error: Exception) -> tuple[Problem, str, Mapping[str, object]]:
    """Return the problem, the sentence and the extensions for an error; internal ones say nothing about themselves."""
    if isinstance(error, RequestValidationError):
        return _describe_invalid(error.errors())
    if isinstance(error, HTTPException):
        other = Problem("http-error", error.status_code, "The request failed"), "the request cannot be served"
        return *_FRAMEWORK.get(error.status_code, other), {}
    if isinstance(error, DBAPIError | PoolTimeoutError):
        # The driver's words may hold values of rows, and so a script; the log has the class.
        unavailable = DatabaseUnavailableError("the database did not answer; nothing was changed, try again later")
        return problem_for(unavailable), unavailable.detail, {"retry_after": 5}
    extensions: dict[str, object] = dict(error.extensions) if isinstance(error, GatewayError) else {}
    if isinstance(error, ScriptError):
        extensions |= {"line": error.line, "column": error.column}
    return problem_for(error), detail_for(error), extensions


def _describe_invalid(errors: Sequence[Mapping[str, Any]]) -> tuple[Problem, str, Mapping[str, object]]:
    if errors and all(error["loc"][0] == "path" for error in errors):
        missing = NotFoundError("nothing can have such a name")
        return problem_for(missing), missing.detail, {}
    invalid = InvalidRequestError("the request does not fit its description; see `errors`")
    return problem_for(invalid), invalid.detail, {"errors": validation_errors(errors)}


def validation_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return pydantic's errors with a JSON pointer or a place each; never the offending value, it may be a script."""
    listed = []
    for error in errors:
        place, *path = [str(part) for part in error["loc"]] or ["body"]
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        where = {"pointer": f"#{pointer}"} if place == "body" else {"in": place, "name": ".".join(path)}
        listed.append({**where, "detail": str(error["msg"])})
    return listed


def headers_for(error: Exception, status: int) -> dict[str, str]:
    """Return the headers that go with an error: when to come back, how to sign in, what was too much."""
    headers: dict[str, str] = {}
    extensions = error.extensions if isinstance(error, GatewayError) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="assay"'
    if "retry_after" in extensions:
        headers["Retry-After"] = str(extensions["retry_after"])
    elif isinstance(error, DBAPIError | PoolTimeoutError):
        headers["Retry-After"] = "5"
    if status == 416 and "size" in extensions:
        headers["Content-Range"] = f"bytes */{extensions['size']}"
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body is not wanted
    return headers


def _subclasses(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


def _first_line(kind: type[Exception]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]
