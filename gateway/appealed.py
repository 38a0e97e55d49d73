"""What was appealed, as rows: one appeal for each refusal, and what came of it.

A refusal is named by the episode and its version, which counts transitions: a later refusal of the same episode is
another decision, and may be appealed again.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from audit.store import UtcDateTime


class Against(StrEnum):
    """Whose decision is appealed."""

    POLICY = "policy"  # a machine blocked it
    PERSON = "person"  # a reviewer refused it
    WITHDRAWAL = "withdrawal"  # somebody took it back, or replaced it, after release


class Ruling(StrEnum):
    """What came of an appeal."""

    UPHELD = "upheld"  # the refusal stands
    OVERTURNED = "overturned"  # it was wrong: the episode goes on, past every check that it has not passed
    PARTLY = "partly"  # it stands, for other categories than it named
    VOID = "void"  # the episode was erased before anybody decided


class Appeal(SQLModel, table=True):
    """A submitter's objection to one refusal."""

    __table_args__ = (
        UniqueConstraint("episode_id", "version"),
        Index("ix_appeal_open", "open", "due_at"),
        Index("ix_appeal_decided", "decided_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    version: int  # of the episode when it was refused
    against: str = Field(max_length=16)  # `Against`
    refused_by: list[str] = Field(sa_column=Column(JSON, nullable=False))  # people; none of them decides
    refused_at: datetime = Field(sa_type=UtcDateTime)
    statement: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))  # of reasons, as it was then
    filed_by: str = Field(max_length=64)  # account or API key id
    filed_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(sa_type=Text)  # the submitter's
    senior: bool  # a senior reviewer decides
    open: bool = True
    claimed_by: str | None = Field(default=None, max_length=64)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=16)  # `Ruling`
    answer: str = Field(default="", sa_type=Text)  # the reviewer's reason
    categories: list[str] | None = Field(default=None, sa_column=Column(JSON))  # what the refusal is for now
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    led_to: str | None = Field(default=None, max_length=32)  # state that followed


def appeals_of(session: Session, episode_id: str) -> list[Appeal]:
    """Return the appeals of an episode, the oldest first."""
    return list(session.exec(select(Appeal).where(Appeal.episode_id == episode_id).order_by(col(Appeal.version))))


def appeal_against(session: Session, episode_id: str, version: int) -> Appeal | None:
    """Return the appeal of the refusal that stands at this version of the episode."""
    return session.exec(select(Appeal).where(Appeal.episode_id == episode_id, Appeal.version == version)).first()


def block_was_overturned(session: Session, episode_id: str) -> bool:
    """True if a person overturned the policy's block: from then on people decide, and no finding blocks by itself."""
    return any(
        one.against == Against.POLICY and one.outcome == Ruling.OVERTURNED for one in appeals_of(session, episode_id)
    )


def refusals_before(session: Session, episode_id: str) -> int:
    """Return how many refusals of this episode were overturned: what numbers its statements."""
    return sum(one.outcome == Ruling.OVERTURNED for one in appeals_of(session, episode_id))
