"""People who sign in with the organisation's OpenID provider: one sign-in from beginning to account.

An account is bound to issuer and subject, never to a name or an address, which a provider may give to somebody else.
It is made at the first sign-in, has no password here, and its role is what the provider's groups say at every sign-in.

1. `begin` notes the secrets of a sign-in under a token that only this browser holds, for `ATTEMPT_LIFE`.
2. `finish` takes that note away first, so that an answer counts once, and only in the browser that asked for it: an
   answer that somebody else's sign-in brought about signs nobody in (login CSRF).
3. The provider's answer is checked (`gateway.oidc`), then the e-mail domain, then the groups. Whoever has no role is
   told so, gets no session, and loses those that they had.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Field, Session, SQLModel, col, delete, select

from audit.event import Event, EventKind
from audit.log import Log
from audit.store import UtcDateTime
from gateway.accounts import ACCOUNT_PREFIX, NAME_PATTERN, Account, digest_token, end_all
from gateway.auth import Role
from gateway.db import Database
from gateway.errors import AuthenticationError, ForbiddenError, KeyMaterialError
from gateway.oidc import Attempt, Identity, OpenIdProvider, new_attempt
from gateway.sealing import Seal
from gateway.sessions import SignedIn

ATTEMPT_LIFE = timedelta(minutes=10)  # for signing in over there, with a second factor
MAX_ATTEMPTS = 10_000  # at a time: a flood of beginnings must not fill the database
PROVIDER = "provider"  # who acts when the provider's word changes an account
HINT = "id token"  # what is sealed, as `Seal` knows it


class SignInAttempt(SQLModel, table=True):
    """A sign-in that has begun; finishing it deletes it."""

    state_digest: str = Field(primary_key=True, max_length=64)
    browser_digest: str = Field(max_length=64)
    nonce: str = Field(max_length=64)
    verifier: str = Field(max_length=128)  # of PKCE; worth nothing without the code
    wanted: str = Field(max_length=700)  # page to go on to
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to send the browser, and what it must hold when it comes back."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from the provider, unchecked."""

    state: str
    code: str
    error: str
    issuer: str | None  # RFC 9207


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may come in."""

    account: Account
    wanted: str
    hint: str | None  # sealed


class Federation:
    """Signs people in with one provider; safe to use from several threads and processes."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        clock: Callable[[], datetime],
        seal: Seal,
        provider: OpenIdProvider,
        roles: Mapping[str, Role],
        domains: Sequence[str] = (),
        label: str,
    ) -> None:
        self.label = label
        self._database = database
        self._log = log
        self._clock = clock
        self._seal = seal
        self._provider = provider
        self._roles = dict(roles)
        self._domains = frozenset(domain.lower() for domain in domains)

    @property
    def issuer(self) -> str:
        """Name of the provider."""
        return self._provider.issuer

    def begin(self, *, wanted: str) -> Beginning:
        """Begin a sign-in; raises `SignInUnavailableError` if the provider does not answer."""
        attempt, browser, now = new_attempt(), secrets.token_urlsafe(32), self._clock()
        address = self._provider.begin(attempt)
        with self._database.write() as session:
            session.execute(delete(SignInAttempt).where(col(SignInAttempt.expires_at) <= now))
            oldest = select(SignInAttempt.state_digest).order_by(col(SignInAttempt.expires_at).desc())
            session.execute(
                delete(SignInAttempt).where(col(SignInAttempt.state_digest).in_(oldest.offset(MAX_ATTEMPTS).limit(100)))
            )
            session.add(
                SignInAttempt(
                    state_digest=digest_token(attempt.state),
                    browser_digest=digest_token(browser),
                    nonce=attempt.nonce,
                    verifier=attempt.verifier,
                    wanted=wanted,
                    expires_at=now + ATTEMPT_LIFE,
                )
            )
        return Beginning(address, browser)

    def finish(self, answer: Answer, *, browser: str) -> Admission:
        """Return who signed in.

        Raises `AuthenticationError` for an answer that does not hold, `ForbiddenError` for somebody without a role
        here, and `SignInUnavailableError`.
        """
        found = self._take(answer.state, browser)
        if answer.error:
            raise AuthenticationError(f"the provider did not sign you in ({_word(answer.error)}); try again")
        attempt = Attempt(answer.state, found.nonce, found.verifier)
        identity = self._provider.finish(attempt, code=answer.code, named_issuer=answer.issuer)
        role, refusal = self._role_of(identity)
        with self._database.write() as session:
            account = self._account_of(session, identity)
            if role is not None:
                account = self._admit(session, account, identity, role)
            elif account is not None:
                end_all(session, account.id)
        if role is None:
            raise ForbiddenError(refusal)
        if account is None or account.disabled_at is not None:
            raise ForbiddenError("this account was disabled; ask whoever runs this installation")
        return Admission(account, found.wanted, self._seal.seal(identity.id_token, purpose=HINT, owner=account.id))

    def sign_out_address(self, visitor: SignedIn, *, back_to: str) -> str | None:
        """Return where they sign out at the provider too, or None if it offers none or does not answer."""
        try:
            hint = self._seal.open(visitor.hint, purpose=HINT, owner=visitor.caller.key_id) if visitor.hint else ""
        except KeyMaterialError:
            hint = ""  # safe to ignore: the provider asks who signs out
        return self._provider.sign_out_address(hint, back_to=back_to)

    def _take(self, state: str, browser: str) -> SignInAttempt:
        """Return the note of this sign-in and delete it, whoever brings the state: it is used up then."""
        with self._database.write() as session:
            found = session.get(SignInAttempt, digest_token(state), with_for_update=True)
            if found is not None:
                session.delete(found)
        right = found is not None and secrets.compare_digest(found.browser_digest, digest_token(browser))
        if found is None or not right or found.expires_at <= self._clock():
            raise AuthenticationError("this sign-in was not begun in this browser, is over or too old; begin again")
        return found

    def _role_of(self, identity: Identity) -> tuple[Role | None, str]:
        """Return the role of the first group in the settings that they belong to; else None, and why not."""
        _, at, domain = identity.email.rpartition("@")
        if self._domains and not (at and domain.lower() in self._domains):
            domains = ", ".join(sorted(self._domains))
            return None, f"you signed in at {self.label}, but without a verified e-mail address of {domains}"
        role = next((role for group, role in self._roles.items() if group in identity.groups), None)
        return role, (
            f"you signed in at {self.label}, but none of your groups there has a role here; ask whoever runs this "
            "installation to give one to you"
        )

    def _account_of(self, session: Session, identity: Identity) -> Account | None:
        statement = select(Account).where(Account.issuer == identity.issuer, Account.subject == identity.subject)
        return session.exec(statement.with_for_update()).first()

    def _admit(self, session: Session, account: Account | None, identity: Identity, role: Role) -> Account:
        now = self._clock()
        if account is None:
            account = Account(
                id=ACCOUNT_PREFIX + secrets.token_hex(8),
                name=_free_name(session, identity),
                role=role.value,
                created_at=now,
                signed_in_at=now,
                issuer=identity.issuer,
                subject=identity.subject,
            )
            session.add(account)
            self._log.append(session, Event(EventKind.ACCOUNT_CREATED, now, account.id, PROVIDER, {"role": role.value}))
            return account
        if account.disabled_at is None:
            previous, account.role, account.signed_in_at = account.role, role.value, now
            session.add(account)
            if previous != role.value:
                end_all(session, account.id)  # a session elsewhere must not go on with the role of before
                facts = {"role": role.value, "previous": previous}
                self._log.append(session, Event(EventKind.ACCOUNT_ROLE_CHANGED, now, account.id, PROVIDER, {**facts}))
        return account


def _free_name(session: Session, identity: Identity) -> str:
    """Return a name that nobody has: it is shown to colleagues, and opens nothing."""
    wanted = re.sub(r"[^a-z0-9._@+-]", "-", (identity.email or identity.name).lower())[:90].strip("._@+-")
    if not NAME_PATTERN.fullmatch(wanted):
        wanted = "person"
    taken = session.exec(select(Account).where(Account.name == wanted)).first() is not None
    return f"{wanted}-{secrets.token_hex(3)}" if taken or wanted == "person" else wanted


def _word(error: str) -> str:
    """Return the provider's word for what went wrong, if it is one (RFC 6749, section 4.1.2.1)."""
    return error if re.fullmatch(r"[a-z_]{1,40}", error) else "without saying why"
