"""Whom a case can be handed over to: somebody who signs in, or whoever holds an API key."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from gateway.accounts import Account
from gateway.auth import REVIEWERS, Role
from gateway.errors import InvalidRequestError
from gateway.submissions import ApiKey


def find_colleague(session: Session, who: str, *, now: datetime) -> tuple[str, Role]:
    """Return id and role of the reviewer whom an account's id, an account's name or an API key's id names.

    Raises `InvalidRequestError` for who is unknown, has left, or is no reviewer.
    """
    known = (Account.id == who) | (Account.name == who)
    account = session.exec(select(Account).where(known, col(Account.disabled_at).is_(None))).first()
    key = session.get(ApiKey, who) if account is None else None
    if key is not None and (key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)):
        key = None
    found = account or key
    if found is None or found.role not in REVIEWERS:
        raise InvalidRequestError("name a colleague who reviews: an account, by id or name, or the id of an API key")
    return found.id, Role(found.role)


def colleagues_of(session: Session, who: str) -> tuple[Account, ...]:
    """Return the other accounts that review, by name."""
    found = session.exec(
        select(Account)
        .where(col(Account.role).in_([role.value for role in REVIEWERS]), col(Account.disabled_at).is_(None))
        .order_by(col(Account.name))
    ).all()
    return tuple(one for one in found if one.id != who)
