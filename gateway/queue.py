"""The queue: open cases in the order in which they should be decided, filtered, counted, and handed out.

Reads indexes of open cases alone, so that it costs the same whatever was decided before. The counts look at every open
case; they are kept for some seconds, because everybody sees the same ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, func, or_, select

from gateway.auth import Role
from gateway.cases import URGENT_RISK, ReviewRule, show_key_of
from gateway.db import Database
from gateway.errors import ConflictError, ForbiddenError
from gateway.review import ReviewDesk, WaitingCase, holder_of, waiting_case, why_not
from gateway.submissions import ReviewCase, State, Submission

PAGE = 25  # cases
MAX_PAGE = 40  # beyond the first thousand, filter instead of leafing
COUNTS_SECONDS = 15.0  # how old counts may be
MAX_SHOWS = 50  # that are offered as filters, the most frequent first
CANDIDATES = 60  # cases that are looked at for the next one: more than reviewers who hold one


class Order(StrEnum):
    """What comes first."""

    OLDEST = "oldest"
    RISKIEST = "riskiest"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which open cases to show."""

    show: str = ""
    rule: str = ""
    screened: str = ""
    min_age: timedelta | None = None
    overdue: bool = False
    senior: bool = False
    held: bool = False  # put off until a time that has not come
    order: Order = Order.RISKIEST


@dataclass(frozen=True, slots=True)
class Counts:
    """How many open cases there are."""

    open: int
    overdue: int
    escalated: int
    held: int
    second: int  # wait for a second signature
    rules: tuple[tuple[str, int], ...]
    shows: tuple[tuple[str, int], ...]
    verdicts: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Kept:
    at: float = float("-inf")
    counts: Counts | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Queue:
    """Reads the queue; safe to use from several threads."""

    def __init__(
        self,
        *,
        database: Database,
        desk: ReviewDesk,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._desk = desk
        self._clock = clock
        self._monotonic = monotonic
        self._kept = _Kept()

    def page(self, filters: Filters, *, number: int = 1) -> tuple[list[WaitingCase], bool]:
        """Return a page of open cases and whether there is another; `number` counts from 1 to `MAX_PAGE`."""
        now = self._clock()
        number = min(max(1, number), MAX_PAGE)
        statement = _matching(filters, now).offset((number - 1) * PAGE).limit(PAGE + 1)
        with self._database.read() as session:
            found = [waiting_case(case, row, now) for case, row in session.exec(statement)]
        return found[:PAGE], len(found) > PAGE and number < MAX_PAGE

    def mine(self, reviewer: str) -> list[WaitingCase]:
        """Return what this reviewer holds, and what was handed over to them."""
        now = self._clock()
        statement = _matching(Filters(order=Order.OLDEST), now).where(
            or_(
                (col(ReviewCase.claimed_by) == reviewer) & (col(ReviewCase.claimed_until) > now),
                col(ReviewCase.meant_for) == reviewer,
            )
        )
        with self._database.read() as session:
            return [waiting_case(case, row, now) for case, row in session.exec(statement.limit(PAGE))]

    def take_next(self, filters: Filters, *, reviewer: str, role: Role, mild: bool = False) -> WaitingCase | None:
        """Claim the first case that this reviewer may decide and nobody holds; None if there is none.

        With `mild`, none that is urgent for its risk: those are the ones that are hard to look at.
        """
        now = self._clock()
        wanted = _matching(filters, now)
        if mild:
            wanted = wanted.where(col(ReviewCase.calm) > 100 - URGENT_RISK)
        with self._database.read() as session:
            due = or_(col(ReviewCase.held_until).is_(None), col(ReviewCase.held_until) <= now)
            found = session.exec(wanted.where(due).limit(CANDIDATES)).all()
            free = [
                case.episode_id
                for case, row in found
                if holder_of(case, now) is None and not why_not(session, case, row, reviewer, role)
            ]
        for episode_id in free:
            try:
                return self._desk.claim(episode_id, reviewer=reviewer, role=role)
            except (ConflictError, ForbiddenError):
                continue  # safe to ignore: another reviewer was quicker, and the next case will do
        return None

    def counts(self) -> Counts:
        """Return how many cases wait, at most `COUNTS_SECONDS` old."""
        with self._kept.lock:
            now = self._monotonic()
            if self._kept.counts is None or now - self._kept.at >= COUNTS_SECONDS:
                with self._database.read() as session:
                    self._kept.counts = _count(session, self._clock())
                self._kept.at = now
            return self._kept.counts


def _matching(filters: Filters, now: datetime) -> Any:
    statement = (
        select(ReviewCase, Submission)
        .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
        .where(col(ReviewCase.open).is_(True), Submission.state == State.AWAITING_REVIEW.value)
    )
    if filters.show:
        statement = statement.where(ReviewCase.show_key == show_key_of(filters.show))
    if filters.rule:
        statement = statement.join(ReviewRule, col(ReviewRule.episode_id) == col(ReviewCase.episode_id)).where(
            ReviewRule.rule == filters.rule
        )
    if filters.screened:
        statement = statement.where(ReviewCase.screened == filters.screened)
    if filters.min_age is not None:
        statement = statement.where(col(ReviewCase.requested_at) <= now - filters.min_age)
    if filters.overdue:
        statement = statement.where(col(ReviewCase.due_at) < now)
    if filters.senior:
        statement = statement.where(col(ReviewCase.senior).is_(True))
    if filters.held:
        statement = statement.where(col(ReviewCase.held_until) > now)
    by_age = (col(ReviewCase.requested_at), col(ReviewCase.episode_id))
    if filters.order is Order.RISKIEST:
        return statement.order_by(col(ReviewCase.calm), *by_age)
    return statement.order_by(*by_age)


def _count(session: Session, now: datetime) -> Counts:
    is_open = col(ReviewCase.open).is_(True)

    def many(*conditions: Any) -> int:
        return int(session.exec(select(func.count()).select_from(ReviewCase).where(is_open, *conditions)).one())

    verdicts = session.exec(
        select(ReviewCase.screened, func.count()).where(is_open).group_by(col(ReviewCase.screened))
    ).all()
    most = func.count().label("most")
    shows = session.exec(
        select(func.min(ReviewCase.episode_id), most)
        .where(is_open)
        .group_by(col(ReviewCase.show_key))
        .order_by(most.desc())
        .limit(MAX_SHOWS)
    ).all()
    listed = select(Submission.id, Submission.show).where(col(Submission.id).in_([one for one, _ in shows]))
    names = dict(session.exec(listed).all())
    rules = session.exec(select(ReviewRule.rule, func.count()).group_by(col(ReviewRule.rule))).all()
    return Counts(
        open=sum(count for _, count in verdicts),
        overdue=many(col(ReviewCase.due_at) < now),
        escalated=many(col(ReviewCase.senior).is_(True)),
        held=many(col(ReviewCase.held_until) > now),
        second=many(col(ReviewCase.proposed_by).is_not(None)),
        rules=tuple(sorted((rule, count) for rule, count in rules)),
        shows=tuple((names[one], count) for one, count in shows if one in names),
        verdicts=tuple(sorted((verdict, count) for verdict, count in verdicts)),
    )
