"""Signing in and out, and one's own account."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.console.arrival import MAX_VISIT, begin_session, sign_in_page, visit_of, with_visit
from gateway.console.doors import HOME, TOKEN_FIELD, ConsoleRoute, Posted, Visitor, next_page, read_form, see
from gateway.console.site import Console, ConsoleDep
from gateway.errors import AuthenticationError, ForbiddenError, InvalidRequestError, SignInUnavailableError
from gateway.sessions import SignedIn, check_form, form_token_of
from gateway.totp import new_totp_secret, totp_address

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

LinkToken = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{40,60}$")]


@router.get("/console/sign-in")
def show_sign_in(request: Request, console: ConsoleDep, wanted: Annotated[str, Query(alias="next")] = HOME) -> Response:
    """Ask for name, password and code."""
    return sign_in_page(request, console, next_page(wanted))


@router.post("/console/sign-in")
async def sign_in(request: Request, console: ConsoleDep) -> Response:
    """Check what was presented, and begin a session."""
    _require_local_accounts(console)
    fields = await read_form(request, console)
    check_form(request.cookies.get(console.visit_cookie, "")[:MAX_VISIT], fields.get(TOKEN_FIELD, ""))
    wanted = next_page(fields.get("next", HOME))
    console.throttle.admit(request.client.host if request.client else "unknown")
    try:
        account = await run_in_threadpool(
            console.accounts.check, fields.get("name", ""), fields.get("password", ""), fields.get("code", "")
        )
    except AuthenticationError as error:
        return sign_in_page(request, console, wanted, mistake=error.detail, status=401)
    return await run_in_threadpool(begin_session, request, console, account, wanted)


@router.get("/console/link/{token}")
def show_link(token: LinkToken, request: Request, console: ConsoleDep) -> Response:
    """Ask to press a button: a link that is only looked at, by a mail scanner say, is not used up."""
    visit, fresh = visit_of(request, console)
    page = console.pages.page("link.html", visitor=None, token=token, form_token=form_token_of(visit))
    page.headers["Referrer-Policy"] = "no-referrer"
    return with_visit(page, console, visit, fresh)


@router.post("/console/link/{token}")
async def use_link(token: LinkToken, request: Request, console: ConsoleDep) -> Response:
    """Sign in by a link, which then is used up."""
    _require_local_accounts(console)
    fields = await read_form(request, console)
    check_form(request.cookies.get(console.visit_cookie, "")[:MAX_VISIT], fields.get(TOKEN_FIELD, ""))
    console.throttle.admit(request.client.host if request.client else "unknown")
    try:
        account = await run_in_threadpool(console.accounts.use_link, token)
    except AuthenticationError as error:
        return sign_in_page(request, console, HOME, mistake=error.detail, status=401)
    # Who has no password yet could not come back: they choose one first.
    wanted = HOME if account.password_hash or not console.strict else "/console/account"
    return await run_in_threadpool(begin_session, request, console, account, wanted)


@router.post("/console/sign-out")
def sign_out(console: ConsoleDep, visitor: Visitor, fields: Posted) -> Response:
    """End the session."""
    del fields
    console.sessions.end(visitor.token)
    answer = see("/console/sign-in") if visitor.issuer is None else _signed_out_page(console, visitor)
    answer.delete_cookie(console.session_cookie, path="/", secure=console.secure, httponly=True, samesite="lax")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@router.post("/console/session")
def stay(request: Request, visitor: Visitor, fields: Posted) -> Response:
    """Stay signed in: the request itself is what extends the session. The page's script asks for JSON."""
    del fields
    if request.headers.get("accept", "") == "application/json" and visitor.until and visitor.now:
        return JSONResponse({"until": visitor.until.isoformat(), "now": visitor.now.isoformat()})
    return see(HOME)


@router.get("/console/account")
def show_account(console: ConsoleDep, visitor: Visitor, done: str = "") -> Response:
    """Show what one may change about oneself."""
    return _account_page(console, visitor, done=done)


@router.post("/console/account/password")
def change_password(console: ConsoleDep, visitor: Visitor, fields: Posted) -> Response:
    """Set the password and end every other session of the account."""
    try:
        if fields.get("new", "") != fields.get("again", ""):
            raise InvalidRequestError("the two new passwords differ; type the same one twice")
        console.accounts.set_password(visitor.caller.key_id, fields.get("current", ""), fields.get("new", ""))
    except InvalidRequestError as error:
        return _account_page(console, visitor, mistake=error.detail, status=422)
    console.sessions.end_others(visitor)
    return see("/console/account?done=password")


@router.post("/console/account/codes")
def set_codes(console: ConsoleDep, visitor: Visitor, fields: Posted) -> Response:
    """Ask for codes at sign-in from now on."""
    secret = fields.get("secret", "")
    try:
        console.accounts.set_totp(visitor.caller.key_id, secret, fields.get("code", ""))
    except InvalidRequestError as error:
        return _account_page(console, visitor, mistake=error.detail, secret=secret, status=422)
    console.sessions.end_others(visitor)
    return see("/console/account?done=codes")


def _require_local_accounts(console: Console) -> None:
    if not console.backend.toolchain.settings.local_accounts:
        raise ForbiddenError("accounts of this installation are switched off; sign in with your organisation")


def _signed_out_page(console: Console, visitor: SignedIn) -> Response:
    """Offer to sign out at the provider too: whoever uses this browser next could come back in otherwise."""
    address = None
    if console.federation is not None:
        back_to = console.backend.toolchain.settings.public_url.rstrip("/") + "/console/sign-in"
        with suppress(SignInUnavailableError):  # safe to ignore: they are signed out here
            address = console.federation.sign_out_address(visitor, back_to=back_to)
    page = console.pages.page("signedout.html", visitor=None, federation=console.federation, address=address)
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


def _account_page(
    console: Console, visitor: Visitor, *, done: str = "", mistake: str = "", secret: str = "", status: int = 200
) -> Response:
    secret = secret if secret and len(secret) <= 64 and secret.isalnum() else new_totp_secret()
    issuer = console.backend.toolchain.settings.organisation
    return console.pages.page(
        "account.html",
        status=status,
        visitor=visitor,
        done=done,
        mistake=mistake,
        secret=secret,
        address=totp_address(visitor.caller.name, secret, issuer=issuer),
        required=console.strict and visitor.issuer is None and not (visitor.has_password and visitor.has_codes),
    )
