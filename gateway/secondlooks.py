"""Second looks: a sample of decided cases is decided again by another person, who does not know how it was decided.

1. The second person is none of those who decided, nor who submitted it; while they hold it, its page is closed to them.
2. What they decide changes nothing by itself. If both agree, it is done.
3. If not, a senior reviewer who is neither of them says what is right. A released episode that should not have been is
   theirs to withdraw; a refusal that should not have been is theirs to reopen: it waits for a review by others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.auth import REVIEWERS, Role, person_of
from gateway.cases import ReviewAction, open_case
from gateway.commitments import commit_text
from gateway.db import Database
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.quality.golden import VERDICTS
from gateway.quality.judgements import remember
from gateway.quality.rows import Kind, SecondLook, Stage
from gateway.quality.wellness import note_exposure
from gateway.review import usable_reason
from gateway.settings import Settings
from gateway.submissions import ReviewCase, State, Submission, lock, move
from policies.decision import Verdict

MAX_LISTED = 100
CANDIDATES = 60  # that are looked at for the next one


class SecondLooks:
    """Hands out, decides and settles second looks; safe to use from several threads and processes."""

    def __init__(
        self, *, database: Database, log: Log, clock: Callable[[], datetime], lease: timedelta, settings: Settings
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._lease = lease
        self._settings = settings

    def waiting(self, *, reviewer: str, role: Role) -> int:
        """Return how many second looks this person could take, at most `CANDIDATES`."""
        with self._database.read() as session:
            return len(self._free(session, reviewer, role, self._clock()))

    def disputed(self) -> list[tuple[SecondLook, Submission]]:
        """Return the disagreements that wait for a senior reviewer, the oldest first."""
        statement = (
            select(SecondLook, Submission)
            .join(Submission, col(Submission.id) == col(SecondLook.episode_id))
            .where(SecondLook.stage == Stage.DISPUTED.value)
            .order_by(col(SecondLook.asked_at), col(SecondLook.id))
            .limit(MAX_LISTED)
        )
        with self._database.read() as session:
            return [(look, row) for look, row in session.exec(statement)]

    def take_next(self, *, reviewer: str, role: Role) -> SecondLook | None:
        """Give this person the oldest second look that they may take, for the length of a lease; or None."""
        now = self._clock()
        with self._database.read() as session:
            free = [look.id for look in self._free(session, reviewer, role, now)]
        for look_id in free:
            try:
                with self._database.write() as session:
                    row, look = self._mine(session, look_id, reviewer, role, now)
                    if look.claimed_by != reviewer or _holder(look, now) is None:
                        look.claimed_at = now
                        note_exposure(session, row, by=reviewer, at=now)
                    look.claimed_by, look.claimed_until = reviewer, now + self._lease
                    session.add(look)
                    return look
            except (ConflictError, ForbiddenError):
                continue  # safe to ignore: another reviewer was quicker, and the next one will do
        return None

    def decide(self, look_id: str, *, reviewer: str, role: Role, verdict: str, reason: str) -> SecondLook:
        """Decide a case again; raises as `settle` does, and `ConflictError` without a lease that runs."""
        now, text = self._clock(), usable_reason(reason)
        if verdict not in VERDICTS:
            raise InvalidRequestError("choose what to decide: nothing is chosen for you")
        with self._database.write() as session:
            row, look = self._mine(session, look_id, reviewer, role, now)
            if _holder(look, now) != reviewer:
                raise ConflictError("you do not hold this second look any more; take the next one")
            agrees = verdict == look.first_verdict
            look.second_by, look.second_verdict, look.second_at = reviewer, verdict, now
            look.second_reason, look.claimed_until = text, None
            look.stage = (Stage.DONE if agrees else Stage.DISPUTED).value
            session.add(look)
            remember(
                session,
                row,
                kind=Kind.SECOND,
                by=reviewer,
                role=role,
                verdict=verdict,
                at=now,
                since=look.claimed_at,
                agrees=agrees,
            )
            facts: dict[str, Fact] = {"outcome": verdict, "agrees": agrees}
            self._note(session, EventKind.REVIEW_REPEATED, now, row, reviewer, role, facts, text)
        return look

    def settle(self, look_id: str, *, reviewer: str, role: Role, verdict: str, reason: str) -> SecondLook:
        """Say what is right where two people disagree; a wrong refusal is reopened.

        Raises `InvalidRequestError` without a usable reason or verdict, `NotFoundError`, `ForbiddenError` for who is no
        senior reviewer or had a part in it, and `ConflictError` where nothing waits to be settled.
        """
        now, text = self._clock(), usable_reason(reason)
        with self._database.write() as session:
            row, look = self._locked(session, look_id)
            if look.stage != Stage.DISPUTED:
                raise ConflictError("nothing waits to be settled here")
            if role is not Role.SENIOR_REVIEWER:
                raise ForbiddenError("a senior reviewer settles disagreements")
            second = person_of(session, look.second_by or "")
            if person_of(session, reviewer) in (person_of(session, row.submitter), *look.first_by, second):
                raise ForbiddenError("you submitted this or decided it before; another senior reviewer must settle it")
            if verdict not in (look.first_verdict, look.second_verdict):
                raise InvalidRequestError("choose one of the two decisions")
            look.settled_by, look.settled_verdict, look.settled_at = reviewer, verdict, now
            look.settled_reason, look.stage = text, Stage.DONE.value
            session.add(look)
            remember(session, row, kind=Kind.SETTLED, by=reviewer, role=role, verdict=verdict, at=now, since=now)
            self._note(session, EventKind.REVIEW_SETTLED, now, row, reviewer, role, {"outcome": verdict}, text)
            if verdict == "approve" and row.state == State.REJECTED and row.version == look.version:
                self._reopen(session, row, look, now)
        return look

    def _reopen(self, session: Session, row: Submission, look: SecondLook, now: datetime) -> None:
        earlier = session.get_one(ReviewCase, row.id)
        screened = Verdict(earlier.screened)
        session.delete(earlier)
        session.flush()  # before its successor, which has the same key
        move(row, State.AWAITING_REVIEW, at=now)
        case = open_case(session, row, screened, at=now, settings=self._settings)
        case.barred = list(look.first_by)
        session.add_all([row, case])

    def _free(self, session: Session, reviewer: str, role: Role, now: datetime) -> list[SecondLook]:
        mine = (col(SecondLook.claimed_by) == reviewer) | col(SecondLook.claimed_until).is_(None)
        found = session.exec(
            select(SecondLook, Submission)
            .join(Submission, col(Submission.id) == col(SecondLook.episode_id))
            .where(SecondLook.stage == Stage.WAITING.value)
            .where(or_(mine, col(SecondLook.claimed_until) <= now))
            .order_by(col(SecondLook.asked_at), col(SecondLook.id))
            .limit(CANDIDATES)
        ).all()
        return [look for look, row in found if not why_not_second(session, look, row, reviewer, role)]

    def _mine(
        self, session: Session, look_id: str, reviewer: str, role: Role, now: datetime
    ) -> tuple[Submission, SecondLook]:
        row, look = self._locked(session, look_id)
        if look.stage != Stage.WAITING:
            raise ConflictError("this second look is done; take the next one")
        if refusal := why_not_second(session, look, row, reviewer, role):
            raise ForbiddenError(refusal)
        if _holder(look, now) not in (None, reviewer):
            raise ConflictError("another reviewer has this second look; take the next one")
        return row, look

    def _locked(self, session: Session, look_id: str) -> tuple[Submission, SecondLook]:
        found = session.get(SecondLook, look_id)
        if found is None:
            raise NotFoundError(f"there is no second look '{look_id}'")
        row = lock(session, found.episode_id)
        return row, session.get_one(SecondLook, look_id, populate_existing=True)

    def _note(
        self,
        session: Session,
        kind: EventKind,
        at: datetime,
        row: Submission,
        actor: str,
        role: Role,
        facts: dict[str, Fact],
        reason: str,
    ) -> None:
        facts = {**facts, "role": role.value, "reason_commitment": commit_text(session, row.id, "reason", reason)}
        index = self._log.append(session, Event(kind, at, row.id, actor, facts))
        session.add(
            ReviewAction(
                episode_id=row.id,
                at=at,
                kind=kind.value,
                actor=actor,
                role=role.value,
                reason=reason,
                entry_index=index,
            )
        )


def why_not_second(session: Session, look: SecondLook, row: Submission, reviewer: str, role: Role) -> str:
    """Return why this person may not take this second look, or nothing (1)."""
    person = person_of(session, reviewer)
    if role not in REVIEWERS:
        return "only reviewers decide cases"
    if person in look.first_by:
        return "you decided this case; another person must look at it"
    if person == person_of(session, row.submitter):
        return "nobody reviews what they submitted"
    if look.senior and role is not Role.SENIOR_REVIEWER:
        return "this case was for a senior reviewer"
    return ""


def must_stay_blind(session: Session, episode_id: str, reviewer: str, now: datetime) -> bool:
    """True while this person decides an episode again: its page would tell them how it was decided."""
    look = session.exec(
        select(SecondLook).where(
            SecondLook.episode_id == episode_id,
            SecondLook.stage == Stage.WAITING.value,
            SecondLook.claimed_by == reviewer,
        )
    ).first()
    return look is not None and _holder(look, now) == reviewer


def _holder(look: SecondLook, now: datetime) -> str | None:
    return look.claimed_by if look.claimed_until is not None and look.claimed_until > now else None
