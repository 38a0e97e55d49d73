"""Accounts: people who sign in to the console with a name, a password and a code, or once with a link.

A password is kept as argon2id, a session's token and a link's as SHA-256 (they are random, so one hash is enough), the
secret of the codes sealed (`gateway.sealing`). Whatever is wrong at sign-in, the answer is one sentence and costs the
same time. After `FREE_FAILURES` wrong tries an account waits, twice as long with every further one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, Session, SQLModel, col, delete, select

from audit.event import Event, EventKind
from audit.log import Log
from audit.store import UtcDateTime
from gateway.auth import Caller, Role
from gateway.db import Database
from gateway.errors import AuthenticationError, ConflictError, InvalidRequestError, NotFoundError
from gateway.scrub import scrub
from gateway.sealing import SEALED, Seal, is_sealed
from gateway.totp import matching_step

NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,98}[a-z0-9])?", re.ASCII)
ACCOUNT_PREFIX = "acct_"
MIN_PASSWORD, MAX_PASSWORD = 12, 256  # characters: NIST SP 800-63B asks for length, not for kinds of characters
FREE_FAILURES = 5  # wrong tries in a row that cost nothing: people mistype
LONGEST_WAIT = timedelta(minutes=15)  # between tries: slow for guessing, bearable for its owner
LINK_LIFE = timedelta(hours=24)  # of a one-time link: long enough to be passed on by hand
HASHES_AT_ONCE = 2  # each takes 64 MiB
OPERATOR = "operator"  # who acts from the command line
CODES = "codes"  # what the secret is for, as `Seal` knows it

_REFUSED = "name, password or code are not right, or there were too many tries; check them and wait a little"


class Account(SQLModel, table=True):
    """A person who may sign in: with a password kept here, or, with an `issuer`, at a provider alone."""

    __table_args__ = (Index("ix_account_provider", "issuer", "subject", unique=True),)

    id: str = Field(primary_key=True, max_length=64)  # names them in the log
    name: str = Field(max_length=100, unique=True)  # what they type
    role: str = Field(max_length=16)  # `gateway.auth.Role`
    password_hash: str | None = Field(default=None, max_length=255)
    codes_secret: str | None = Field(default=None, max_length=255)  # base 32, sealed
    totp_step: int = Field(default=0, sa_type=BigInteger)  # of the last code that was used: none works twice
    failures: int = 0  # wrong tries in a row
    blocked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    signed_in_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    issuer: str | None = Field(default=None, max_length=255)  # of the provider that they sign in with, ...
    subject: str | None = Field(default=None, max_length=255)  # ... and who they are there; both or neither


class ConsoleSession(SQLModel, table=True):
    """A browser that is signed in."""

    digest: str = Field(primary_key=True, max_length=64)  # SHA-256 of the cookie's token, in hex
    account_id: str = Field(foreign_key="account.id", index=True, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    hint: str | None = Field(default=None, sa_type=Text)  # the provider's ID token, sealed, for signing out there


class SignInLink(SQLModel, table=True):
    """A link that signs in once; using it deletes it."""

    digest: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.id", index=True, max_length=64)
    expires_at: datetime = Field(sa_type=UtcDateTime)


def add_account(session: Session, name: str, role: Role, *, at: datetime, log: Log) -> Account:
    """Store an account without a password in the caller's transaction; `create_link` lets its owner in.

    Raises `InvalidRequestError` for a name that is not one, `ConflictError` if it is taken.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise InvalidRequestError("an account's name is 1 to 100 of a-z, 0-9, '.', '_', '@', '+', '-'")
    if session.exec(select(Account).where(Account.name == name)).first() is not None:
        raise ConflictError(f"there is an account '{name}' already; choose another name")
    account = Account(id=ACCOUNT_PREFIX + secrets.token_hex(8), name=name, role=role.value, created_at=at)
    session.add(account)
    log.append(session, Event(EventKind.ACCOUNT_CREATED, at, account.id, OPERATOR, {"role": role.value}))
    return account


def find_account(session: Session, name: str) -> Account:
    """Return the account of this name, or raise `NotFoundError`."""
    account = session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        raise NotFoundError(f"there is no account '{name}'; `assay account list` shows all")
    return account


def list_accounts(session: Session) -> list[Account]:
    """Return all accounts by name."""
    return list(session.exec(select(Account).order_by(col(Account.name))))


