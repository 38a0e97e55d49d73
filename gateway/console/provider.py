"""Signing in with the organisation's OpenID provider: there and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.console.arrival import begin_session, sign_in_page
from gateway.console.doors import HOME, ConsoleRoute, next_page
from gateway.console.site import Console, ConsoleDep
from gateway.errors import AuthenticationError, ForbiddenError, NotFoundError, SignInUnavailableError
from gateway.federation import ATTEMPT_LIFE, Answer, Federation

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

MAX_ANSWER = 4_096  # characters of one value that the provider sends back

Part = Annotated[str, Query(max_length=MAX_ANSWER)]


@router.get("/console/sign-in/provider")
def go_to_provider(
    request: Request, console: ConsoleDep, wanted: Annotated[str, Query(alias="next", max_length=MAX_ANSWER)] = HOME
) -> Response:
    """Send the browser to the provider. Whoever is made to follow this link only signs in as themselves."""
    federation = _federation_of(console)
    console.throttle.admit(request.client.host if request.client else "unknown")
    try:
        beginning = federation.begin(wanted=next_page(wanted))
    except SignInUnavailableError as error:
        return sign_in_page(request, console, next_page(wanted), mistake=error.detail, status=503)
    answer = RedirectResponse(beginning.address, 303, {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
    answer.set_cookie(
        console.attempt_cookie,
        beginning.browser,
        max_age=int(ATTEMPT_LIFE.total_seconds()),
        path="/",
        secure=console.secure,
        httponly=True,
        samesite="lax",  # strict would not come back from the provider
    )
    return answer


@router.get("/console/sign-in/callback")
def come_back(
    request: Request,
    console: ConsoleDep,
    state: Part = "",
    code: Part = "",
    error: Part = "",
    iss: Annotated[str | None, Query(max_length=MAX_ANSWER)] = None,
) -> Response:
    """Take the provider's answer, and begin a session."""
    federation = _federation_of(console)
    browser = request.cookies.get(console.attempt_cookie, "")
    try:
        admitted = federation.finish(Answer(state=state, code=code, error=error, issuer=iss), browser=browser)
    except (AuthenticationError, ForbiddenError, SignInUnavailableError) as refusal:
        if isinstance(refusal, ForbiddenError) and (held := request.cookies.get(console.session_cookie)):
            console.sessions.end(held)  # whoever was signed in here before is not who came back
        answer = sign_in_page(request, console, HOME, mistake=refusal.detail, status=refusal.status)
    else:
        answer = begin_session(request, console, admitted.account, admitted.wanted, hint=admitted.hint)
    answer.delete_cookie(console.attempt_cookie, path="/", secure=console.secure, httponly=True, samesite="lax")
    return answer


def _federation_of(console: Console) -> Federation:
    if console.federation is None:
        raise NotFoundError("no provider is set up here; sign in with an account of this installation")
    return console.federation
