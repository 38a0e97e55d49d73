"""Sessions of the console: kept by the server, named by a random token in a cookie, and over in time.

Signing in always makes a new token and voids the one that came with the request, so a token that somebody planted is
worth nothing (session fixation). The token that protects forms is derived from the session's.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from gateway.accounts import Account, ConsoleSession, caller_of, digest_token
from gateway.auth import Caller
from gateway.db import Database
from gateway.errors import AuthenticationError, ForbiddenError

# NIST SP 800-63B-4, section 2.2.3: at AAL2, an hour without activity and a day in all. Somebody who is there is warned
# and may extend the hour as often as they like; what is longer than 20 hours needs no extension (WCAG 2.2, 2.2.1).
IDLE = timedelta(hours=1)
LONGEST = timedelta(hours=24)
SEEN_PRECISION = timedelta(minutes=1)  # a write per request would make every reader a writer
MAX_TOKEN = 128  # characters of a cookie that is worth looking up


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in, as the pages need them."""

    caller: Caller
    token: str
    has_password: bool
    has_codes: bool
    issuer: str | None = None  # of the provider that they signed in with; None for an account of this installation
    hint: str | None = None  # sealed, for signing out there
    until: datetime | None = None  # when it is over unless somebody does something
    now: datetime | None = None  # by the clock that counts

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        return form_token_of(self.token)


class Sessions:
    """Begins, finds and ends sessions; safe to use from several threads and processes."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, account: Account, *, replacing: str | None, hint: str | None = None) -> str:
        """Return the token of a new session; the one that the browser had before ends.

        `hint` is kept with it, sealed by the caller.
        """
        now, token = self._clock(), secrets.token_urlsafe(32)
        with self._database.write() as session:
            if replacing:
                _delete(session, replacing)
            session.execute(delete(ConsoleSession).where(col(ConsoleSession.created_at) <= now - LONGEST))
            session.add(
                ConsoleSession(
                    digest=digest_token(token), account_id=account.id, created_at=now, seen_at=now, hint=hint
                )
            )
        return token

    def find(self, token: str | None) -> SignedIn:
        """Return who this is; raises `AuthenticationError` for a token that is missing, unknown or over."""
        if not token or len(token) > MAX_TOKEN:
            raise AuthenticationError("sign in first")
        now = self._clock()
        with self._database.read() as session:
            row = session.get(ConsoleSession, digest_token(token))
            account = session.get(Account, row.account_id) if row is not None else None
        if row is None or account is None or account.disabled_at is not None:
            raise AuthenticationError("sign in first")
        if now >= row.created_at + LONGEST or now >= row.seen_at + IDLE:
            raise AuthenticationError("the session is over; sign in again")
        if now - row.seen_at >= SEEN_PRECISION:
            with self._database.write() as session:
                # Not `add`: a session that was ended meanwhile must stay ended.
                found = session.get(ConsoleSession, row.digest, with_for_update=True)
                if found is not None:
                    found.seen_at = row.seen_at = now
                    session.add(found)
        return SignedIn(
            caller_of(account),
            token,
            account.password_hash is not None,
            account.codes_secret is not None,
            account.issuer,
            row.hint,
            min(row.seen_at + IDLE, row.created_at + LONGEST),
            now,
        )

    def end(self, token: str) -> None:
        """End one session; ending it twice changes nothing."""
        with self._database.write() as session:
            _delete(session, token)

    def end_others(self, signed_in: SignedIn) -> None:
        """End every other session of the same account, as after a change of password."""
        with self._database.write() as session:
            session.execute(
                delete(ConsoleSession).where(
                    col(ConsoleSession.account_id) == signed_in.caller.key_id,
                    col(ConsoleSession.digest) != digest_token(signed_in.token),
                )
            )


def form_token_of(token: str) -> str:
    """Return the token for forms that belongs to a session's token, or to a browser's before it signed in."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"assay console form", hashlib.sha256).hexdigest()


def check_form(token: str, presented: str) -> None:
    """Insist that a form was made for this session; raises `ForbiddenError`."""
    if not hmac.compare_digest(form_token_of(token).encode(), presented.encode("utf-8", "surrogatepass")):
        raise ForbiddenError("the form is not from this session; open the page again and send it from there")


def _delete(session: Session, token: str) -> None:
    session.execute(delete(ConsoleSession).where(col(ConsoleSession.digest) == digest_token(token)))
