"""Shows and episodes as the command line tool save-to-spotify knows them, for one caller each.

An episode here is an empty place with an address to put a file at; what is put there becomes a submission, or is found
to be an episode that was released before. The address holds a token of 256 bits, of which only the SHA-256 is stored;
it works once, for an hour. What one caller made does not exist for another.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import JSON, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select, update

from audit.log import Log
from audit.store import UtcDateTime
from gateway.errors import InvalidRequestError, NotFoundError
from gateway.submissions import ID_ALPHABET, ID_LENGTH, EpisodeRelease, State, Submission
from gateway.withdrawal import withdraw

ADDRESS_LIFETIME = timedelta(hours=1)  # enough for the largest file on a slow line
MOST_SHOWS = 500  # of one caller: a mistaken loop ends here
MOST_EPISODES = 5_000
MAX_TITLE = 200  # characters
MAX_SUMMARY = 4_000
TAKEN_BACK = "Taken back by whoever saved it."  # the public reason of a withdrawal
FAILED = frozenset({State.BLOCKED, State.REJECTED, State.FAILED, State.WITHDRAWN, State.SUPERSEDED})


class SavedShow(SQLModel, table=True):
    """A caller's show."""

    id: str = Field(primary_key=True, max_length=32)
    owner: str = Field(index=True, max_length=64)  # API key id
    title: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    language: str = Field(max_length=35)
    created_at: datetime = Field(sa_type=UtcDateTime)


