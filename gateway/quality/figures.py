"""Figures about people's decisions between two moments: how many, how long, by which rule, and how far they agree.

Golden items count for agreement alone, never among the decisions about cases.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlmodel import Session, col, select

from gateway.appealed import Against, Appeal, Ruling
from gateway.quality.agreement import Agreement, Share, nominal_alpha
from gateway.quality.rows import Judgement, Kind, SecondLook, Stage

VERDICTS = ("approve", "request_changes", "reject")
BINS = ((60, "under 1 min"), (120, "1 to 2 min"), (300, "2 to 5 min"), (600, "5 to 10 min"), (1_200, "10 to 20 min"))
LONGEST = "20 min or more"
MAX_RULES = 12  # shown, those with most decisions
LONGEST_RANGE = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Person:
    """One reviewer's own figures."""

    person: str  # account or API key id
    decisions: int
    median_seconds: float | None
    golden: Share
    second: Share  # of their second looks that agree with the first decision


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in `[since, until)`."""

    since: datetime
    until: datetime
    decisions: int  # about cases, for good
    first_signatures: int
    verdicts: dict[str, int]
    days: tuple[tuple[date, dict[str, int]], ...]  # every day of the range, verdict to decisions
    median_seconds: float | None
    slow_seconds: float | None  # nine of ten took less
    timed: int  # decisions whose time is known
    times: tuple[tuple[str, int], ...]  # bin to decisions
    rules: tuple[tuple[str, dict[str, int]], ...]  # rule to verdict to decisions
    alpha: Agreement
    golden: Share
    weeks: tuple[tuple[date, Share], ...]  # Monday to golden items that were decided as they should be
    second: Share  # second looks that agree
    disputed: int  # that wait for a senior reviewer
    appeals: tuple[tuple[str, Share], ...]  # against what, to those that were overturned, wholly or in part
    people: tuple[Person, ...]


def read_figures(session: Session, *, since: datetime, until: datetime, person: str | None = None) -> Figures:
    """Gather the figures, of everybody or of one person; appeals and disputes are never of one person."""
    rows = judgements_between(session, since=since, until=until, person=person)
    cases = [row for row in rows if row.kind == Kind.CASE]
    golden = [row for row in rows if row.kind == Kind.GOLDEN]
    second = [row for row in rows if row.kind == Kind.SECOND]
    seconds = sorted(row.seconds for row in cases if row.seconds is not None)
    return Figures(
        since=since,
        until=until,
        decisions=len(cases),
        first_signatures=sum(row.kind == Kind.FIRST for row in rows),
        verdicts=_by_verdict(cases),
        days=_days(cases, since, until),
        median_seconds=statistics.median(seconds) if seconds else None,
        slow_seconds=seconds[min(len(seconds) - 1, int(len(seconds) * 0.9))] if seconds else None,
        timed=len(seconds),
        times=_times(seconds),
        rules=_rules(cases),
        alpha=_alpha(rows) if person is None else Agreement(None, 0, 0),
        golden=_agreeing(golden),
        weeks=_weeks(golden),
        second=_agreeing(second),
        disputed=_disputed(session) if person is None else 0,
        appeals=_appeals(session, since, until) if person is None else (),
        people=_people(rows),
    )


def judgements_between(
    session: Session, *, since: datetime, until: datetime, person: str | None = None
) -> Sequence[Row[Any]]:
    """Return every decision in `[since, until)`, of everybody or of one person, the oldest first.

    As plain rows with the columns of `Judgement`: a year has too many for objects that a session looks after.
    """
    statement = sa.select(*Judgement.__table__.columns).where(  # type: ignore[attr-defined]  # SQLModel makes it
        col(Judgement.at) >= since, col(Judgement.at) < until
    )
    if person is not None:
        statement = statement.where(col(Judgement.person) == person)
    return session.execute(statement.order_by(col(Judgement.at), col(Judgement.id))).all()


def _alpha(rows: Sequence[Row[Any]]) -> Agreement:
    """Agreement of independent decisions about the same thing: cases with their second look, and golden items.

    A second signature is none: who gives it knows the first. A person counts once for each unit, with the last word.
    """
    units: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.kind in (Kind.CASE, Kind.GOLDEN, Kind.SECOND):
            units[row.unit][row.person] = row.verdict
    return nominal_alpha([list(values.values()) for values in units.values()])


def _by_verdict(rows: Sequence[Row[Any]]) -> dict[str, int]:
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def _days(rows: Sequence[Row[Any]], since: datetime, until: datetime) -> tuple[tuple[date, dict[str, int]], ...]:
    by_day: dict[date, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_day[row.at.astimezone(UTC).date()].append(row)
    first, last = since.astimezone(UTC).date(), (until - timedelta(microseconds=1)).astimezone(UTC).date()
    many = (last - first).days + 1
    return tuple(
        (day, _by_verdict(by_day.get(day, []))) for day in (first + timedelta(days=number) for number in range(many))
    )


def _times(seconds: Sequence[float]) -> tuple[tuple[str, int], ...]:
    left, found = list(seconds), []
    for limit, label in BINS:
        inside = [one for one in left if one < limit]
        found.append((label, len(inside)))
        left = left[len(inside) :]
    return (*found, (LONGEST, len(left)))


def _rules(rows: Sequence[Row[Any]]) -> tuple[tuple[str, dict[str, int]], ...]:
    by_rule: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        for rule in row.rules or ["nothing found"]:
            by_rule[rule].append(row)
    most = sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MAX_RULES]
    return tuple((rule, _by_verdict(found)) for rule, found in most)


def _agreeing(rows: Sequence[Row[Any]]) -> Share:
    return Share(sum(bool(row.agrees) for row in rows), len(rows))


def _weeks(rows: Sequence[Row[Any]]) -> tuple[tuple[date, Share], ...]:
    by_week: dict[date, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        day = row.at.astimezone(UTC).date()
        by_week[day - timedelta(days=day.weekday())].append(row)
    return tuple((week, _agreeing(found)) for week, found in sorted(by_week.items()))


def _disputed(session: Session) -> int:
    return len(session.exec(select(SecondLook.id).where(SecondLook.stage == Stage.DISPUTED.value)).all())


def _appeals(session: Session, since: datetime, until: datetime) -> tuple[tuple[str, Share], ...]:
    found = session.exec(
        select(Appeal.against, Appeal.outcome)
        .where(col(Appeal.decided_at) >= since, col(Appeal.decided_at) < until)
        .where(Appeal.outcome != Ruling.VOID.value)
    ).all()
    changed = (Ruling.OVERTURNED, Ruling.PARTLY)
    return tuple(
        (
            one.value,
            Share(
                sum(against == one and outcome in changed for against, outcome in found),
                sum(against == one for against, _ in found),
            ),
        )
        for one in Against
    )


def _people(rows: Sequence[Row[Any]]) -> tuple[Person, ...]:
    by_person: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_person[row.person].append(row)
    people = []
    for person, found in sorted(by_person.items()):
        cases = [row for row in found if row.kind == Kind.CASE]
        seconds = [row.seconds for row in cases if row.seconds is not None]
        people.append(
            Person(
                person=person,
                decisions=len(cases),
                median_seconds=statistics.median(seconds) if seconds else None,
                golden=_agreeing([row for row in found if row.kind == Kind.GOLDEN]),
                second=_agreeing([row for row in found if row.kind == Kind.SECOND]),
            )
        )
    return tuple(people)
