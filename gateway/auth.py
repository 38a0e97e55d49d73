"""API keys: who is calling, and what their role lets them do.

A key reads `assay_<key id>_<secret>`. The id is public and names the caller in the audit log; the secret is 43 random
base62 characters (256 bits), so one SHA-256 is as good as a slow hash. Whatever is wrong with a presented key, the
answer is the same sentence: it does not say whether the key exists.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select, update

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.db import Database
from gateway.errors import AuthenticationError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.submissions import ApiKey

BASE62 = string.digits + string.ascii_letters
KEY_ID_LENGTH = 12  # characters: 71 bits, ids never collide
SECRET_LENGTH = 43  # characters: 62**43 > 2**256
KEY_PATTERN = re.compile(rf"assay_([0-9A-Za-z]{{{KEY_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})", re.ASCII)
MAX_NAME_LENGTH = 100  # characters, as wide as the column
LAST_USED_PRECISION = timedelta(minutes=1)  # a write per request would make every reader a writer

OPERATOR = "operator"  # who acts from the command line of the installation

_REFUSED = (
    "the API key is missing, unknown, expired or revoked; send a current one as 'Authorization: Bearer assay_...'"
)
_NOBODY = hashlib.sha256(
    b"no such key"
).hexdigest()  # compared with when the id is unknown, so that both paths cost alike


class Role(StrEnum):
    """What a key is for; a caller has exactly one."""

    SUBMITTER = "submitter"  # sends scripts and sees its own submissions
    REVIEWER = "reviewer"  # claims and decides review cases
    SENIOR_REVIEWER = "senior_reviewer"  # the same, and what was escalated
    AUDITOR = "auditor"  # reads everything, changes nothing
    ADMIN = "admin"  # reads everything and runs the installation; can neither submit nor decide


REVIEWERS = frozenset({Role.REVIEWER, Role.SENIOR_REVIEWER})  # who decide cases


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated key; `key_id` is what the audit log calls them."""

    key_id: str
    role: Role
    name: str


def create_key(
    session: Session,
    role: Role,
    name: str,
    at: datetime,
    *,
    expires_at: datetime | None = None,
    account_id: str | None = None,
) -> str:
    """Store a new key in the caller's transaction and return its plaintext, which is never seen again.

    `account_id` says who holds it, so that nobody reviews what they submitted.

    Raises `InvalidRequestError` for an empty or overlong name, a time without zone, or an expiry that is not ahead.
    """
    label = name.strip()
    if not label or len(label) > MAX_NAME_LENGTH or not label.isprintable():
        raise InvalidRequestError(f"a key needs a printable name of 1 to {MAX_NAME_LENGTH} characters")
    if at.tzinfo is None or (expires_at is not None and expires_at.tzinfo is None):
        raise InvalidRequestError("times need a time zone; pass aware datetimes")
    if expires_at is not None and expires_at <= at:
        raise InvalidRequestError("the key would already be expired; choose a later expiry")
    key_id, secret = _random(KEY_ID_LENGTH), _random(SECRET_LENGTH)
    session.add(
        ApiKey(
            id=key_id,
            secret_digest=_digest(secret),
            role=role.value,
            name=label,
            created_at=at,
            expires_at=expires_at,
            account_id=account_id,
        )
    )
    return f"assay_{key_id}_{secret}"


def issue_key(
    session: Session,
    role: Role,
    name: str,
    at: datetime,
    *,
    log: Log,
    by: str = OPERATOR,
    expires_at: datetime | None = None,
    account_id: str | None = None,
) -> str:
    """Do as `create_key` does, and log who may call from now on; the name stays in the row, where it can be erased."""
    key = create_key(session, role, name, at, expires_at=expires_at, account_id=account_id)
    until = None if expires_at is None else expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    facts: dict[str, Fact] = {"role": role.value, "expires_at": until}
    log.append(session, Event(EventKind.APIKEY_CREATED, at, key.split("_")[1], by, facts))
    return key


def end_key(session: Session, key_id: str, at: datetime, *, log: Log, by: str = OPERATOR) -> None:
    """Do as `revoke_key` does, and log it, once. Raises `NotFoundError`."""
    row = session.get(ApiKey, key_id)
    news = row is not None and row.revoked_at is None
    revoke_key(session, key_id, at)
    if news:
        log.append(session, Event(EventKind.APIKEY_REVOKED, at, key_id, by, {}))


def revoke_key(session: Session, key_id: str, at: datetime) -> None:
    """End a key in the caller's transaction; ending it twice keeps the first time. Raises `NotFoundError`."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFoundError(f"there is no API key '{key_id}'")
    if row.revoked_at is None:
        row.revoked_at = at
        session.add(row)


def list_keys(session: Session) -> list[ApiKey]:
    """Return all keys, oldest first; the rows hold no secret."""
    return list(session.exec(select(ApiKey).order_by(col(ApiKey.created_at), col(ApiKey.id))))


class Authenticator:
    """Turns a presented key into a `Caller`; safe to use from several threads."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def authenticate(self, presented: str) -> Caller:
        """Return who presents this key, and note when; raises `AuthenticationError` for everything else."""
        match = KEY_PATTERN.fullmatch(presented)
        if match is None:
            raise AuthenticationError(_REFUSED)
        key_id, secret = match.groups()
        now = self._clock()
        with self._database.read() as session:
            row = session.get(ApiKey, key_id)
            caller = _check(row, secret, now)
            last_used = row.last_used_at if row is not None else None
        if last_used is None or now - last_used >= LAST_USED_PRECISION:
            with self._database.write() as session:
                session.execute(update(ApiKey).where(col(ApiKey.id) == key_id).values(last_used_at=now))
        return caller


def _check(row: ApiKey | None, secret: str, now: datetime) -> Caller:
    known = row.secret_digest if row is not None else _NOBODY
    if not hmac.compare_digest(known, _digest(secret)) or row is None:
        raise AuthenticationError(_REFUSED)
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise AuthenticationError(_REFUSED)
    try:
        return Caller(key_id=row.id, role=Role(row.role), name=row.name)
    except ValueError as error:  # a role that this version does not know opens nothing
        raise AuthenticationError(_REFUSED) from error


def authorise(caller: Caller, allowed: frozenset[Role]) -> Caller:
    """Return the caller if its role is in `allowed`, else raise `ForbiddenError`; an empty set admits nobody."""
    if caller.role not in allowed:
        wanted = " or ".join(sorted(role.value for role in allowed)) or "nobody"
        raise ForbiddenError(f"this needs a key of role {wanted}; yours is {caller.role.value}")
    return caller


def person_of(session: Session, who: str) -> str:
    """Return the account that holds this API key, or `who` itself: two keys of one person are one person."""
    row = session.get(ApiKey, who)
    return row.account_id if row is not None and row.account_id is not None else who


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