class SavedEpisode(SQLModel, table=True):
    """A place in a show for one file."""

    id: str = Field(primary_key=True, max_length=32)
    show_id: str = Field(foreign_key="savedshow.id", index=True, max_length=32)
    title: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    language: str = Field(max_length=35)
    token_digest: str = Field(unique=True, max_length=64)  # SHA-256 in hex, of the address's token
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when something was put there
    # The submission that the file became, or the episode that it was already; empty if it was refused at once.
    episode_id: str | None = Field(default=None, foreign_key="submission.id", max_length=32)
    ours: bool = False  # True if the file was an episode that had been released before
    timeline: list[dict[str, object]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


def usable(text: str, *, name: str, most: int, empty: bool = False) -> str:
    """Return a text without space around it; raises `InvalidRequestError`."""
    stripped = text.strip()
    if len(stripped) > most or any(not (c.isprintable() or c == "\n") for c in stripped) or not (stripped or empty):
        raise InvalidRequestError(f"the {name} needs {'0' if empty else '1'} to {most} printable characters")
    return stripped


def create_show(session: Session, *, owner: str, title: str, summary: str, language: str, at: datetime) -> SavedShow:
    """Store a show in the caller's transaction; raises `InvalidRequestError`."""
    if len(session.exec(select(SavedShow.id).where(SavedShow.owner == owner).limit(MOST_SHOWS)).all()) >= MOST_SHOWS:
        raise InvalidRequestError(f"there are {MOST_SHOWS} shows already; delete one first")
    row = SavedShow(
        id=_new_id("ss"),
        owner=owner,
        title=usable(title, name="show's title", most=MAX_TITLE),
        summary=usable(summary, name="show's summary", most=MAX_SUMMARY, empty=True),
        language=language,
        created_at=at,
    )
    session.add(row)
    return row


def shows_of(session: Session, owner: str) -> list[SavedShow]:
    """Return a caller's shows, oldest first: the tool takes the last one as its default."""
    return list(session.exec(select(SavedShow).where(SavedShow.owner == owner).order_by(col(SavedShow.created_at))))


def find_show(session: Session, show_id: str, *, owner: str) -> SavedShow:
    """Return a caller's show; raises `NotFoundError`."""
    row = session.get(SavedShow, show_id)
    if row is None or row.owner != owner:
        raise NotFoundError("you have no such show")
    return row


def episodes_of(session: Session, show_id: str) -> list[tuple[SavedEpisode, State | None]]:
    """Return a show's episodes, oldest first, each with the state of its submission."""
    found = session.exec(
        select(SavedEpisode, Submission.state)
        .join(Submission, col(Submission.id) == col(SavedEpisode.episode_id), isouter=True)
        .where(SavedEpisode.show_id == show_id)
        .order_by(col(SavedEpisode.created_at))
    ).all()
    return [(row, State(state) if state else None) for row, state in found]


def find_episode(session: Session, saved_id: str, *, owner: str) -> tuple[SavedEpisode, State | None]:
    """Return a caller's episode with the state of its submission; raises `NotFoundError`."""
    row = session.get(SavedEpisode, saved_id)
    show = session.get(SavedShow, row.show_id) if row is not None else None
    if row is None or show is None or show.owner != owner:
        raise NotFoundError("you have no such episode")
    submission = session.get(Submission, row.episode_id) if row.episode_id else None
    return row, State(submission.state) if submission is not None else None


def create_episode(
    session: Session, show: SavedShow, *, title: str, summary: str, language: str, at: datetime
) -> tuple[SavedEpisode, str]:
    """Store an episode in the caller's transaction; returns the row and the token, never seen again."""
    taken = session.exec(select(SavedEpisode.id).where(SavedEpisode.show_id == show.id).limit(MOST_EPISODES)).all()
    if len(taken) >= MOST_EPISODES:
        raise InvalidRequestError(f"the show has {MOST_EPISODES} episodes; make another show")
    token = secrets.token_urlsafe(32)
    row = SavedEpisode(
        id=_new_id("se"),
        show_id=show.id,
        title=usable(title, name="episode's title", most=MAX_TITLE),
        summary=usable(summary, name="episode's summary", most=MAX_SUMMARY, empty=True),
        language=language,
        token_digest=_digest(token),
        created_at=at,
    )
    session.add(row)
    return row, token


def use_address(session: Session, token: str, *, at: datetime) -> tuple[SavedEpisode, SavedShow]:
    """Take the one use of an address in the caller's transaction; commit before the body is read.

    Raises `NotFoundError` for an address that never was, was used, or is over: always in the same words.
    """
    taken = session.execute(
        update(SavedEpisode)
        .where(col(SavedEpisode.token_digest) == _digest(token), col(SavedEpisode.used_at).is_(None))
        .where(col(SavedEpisode.created_at) > at - ADDRESS_LIFETIME)
        .values(used_at=at)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]  # an update's result has it
        raise NotFoundError("this upload address was used, is over, or never was; create the episode again")
    row = session.exec(select(SavedEpisode).where(SavedEpisode.token_digest == _digest(token))).one()
    return row, session.get_one(SavedShow, row.show_id)


def delete_episode(session: Session, row: SavedEpisode, *, by: str, role: str, at: datetime, log: Log) -> None:
    """Remove an episode from its show in the caller's transaction; what it made public is taken back."""
    released = row.episode_id is not None and session.get(EpisodeRelease, row.episode_id) is not None
    if released and not row.ours and row.episode_id is not None:
        submission = session.get_one(Submission, row.episode_id)
        if submission.state == State.RELEASED:
            withdraw(session, row.episode_id, reason=TAKEN_BACK, by=by, role=role, at=at, log=log)
    session.delete(row)


def delete_show(session: Session, show: SavedShow, *, by: str, role: str, at: datetime, log: Log) -> None:
    """Remove a show with its episodes in the caller's transaction."""
    rows: Sequence[SavedEpisode] = session.exec(select(SavedEpisode).where(SavedEpisode.show_id == show.id)).all()
    for row in rows:
        delete_episode(session, row, by=by, role=role, at=at, log=log)
    session.flush()
    session.delete(show)


def readiness_of(row: SavedEpisode, state: State | None) -> str:
    """Return what the tool waits for: PROCESSING, READY or FAILED."""
    if state is None:
        return "FAILED" if row.used_at is not None else "PROCESSING"
    return "READY" if state is State.RELEASED else "FAILED" if state in FAILED else "PROCESSING"


def _new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