def disable_account(session: Session, name: str, *, at: datetime, log: Log) -> None:
    """End an account in the caller's transaction: its sessions and links too. Doing it twice changes nothing."""
    account = find_account(session, name)
    if account.disabled_at is None:
        account.disabled_at = at
        session.add(account)
        end_all(session, account.id)
        log.append(session, Event(EventKind.ACCOUNT_DISABLED, at, account.id, OPERATOR, {"role": account.role}))


def reset_account(session: Session, name: str, *, at: datetime, log: Log) -> Account:
    """Forget password, codes and sessions in the caller's transaction, and let a disabled account in again."""
    account = find_account(session, name)
    account.password_hash = account.codes_secret = account.blocked_until = account.disabled_at = None
    account.failures = 0
    session.add(account)
    end_all(session, account.id)
    log.append(session, Event(EventKind.ACCOUNT_RESET, at, account.id, OPERATOR, {"role": account.role}))
    return account


def forget_account(session: Session, account_id: str, *, replacement: str, at: datetime, log: Log, by: str) -> None:
    """End an account for good in the caller's transaction, and put `replacement` in the place of its name.

    Password and codes go too; the id stays, because the log names it. Raises `NotFoundError`.
    """
    account = session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFoundError(f"there is no account with the id '{account_id}'")
    news = account.disabled_at is None
    account.name, account.disabled_at = f"{replacement}-{account.id.lower()}"[:100], account.disabled_at or at
    account.password_hash = account.codes_secret = account.signed_in_at = account.issuer = account.subject = None
    session.add(account)
    end_all(session, account.id)
    if news:
        log.append(session, Event(EventKind.ACCOUNT_DISABLED, at, account.id, by, {"role": account.role}))


def has_sealed_codes(database: Database) -> bool:
    """True if some account's codes cannot be checked without the key that seals them."""
    with database.read() as session:
        held = session.exec(select(Account.codes_secret).where(col(Account.codes_secret).startswith(SEALED)).limit(1))
        return held.first() is not None


def seal_codes(database: Database, seal: Seal) -> int:
    """Seal the secrets that earlier versions kept as they were, and return how many; doing it twice changes nothing.

    Raises `KeyMaterialError` if there are some and no key.
    """
    with database.read() as session:
        held = session.exec(select(Account.id, Account.codes_secret).where(col(Account.codes_secret).is_not(None)))
        plain = [account_id for account_id, secret in held if secret and not is_sealed(secret)]
    if plain:
        with database.write() as session:
            for account_id in plain:
                row = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
                if row.codes_secret and not is_sealed(row.codes_secret):
                    row.codes_secret = seal.seal(row.codes_secret, purpose=CODES, owner=row.id)
                    session.add(row)
        scrub(database, [str(Account.__tablename__)])  # what was there in the clear is not left in free pages
    return len(plain)


def create_link(session: Session, account: Account, *, at: datetime) -> str:
    """Return the token of a link that signs this account in once, within `LINK_LIFE`."""
    token = secrets.token_urlsafe(32)
    session.flush()  # PostgreSQL checks the foreign key at once
    session.add(SignInLink(digest=digest_token(token), account_id=account.id, expires_at=at + LINK_LIFE))
    return token


