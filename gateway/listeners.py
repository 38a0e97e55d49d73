"""Feeds of single listeners: who may hear the shows that are not for everybody.

A feed's address holds a token of 43 random base62 characters (256 bits); only its SHA-256 is stored, and the address is
shown once. Whoever has the address hears what it opens, so it ends at once when it is revoked, or by its own date.
Whatever is wrong with a token, the answer is that there is nothing. Nobody writes down who listened when.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel, col, select

from audit.event import Event, EventKind
from audit.log import Log
from audit.store import UtcDateTime
from gateway.auth import BASE62
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.submissions import ID_ALPHABET, ID_LENGTH

ALL_SHOWS = "*"  # in the settings: no show is for everybody
TOKEN_LENGTH = 43  # characters: 62**43 > 2**256
TOKEN_PATTERN = re.compile(rf"[0-9A-Za-z]{{{TOKEN_LENGTH}}}", re.ASCII)
MAX_NAME = 100  # characters
MAX_SHOW = 200  # characters
MOST_FEEDS = 10_000  # far more than anybody hands out by hand; a mistaken loop ends here


class ListenerFeed(SQLModel, table=True):
    """One listener's feed; the name goes when it is revoked."""

    id: str = Field(primary_key=True, max_length=32)
    token_digest: str = Field(unique=True, max_length=64)  # SHA-256 in hex; a random token needs no slow hash
    name: str = Field(sa_type=Text)  # label chosen by the operator, for people
    show: str | None = Field(default=None, sa_type=Text)  # the one show that it opens, or all
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def is_public(show: str, private_shows: Sequence[str]) -> bool:
    """True if everybody may hear the show; names are compared without regard to case and space around them."""
    names = {name.strip().casefold() for name in private_shows}
    return ALL_SHOWS not in names and show.strip().casefold() not in names


def opens(feed: ListenerFeed, show: str) -> bool:
    """True if the feed lets its listener hear the show."""
    return feed.show is None or feed.show.strip().casefold() == show.strip().casefold()


def listener_url(public_url: str, token: str) -> str:
    """Return the address to subscribe to."""
    return f"{public_url.rstrip('/')}/listen/{token}/feed.xml"


def create_feed(
    session: Session,
    *,
    name: str,
    at: datetime,
    log: Log,
    by: str,
    show: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[ListenerFeed, str]:
    """Store a feed and its event in the caller's transaction; returns the row and the token, never seen again.

    Raises `InvalidRequestError` for an unusable name or show, a time without zone, or an expiry that is not ahead.
    """
    label, wanted = name.strip(), show.strip() if show is not None else None
    if not 0 < len(label) <= MAX_NAME or not label.isprintable():
        raise InvalidRequestError(f"a listener's feed needs a printable name of 1 to {MAX_NAME} characters")
    if wanted is not None and (not 0 < len(wanted) <= MAX_SHOW or not wanted.isprintable()):
        raise InvalidRequestError(f"name the show in 1 to {MAX_SHOW} printable characters, or none for all shows")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= at):
        raise InvalidRequestError("the feed would already be expired; choose a later time, with its time zone")
    if len(session.exec(select(ListenerFeed.id).limit(MOST_FEEDS)).all()) >= MOST_FEEDS:
        raise InvalidRequestError(f"there are {MOST_FEEDS} feeds already; revoked ones count too")
    token = "".join(secrets.choice(BASE62) for _ in range(TOKEN_LENGTH))
    row = ListenerFeed(
        id="lf_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH)),
        token_digest=_digest(token),
        name=label,
        show=wanted,
        created_at=at,
        expires_at=expires_at,
    )
    session.add(row)
    until = None if expires_at is None else expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    facts = {"all_shows": wanted is None, "expires_at": until}
    log.append(session, Event(EventKind.FEED_CREATED, at, row.id, by, facts))
    return row, token


def end_feed(session: Session, feed_id: str, *, at: datetime, log: Log, by: str) -> None:
    """End a feed at once and forget whose it was; ending it twice keeps the first time. Raises `NotFoundError`."""
    row = session.get(ListenerFeed, feed_id)
    if row is None:
        raise NotFoundError(f"there is no listener's feed '{feed_id}'")
    if row.revoked_at is None:
        row.revoked_at, row.name = at, ""
        session.add(row)
        log.append(session, Event(EventKind.FEED_REVOKED, at, feed_id, by, {}))


def list_feeds(session: Session) -> list[ListenerFeed]:
    """Return all feeds, oldest first; the rows hold no token."""
    return list(session.exec(select(ListenerFeed).order_by(col(ListenerFeed.created_at), col(ListenerFeed.id))))


def find_feed(session: Session, token: str, *, at: datetime) -> ListenerFeed:
    """Return the feed that this token opens; raises `NotFoundError` for anything else, always in the same words."""
    row = None
    if TOKEN_PATTERN.fullmatch(token) is not None:
        # Found by a digest that nobody can steer, so the time this takes tells nothing about any token.
        row = session.exec(select(ListenerFeed).where(ListenerFeed.token_digest == _digest(token))).one_or_none()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        raise NotFoundError("there is no such feed")
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
