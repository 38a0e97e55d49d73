"""Who may open which page, and which forms are accepted: deny by default, one declaration per route.

A form is accepted when all of these hold:

1. The browser says that it comes from this site (`Sec-Fetch-Site`), or, if it says nothing, the `Origin` is ours.
2. It carries the token of the session, which another site cannot read.
3. It is a short form of known shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from audit.errors import AuditError
from gateway.api.bodies import media_type_of, read_body
from gateway.api.problems import problem_body
from gateway.auth import REVIEWERS, Role, authorise
from gateway.console.site import Console, ConsoleDep, console_of
from gateway.errors import (
    AuthenticationError,
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    UnsupportedMediaError,
)
from gateway.sessions import SignedIn, check_form

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 65_536  # a reason with every character escaped, and some room
MAX_FORM_FIELDS = 200  # a hundred sentences or cases that were ticked, and the rest of the form
TOKEN_FIELD = "form_token"  # noqa: S105  # the name of a field, no secret
HOME = "/console/"
NEXT_PATTERN = re.compile(r"/console/[A-Za-z0-9_/.-]{0,200}(\?[A-Za-z0-9_=&.%+-]{0,400})?", re.ASCII)
READERS = REVIEWERS | {Role.AUDITOR, Role.ADMIN}  # of the queue

Fields = Mapping[str, str]


def signed_in(request: Request, console: ConsoleDep) -> SignedIn:
    """Return who is signed in; raises `AuthenticationError`. In production, also who lacks a password or codes."""
    found = console.sessions.find(request.cookies.get(console.session_cookie))
    settings = console.backend.toolchain.settings
    if (found.issuer is None and not settings.local_accounts) or found.issuer not in (None, settings.oidc_issuer):
        raise AuthenticationError("this way of signing in was switched off; sign in again")
    unfinished = console.strict and found.issuer is None and not (found.has_password and found.has_codes)
    if unfinished and not request.url.path.startswith(("/console/account", "/console/sign-out")):
        raise ForbiddenError("choose a password and set up codes on the page 'Your account' first")
    return found


Visitor = Annotated[SignedIn, Depends(signed_in)]


class Admits:
    """A dependency that lets only these roles through."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self._roles = roles

    def __call__(self, visitor: Visitor) -> SignedIn:
        """Return who is signed in, or raise `ForbiddenError`."""
        authorise(visitor.caller, self._roles)
        return visitor


Reviewer = Annotated[SignedIn, Depends(Admits(REVIEWERS))]
Reader = Annotated[SignedIn, Depends(Admits(READERS))]


async def posted(request: Request, visitor: Visitor, console: ConsoleDep) -> Fields:
    """Return the fields of a form that this session's page made; raises `ForbiddenError` for any other."""
    fields = await read_form(request, console)
    check_form(visitor.token, fields.get(TOKEN_FIELD, ""))
    return fields


Posted = Annotated[Fields, Depends(posted)]


async def read_form(request: Request, console: Console) -> Fields:
    """Return the fields of a form from this site; of a field that comes twice, the values with commas between."""
    _from_here(request, console.backend.toolchain.settings.public_url)
    if media_type_of(request) != FORM:
        raise UnsupportedMediaError(f"send a form as {FORM}")
    body = await read_body(request, limit=MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidRequestError("the form cannot be read") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def next_page(wanted: str) -> str:
    """Return a page of the console to go on to; anything that is not one leads home."""
    return wanted if NEXT_PATTERN.fullmatch(wanted) else HOME


def see(path: str) -> Response:
    """Answer a form: go and look there."""
    return RedirectResponse(path, 303)


class ConsoleRoute(APIRoute):
    """A route whose refusals are pages: who is not signed in is asked to, everything else is explained."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except AuthenticationError:
                return _ask_to_sign_in(request)
            except (GatewayError, AuditError, DBAPIError, PoolTimeoutError, RequestValidationError) as error:
                return _explain(request, error)

        return handle_page


def _ask_to_sign_in(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = next_page(here) if request.method == "GET" else HOME
    path = f"/console/sign-in?next={quote(wanted, safe='')}"
    if "hx-request" in request.headers:  # a fragment must not be replaced by the sign-in page
        return Response(status_code=200, headers={"HX-Redirect": path})
    return see(path)


def _explain(request: Request, error: Exception) -> Response:
    console = console_of(request)
    trace_id = str(getattr(request.state, "trace_id", ""))
    public_url = console.backend.toolchain.settings.public_url
    problem = json.loads(problem_body(error, public_url=public_url, instance=request.url.path, trace_id=trace_id))
    try:
        visitor = console.sessions.find(request.cookies.get(console.session_cookie))
    except (AuthenticationError, GatewayError, DBAPIError, PoolTimeoutError):
        visitor = None  # safe to ignore: the page says less
    return console.pages.page("problem.html", status=problem["status"], visitor=visitor, problem=problem)


def _from_here(request: Request, public_url: str) -> None:
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise ForbiddenError("the form was sent from another site; open the console and send it from there")
    elif origin is not None:
        ours = {urlsplit(public_url).netloc, request.headers.get("host", "")}
        if urlsplit(origin).netloc not in ours:
            raise ForbiddenError("the form was sent from another site; open the console and send it from there")