def digest_token(token: str) -> str:
    """SHA-256 of a token, in hex: what is stored of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def caller_of(account: Account) -> Caller:
    """Return the account as the rest of the gateway knows a caller; raises `AuthenticationError` for a strange role."""
    try:
        return Caller(key_id=account.id, role=Role(account.role), name=account.name)
    except ValueError as error:  # a role that this version does not know opens nothing
        raise AuthenticationError(_REFUSED) from error


class Accounts:
    """Checks what people present; safe to use from several threads and processes."""

    def __init__(
        self, *, database: Database, clock: Callable[[], datetime], seal: Seal, hasher: PasswordHasher | None = None
    ) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._hasher = hasher or PasswordHasher()  # argon2id with the parameters of RFC 9106, section 4, second choice
        self._nobody = self._hasher.hash(secrets.token_hex(16))  # compared with when there is no such account
        self._places = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def check(self, name: str, password: str, code: str) -> Account:
        """Return the account, or raise `AuthenticationError`; every failure counts against the account.

        1. Too many failures: refused whatever is presented, so that guessing learns nothing.
        2. The password.
        3. The code, where the account has codes; none works twice.
        """
        now = self._clock()
        with self._database.read() as session:
            account = session.exec(select(Account).where(Account.name == name.strip().lower())).first()
        known = account.password_hash if account is not None and account.password_hash else self._nobody
        right = self._matches(known, password)
        if account is None:
            raise AuthenticationError(_REFUSED)
        with self._database.write() as session:
            row = session.get_one(Account, account.id, with_for_update=True, populate_existing=True)
            blocked = row.blocked_until is not None and row.blocked_until > now  # 1.
            step: int | None = row.totp_step + 1
            if right and row.codes_secret:
                # A secret that cannot be opened lets nobody in; who does not know the password learns nothing of it.
                secret = self._seal.open(row.codes_secret, purpose=CODES, owner=row.id)
                step = matching_step(secret, code, now)
            good = (
                right  # 2.
                and row.password_hash == known
                and row.disabled_at is None
                and step is not None
                and step > row.totp_step  # 3.
            )
            if good and not blocked and step is not None:
                row.failures, row.blocked_until, row.signed_in_at = 0, None, now
                row.totp_step = step if row.codes_secret else row.totp_step
            elif not blocked:
                row.failures += 1
                row.blocked_until = _blocked_until(row.failures, now)
            session.add(row)
        if blocked or not good:
            raise AuthenticationError(_REFUSED)
        return row

    def use_link(self, token: str) -> Account:
        """Return whose link this is, and void it; raises `AuthenticationError` if it is used up, too old or unknown."""
        now = self._clock()
        with self._database.write() as session:
            link = session.get(SignInLink, digest_token(token), with_for_update=True)
            account = session.get(Account, link.account_id) if link is not None else None
            void = account is None or account.disabled_at is not None or account.issuer is not None
            if link is None or account is None or void or link.expires_at <= now:
                raise AuthenticationError("this link was used before, or is too old; ask for a new one")
            session.delete(link)
            account.signed_in_at = now
            session.add(account)
        return account

    def set_password(self, account_id: str, current: str, new: str) -> None:
        """Change a password; the first needs no current one. Raises `InvalidRequestError` if either is not right."""
        if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
            raise InvalidRequestError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; a sentence is fine")
        with self._database.read() as session:
            held = session.get_one(Account, account_id)
        if held.issuer is not None:
            raise InvalidRequestError(f"this account signs in at {held.issuer}, and has no password here")
        stored = held.password_hash
        if stored is not None and not self._matches(stored, current):
            raise InvalidRequestError("the current password is not right; the password was not changed")
        with self._places:
            hashed = self._hasher.hash(new)
        with self._database.write() as session:
            row = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
            if row.password_hash != stored:
                raise ConflictError("the password was changed meanwhile; sign in again")
            row.password_hash = hashed
            session.add(row)

    def set_totp(self, account_id: str, secret: str, code: str) -> None:
        """Ask for codes from now on; `code` shows that the app has the secret. Raises `InvalidRequestError`."""
        now = self._clock()
        step = matching_step(secret, code, now)
        if step is None:
            raise InvalidRequestError("the code does not belong to this secret; check the clock and send a new code")
        with self._database.write() as session:
            row = session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
            if row.issuer is not None:
                raise InvalidRequestError(f"this account signs in at {row.issuer}, and has no codes here")
            if row.codes_secret is not None:
                raise ConflictError("this account has codes already; an operator can reset it")
            row.codes_secret, row.totp_step = self._seal.seal(secret, purpose=CODES, owner=row.id), step
            session.add(row)

    def _matches(self, stored: str, password: str) -> bool:
        if len(password) > MAX_PASSWORD:
            return False
        with self._places:
            try:
                return self._hasher.verify(stored, password)
            except (VerificationError, InvalidHashError):
                return False


def _blocked_until(failures: int, now: datetime) -> datetime | None:
    if failures < FREE_FAILURES:
        return None
    return now + min(timedelta(seconds=2.0 ** min(failures - FREE_FAILURES, 20)), LONGEST_WAIT)


def end_all(session: Session, account_id: str) -> None:
    """End every session of an account in the caller's transaction, and void its links."""
    session.execute(delete(ConsoleSession).where(col(ConsoleSession.account_id) == account_id))
    session.execute(delete(SignInLink).where(col(SignInLink.account_id) == account_id))
