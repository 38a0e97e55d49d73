"""What is remembered about people's decisions: numbers, ids and labels; texts only where they can be erased."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from audit.store import UtcDateTime


class Kind(StrEnum):
    """What somebody decided."""

    CASE = "case"  # a case, for good
    FIRST = "first"  # an approval, as the first of two
    GOLDEN = "golden"  # a golden item, without knowing it
    SECOND = "second"  # a case that was decided, without knowing how
    SETTLED = "settled"  # a disagreement between two of these


class Stage(StrEnum):
    """Where a second look stands."""

    WAITING = "waiting"  # for a second person
    DISPUTED = "disputed"  # the two disagree; a senior reviewer settles it
    DONE = "done"  # they agree, or it is settled
    VOID = "void"  # the episode was erased before


class Judgement(SQLModel, table=True):
    """One decision of one person; what figures are made of."""

    __table_args__ = (Index("ix_judgement_at", "at"), Index("ix_judgement_person", "person", "at"))

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(max_length=16)  # `Kind`
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    unit: str = Field(max_length=64)  # what was judged: the episode, or the golden item behind it
    person: str = Field(max_length=64)  # account or API key id
    role: str = Field(max_length=16)
    verdict: str = Field(max_length=16)  # "approve", "request_changes" or "reject"
    seconds: float | None = None  # from taking it to deciding it
    rules: list[str] = Field(sa_column=Column(JSON, nullable=False))  # that found something
    screened: str = Field(max_length=8)  # the policy's verdict
    agrees: bool | None = None  # with the known answer, or with the first decision


class GoldenItem(SQLModel, table=True):
    """A script whose right decision is known."""

    id: str = Field(primary_key=True, max_length=32)
    script: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    submitter: str = Field(max_length=64)  # API key id that it is submitted with
    expected: str = Field(max_length=16)  # "approve", "request_changes" or "reject"
    because: str = Field(sa_type=Text)  # shown to whoever has decided it
    added_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GoldenCase(SQLModel, table=True):
    """A golden item that was put into the queue as an episode; it is never released."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    golden_id: str = Field(foreign_key="goldenitem.id", index=True, max_length=32)
    planted_at: datetime = Field(sa_type=UtcDateTime, index=True)
    answer: str | None = Field(default=None, max_length=16)
    answered_by: str | None = Field(default=None, max_length=64, index=True)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SecondLook(SQLModel, table=True):
    """A decided case that another person decides again, without knowing how it was decided."""

    __table_args__ = (
        UniqueConstraint("episode_id", "version"),
        Index("ix_secondlook_stage", "stage", "asked_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    version: int  # of the episode, after the first decision
    asked_at: datetime = Field(sa_type=UtcDateTime)
    stage: str = Field(default=Stage.WAITING.value, max_length=16)  # `Stage`
    first_by: list[str] = Field(sa_column=Column(JSON, nullable=False))  # people
    first_verdict: str = Field(max_length=16)
    senior: bool  # was for a senior reviewer
    claimed_by: str | None = Field(default=None, max_length=64)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    second_by: str | None = Field(default=None, max_length=64)
    second_verdict: str | None = Field(default=None, max_length=16)
    second_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    second_reason: str = Field(default="", sa_type=Text)
    settled_by: str | None = Field(default=None, max_length=64)
    settled_verdict: str | None = Field(default=None, max_length=16)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_reason: str = Field(default="", sa_type=Text)


class Exposure(SQLModel, table=True):
    """What somebody was shown by taking a case: how much of it the policy found harmful."""

    __table_args__ = (Index("ix_exposure_person", "person", "at"),)

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    person: str = Field(max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    findings: int
    seconds: float  # of sound in which something was found
    severe: bool


class Pace(SQLModel, table=True):
    """How long somebody has been reviewing without a break."""

    person: str = Field(primary_key=True, max_length=64)
    began_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unlimited_on: date | None = None  # day (UTC) on which they asked for severe cases beyond their limit
