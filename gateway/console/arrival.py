"""What every way of signing in has in common: the page that asks, and the session that follows."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from gateway.accounts import Account
from gateway.console.doors import see
from gateway.console.site import Console
from gateway.sessions import LONGEST, form_token_of

MAX_VISIT = 100  # characters of the cookie that ties the form to a browser


def begin_session(
    request: Request, console: Console, account: Account, wanted: str, *, hint: str | None = None
) -> Response:
    """Give the browser a new session, end the one that it had, and lead on."""
    token = console.sessions.begin(account, replacing=request.cookies.get(console.session_cookie), hint=hint)
    answer = see(wanted)
    answer.set_cookie(
        console.session_cookie,
        token,
        max_age=int(LONGEST.total_seconds()),
        path="/",
        secure=console.secure,
        httponly=True,
        samesite="lax",  # strict would sign everybody out who follows a link from a message
    )
    return answer


def sign_in_page(request: Request, console: Console, wanted: str, *, mistake: str = "", status: int = 200) -> Response:
    """Ask to sign in, and say why it did not work."""
    visit, fresh = visit_of(request, console)
    page = console.pages.page(
        "signin.html",
        status=status,
        visitor=None,
        wanted=wanted,
        mistake=mistake,
        federation=console.federation,
        local=console.backend.toolchain.settings.local_accounts,
        form_token=form_token_of(visit),
    )
    return with_visit(page, console, visit, fresh)


def visit_of(request: Request, console: Console) -> tuple[str, bool]:
    """Return what ties forms to this browser before anybody is signed in, and whether it is new."""
    held = request.cookies.get(console.visit_cookie, "")
    return (held, False) if 20 <= len(held) <= MAX_VISIT else (secrets.token_urlsafe(32), True)


def with_visit(page: Response, console: Console, visit: str, fresh: bool) -> Response:
    """Give the browser what `visit_of` returned, where it is new."""
    if fresh:
        page.set_cookie(console.visit_cookie, visit, path="/", secure=console.secure, httponly=True, samesite="strict")
    return page
