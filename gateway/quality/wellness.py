"""Reviewers' wellness: what somebody was exposed to, when a break is due, and when milder cases should come.

Working without a break begins with the first page after `BREAK` without any. Reminders and the limit advise: they are
seen and put off by the reviewer alone, and nobody else is shown them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from gateway.auth import person_of
from gateway.cases import URGENT_RISK, findings_of
from gateway.db import Database
from gateway.quality.rows import Exposure, Pace
from gateway.settings import Settings
from gateway.submissions import EpisodeHearing, ReviewCase, Submission

BREAK = timedelta(minutes=10)  # away from the pages: a break
SNOOZE = timedelta(minutes=10)  # until a reminder that was put off comes again
PRECISION = timedelta(minutes=1)  # a write for every page would make every reader a writer


@dataclass(frozen=True, slots=True)
class Seen:
    """How much somebody was shown."""

    cases: int
    findings: int
    seconds: float  # of sound in which something was found
    severe: int  # cases


@dataclass(frozen=True, slots=True)
class Condition:
    """How a reviewer fares."""

    today: Seen
    session: Seen  # since they signed in
    minutes: int  # of reviewing without a break
    break_minutes: int  # after which a break is suggested; 0: never
    break_due: bool
    severe_limit: int  # cases in a day; 0: none
    limited: bool  # the limit is reached, and they did not ask for more


class Wellness:
    """Reads and notes how reviewers fare; safe to use from several threads and processes."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime], settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def touch(self, person: str) -> None:
        """Note that somebody looks at a page of the review."""
        now = self._clock()
        with self._database.read() as session:
            pace = session.get(Pace, person)
        if pace is not None and now - pace.last_at < PRECISION:
            return
        with self._database.write() as session:
            pace = session.get(Pace, person, with_for_update=True)
            if pace is None or now - pace.last_at >= BREAK:
                begun = Pace(person=person, began_at=now, last_at=now)
                begun.unlimited_on = pace.unlimited_on if pace is not None else None
                session.merge(begun)
            else:
                pace.last_at = now
                session.add(pace)

    def condition(self, person: str, *, signed_in_at: datetime | None = None) -> Condition:
        """Return how somebody fares; without `signed_in_at`, the session is the day."""
        now = self._clock()
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.read() as session:
            pace = session.get(Pace, person)
            today = _seen(session, person, midnight)
            since = _seen(session, person, signed_in_at) if signed_in_at is not None else today
        minutes = 0
        if pace is not None and now - pace.last_at < BREAK:
            minutes = int((now - pace.began_at).total_seconds() // 60)
        wanted, limit = self._settings.break_minutes, self._settings.severe_per_day
        snoozed = pace is not None and pace.snoozed_until is not None and pace.snoozed_until > now
        unlimited = pace is not None and pace.unlimited_on == midnight.date()
        return Condition(
            today=today,
            session=since,
            minutes=minutes,
            break_minutes=wanted,
            break_due=0 < wanted <= minutes and not snoozed,
            severe_limit=limit,
            limited=0 < limit <= today.severe and not unlimited,
        )

    def snooze(self, person: str) -> None:
        """Put the reminder off for `SNOOZE`."""
        now = self._clock()
        with self._database.write() as session:
            pace = session.get(Pace, person, with_for_update=True) or Pace(person=person, began_at=now, last_at=now)
            pace.snoozed_until = now + SNOOZE
            session.add(pace)

    def lift_limit(self, person: str) -> None:
        """Let severe cases come beyond the limit, for the rest of the day (UTC)."""
        now = self._clock()
        with self._database.write() as session:
            pace = session.get(Pace, person, with_for_update=True) or Pace(person=person, began_at=now, last_at=now)
            pace.unlimited_on = now.astimezone(UTC).date()
            session.add(pace)


def note_exposure(session: Session, row: Submission, *, by: str, at: datetime) -> None:
    """Note in the caller's transaction what somebody is shown who takes a case."""
    hearing = session.get(EpisodeHearing, row.id)
    found = findings_of(row.decision) + findings_of(hearing.decision if hearing is not None else None)
    case = session.get(ReviewCase, row.id)
    timed = [(float(one["time_start"]), float(one["time_end"])) for one in found if one.get("time_end") is not None]
    session.add(
        Exposure(
            person=person_of(session, by),
            at=at,
            episode_id=row.id,
            findings=len(found),
            seconds=_covered(timed),
            severe=case is not None and 100 - case.calm >= URGENT_RISK,
        )
    )


def _covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of what at least one span covers."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        if stop > end:
            total += stop - max(start, end)
            end = stop
    return total


def _seen(session: Session, person: str, since: datetime) -> Seen:
    severe = func.sum(sa.case((col(Exposure.severe).is_(True), 1), else_=0))
    cases, findings, seconds, many = session.exec(
        select(func.count(), func.sum(Exposure.findings), func.sum(Exposure.seconds), severe).where(
            Exposure.person == person, col(Exposure.at) >= since
        )
    ).one()
    return Seen(int(cases), int(findings or 0), float(seconds or 0), int(many or 0))
