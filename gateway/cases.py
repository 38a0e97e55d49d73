"""Opening a case for a person: what its place in the queue follows from, and who did what to it since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Text
from sqlmodel import Field, Session, SQLModel, col, delete

from audit.store import UtcDateTime
from gateway.settings import Settings
from gateway.submissions import EpisodeHearing, ReviewCase, Submission
from policies.decision import Verdict
from synth.errors import ScriptError
from synth.formats import parse_script

BASE_RISK = {Verdict.ALLOW: 0, Verdict.REVIEW: 30, Verdict.BLOCK: 60}  # of 100; the score adds up to 40
SCORE_RISK = 40
URGENT_RISK = 75  # from here a case is due in a quarter of the time
MAX_RULE = 64  # characters of a rule's id that the queue can filter by


class ReviewRule(SQLModel, table=True):
    """A rule that found something in an open case; the rows go when the case is decided."""

    rule: str = Field(primary_key=True, max_length=MAX_RULE)
    episode_id: str = Field(primary_key=True, foreign_key="submission.id", index=True, max_length=32)


class ReviewSpeaker(SQLModel, table=True):
    """That somebody speaks in a decided case, so that later cases of theirs show it."""

    __table_args__ = (Index("ix_reviewspeaker_newest", "speaker_key", "decided_at"),)

    speaker_key: str = Field(primary_key=True, max_length=16)  # digest of name and voice
    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    decided_at: datetime = Field(sa_type=UtcDateTime)


class ReviewAction(SQLModel, table=True):
    """One thing that a person did to a case, with the reason that the log only commits to."""

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(max_length=32)  # `audit.event.EventKind`
    actor: str = Field(max_length=64)  # account or API key id
    role: str = Field(max_length=16)
    reason: str = Field(default="", sa_type=Text)
    target: str | None = Field(default=None, max_length=64)  # whom it was handed over to
    entry_index: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))


def open_case(session: Session, row: Submission, verdict: Verdict, *, at: datetime, settings: Settings) -> ReviewCase:
    """Store a case for an episode in the caller's transaction.

    1. The risk is that of the worst finding, of the script and of what was heard: verdict first, then score.
    2. It is due in the time that the settings give, or a quarter of it.
    3. Two people must sign an approval where a finding would block, or its rule is one that the settings name.
    4. A revision needs whom the case before it needed: taking sentences out is no way around a second person.
    """
    hearing = session.get(EpisodeHearing, row.id)
    findings = findings_of(row.decision) + findings_of(hearing.decision if hearing is not None else None)
    risk = max([risk_of(one) for one in findings], default=BASE_RISK[verdict])  # 1.
    hours = settings.review_due_hours / (4 if risk >= URGENT_RISK else 1)  # 2.
    rules = {str(one["rule"])[:MAX_RULE] for one in findings}
    two_people = verdict is Verdict.BLOCK or not rules.isdisjoint(settings.two_person_rules)  # 3.
    former = session.get(ReviewCase, row.revises) if row.revises is not None else None  # 4.
    case = ReviewCase(
        episode_id=row.id,
        requested_at=at,
        calm=100 - risk,
        due_at=at + timedelta(hours=hours),
        screened=verdict.value,
        show_key=show_key_of(row.show),
        two_people=(
            two_people
            or any(one["verdict"] == Verdict.BLOCK for one in findings)
            or (former is not None and former.two_people)
        ),
        senior=former is not None and former.senior,
        barred=former.barred if former is not None else None,
    )
    session.add(case)
    for rule in sorted(rules):
        session.add(ReviewRule(rule=rule, episode_id=row.id))
    return case


def close_case(session: Session, case: ReviewCase) -> None:
    """Take a case out of the queue in the caller's transaction."""
    case.open, case.meant_for, case.held_until = False, None, None
    session.add(case)
    row = session.get(Submission, case.episode_id)
    if row is not None and case.decided_at is not None:
        for key in {speaker_key_of(name, voice) for name, voice in speakers_of(row.script)}:
            session.merge(ReviewSpeaker(speaker_key=key, episode_id=row.id, decided_at=case.decided_at))
    session.execute(delete(ReviewRule).where(col(ReviewRule.episode_id) == case.episode_id))


def findings_of(decision: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the findings of a stored decision; none where there is no decision."""
    found: Sequence[Mapping[str, Any]] = (decision or {}).get("findings", ())
    return list(found)


def risk_of(finding: Mapping[str, Any]) -> int:
    """Return the risk of a stored finding, 0 to 100."""
    score = min(1.0, max(0.0, float(finding["score"])))
    return BASE_RISK[Verdict(finding["verdict"])] + round(SCORE_RISK * score)


def speakers_of(script: str) -> tuple[tuple[str, str], ...]:
    """Return the speakers of a script with their voices; none for a text that is no script, or no longer one."""
    try:
        return parse_script(script).voices
    except ScriptError:
        return ()  # safe to ignore: it was erased


def speaker_key_of(name: str, voice: str) -> str:
    """Return what earlier decisions know a speaker by: 64 bits of a digest of name and voice."""
    return hashlib.sha256(f"{name.casefold()}\n{voice}".encode()).hexdigest()[:16]


def show_key_of(show: str) -> str:
    """Return what the queue knows a show by: 64 bits of a digest."""
    return hashlib.sha256(show.encode()).hexdigest()[:16]
