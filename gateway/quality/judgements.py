"""Remembering a decision in the transaction that makes it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from audit.event import EventKind
from gateway.auth import Role, person_of
from gateway.cases import ReviewAction, findings_of
from gateway.quality.rows import Judgement, Kind
from gateway.submissions import EpisodeHearing, ReviewCase, Submission
from policies.decision import Verdict


def remember(
    session: Session,
    row: Submission,
    *,
    kind: Kind,
    by: str,
    role: Role,
    verdict: str,
    at: datetime,
    since: datetime | None = None,
    unit: str | None = None,
    agrees: bool | None = None,
) -> Judgement:
    """Store what somebody decided in the caller's transaction; without `since`, they began when they took the case."""
    began = since or _claimed_at(session, row.id, by)
    case = session.get(ReviewCase, row.id)
    judgement = Judgement(
        at=at,
        kind=kind.value,
        episode_id=row.id,
        unit=unit or row.id,
        person=person_of(session, by),
        role=role.value,
        verdict=verdict,
        seconds=None if began is None else max(0.0, (at - began).total_seconds()),
        rules=rules_of(session, row),
        screened=case.screened if case is not None else Verdict.REVIEW.value,
        agrees=agrees,
    )
    session.add(judgement)
    return judgement


def rules_of(session: Session, row: Submission) -> list[str]:
    """Return the rules that found something, in the script or by ear."""
    hearing = session.get(EpisodeHearing, row.id)
    found = findings_of(row.decision) + findings_of(hearing.decision if hearing is not None else None)
    return sorted({str(one["rule"]) for one in found})


def _claimed_at(session: Session, episode_id: str, by: str) -> datetime | None:
    return session.exec(
        select(ReviewAction.at)
        .where(ReviewAction.episode_id == episode_id, ReviewAction.actor == by)
        .where(ReviewAction.kind == EventKind.REVIEW_CLAIMED.value)
        .order_by(col(ReviewAction.id).desc())
    ).first()
