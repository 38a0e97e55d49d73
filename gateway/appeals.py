"""Appeals: a submitter contests a refusal or a withdrawal, and a person who had no part in it decides.

Article 20 of the Digital Services Act asks for it: free, for at least six months, and never decided by machines alone.

1. Whoever submitted the episode appeals, once for each refusal, and within the time that the settings give.
2. A reviewer decides who neither refused it nor submitted it. What the policy blocked, what a senior reviewer refused
   and what was withdrawn is for a senior reviewer.
3. A refusal that is upheld stands; one that is partly upheld stands for other categories.
4. One that is overturned leads the episode on, never to release: a blocked script is spoken, heard and reviewed by two
   people; what a person refused, or took back, waits for a review, from which they are barred.

Every change locks the episode's row first, so of two people who act at once, one is first and the other is told.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.appealed import Against, Appeal, Ruling, appeal_against
from gateway.auth import REVIEWERS, Role, person_of
from gateway.cases import ReviewAction, findings_of, open_case
from gateway.commitments import commit_text
from gateway.db import Database
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.review import MAX_CATEGORIES, OTHER, categories_of, found_categories, usable_reason
from gateway.settings import Settings
from gateway.soundindex import SoundKey
from gateway.statements import statement_of
from gateway.submissions import (
    ID_ALPHABET,
    ID_LENGTH,
    Clip,
    EpisodeApproval,
    EpisodeHearing,
    EpisodeReceipt,
    EpisodeRelease,
    EpisodeWithdrawal,
    Erasure,
    ReviewCase,
    State,
    Submission,
    lock,
    move,
)
from policies.decision import Verdict, strictest

APPEALABLE = frozenset({State.BLOCKED, State.REJECTED, State.WITHDRAWN, State.SUPERSEDED})
BY_PEOPLE = (EventKind.SUBMISSION_REJECTED.value, EventKind.SUBMISSION_REDACTED.value)  # refusals
MAX_LISTED = 100
KEPT_RECEIPT = "clip"  # purpose; what was produced stays proven, approval and intent are given anew


@dataclass(frozen=True, slots=True)
class Refusal:
    """The decision that an appeal is against."""

    against: Against
    by: tuple[str, ...]  # people
    at: datetime
    senior: bool  # a senior reviewer decides the appeal


class AppealDesk:
    """Files, lists and decides appeals; safe to use from several threads and processes."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        clock: Callable[[], datetime],
        lease: timedelta,
        settings: Settings,
        enqueue: Callable[[str], None],
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._lease = lease
        self._settings = settings
        self._enqueue = enqueue  # gives an episode that goes on back to the workers

    def file(self, episode_id: str, *, by: str, role: Role, reason: str) -> tuple[Appeal, bool]:
        """Store an appeal, and return it and whether it is new; sending the same reasons again changes nothing.

        Raises `InvalidRequestError` without usable reasons, `NotFoundError`, `ForbiddenError` for whoever did not
        submit the episode, and `ConflictError` where there is nothing to appeal: not refused, appealed before, taken
        back by the submitter, spoken on request, erased, or too long ago.
        """
        now, text = self._clock(), usable_reason(reason)
        with self._database.write() as session:
            row = lock(session, episode_id)
            if person_of(session, by) != person_of(session, row.submitter):  # 1.
                raise ForbiddenError("only whoever submitted the episode may appeal")
            earlier = appeal_against(session, episode_id, row.version)
            if earlier is not None and earlier.reason == text:
                return earlier, False
            refusal = self._appealable(session, row, earlier, now)
            statement = statement_of(session, row, redress=self._settings.redress)
            appeal = Appeal(
                id="ap_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH)),
                episode_id=episode_id,
                version=row.version,
                against=refusal.against.value,
                refused_by=list(refusal.by),
                refused_at=refusal.at,
                statement={"puid": statement.puid, "text": statement.text, "record": statement.record},
                filed_by=by,
                filed_at=now,
                due_at=now + timedelta(hours=self._settings.appeal_due_hours),
                reason=text,
                senior=refusal.senior,
            )
            session.add(appeal)
            facts: dict[str, Fact] = {"against": appeal.against, "version": row.version}
            self._note(session, EventKind.APPEAL_FILED, now, row.id, by, role, facts, text)
        return appeal, True

    def waiting(self, *, limit: int = MAX_LISTED) -> list[tuple[Appeal, Submission]]:
        """Return the open appeals, the one that is due first, first."""
        return self._listed(col(Appeal.open).is_(True), col(Appeal.due_at), limit)

    def decided(self, *, limit: int = MAX_LISTED) -> list[tuple[Appeal, Submission]]:
        """Return the decided appeals, the newest first."""
        return self._listed(col(Appeal.open).is_(False), col(Appeal.decided_at).desc(), limit)

    def take(self, appeal_id: str, *, reviewer: str, role: Role) -> Appeal:
        """Take an appeal for the length of a lease, so that nobody else works on it; raises as `decide` does."""
        now = self._clock()
        with self._database.write() as session:
            _, appeal = self._decidable(session, appeal_id, reviewer, role, now)
            appeal.claimed_by, appeal.claimed_until = reviewer, now + self._lease
            session.add(appeal)
        return appeal

    def decide(
        self,
        appeal_id: str,
        *,
        reviewer: str,
        role: Role,
        outcome: Ruling,
        reason: str,
        categories: Sequence[str] = (),
    ) -> Appeal:
        """Decide an appeal; `categories` says what a refusal that is partly upheld is for.

        Raises `InvalidRequestError` without a usable reason or, partly upholding, without other categories than the
        refusal had; `NotFoundError`; `ForbiddenError` for who may not decide it; `ConflictError` if it is decided, held
        by another reviewer, or about a refusal that stands no longer.
        """
        now, text = self._clock(), usable_reason(reason)
        if outcome is Ruling.VOID:
            raise InvalidRequestError("decide upheld, overturned or partly")
        with self._database.write() as session:
            row, appeal = self._decidable(session, appeal_id, reviewer, role, now)
            facts: dict[str, Fact] = {"outcome": outcome.value, "against": appeal.against}
            if outcome is Ruling.PARTLY:  # 3.
                appeal.categories = _narrowed(session, row, categories)
                facts["categories"] = [*appeal.categories]
            if outcome is Ruling.OVERTURNED:  # 4.
                facts["leads_to"] = appeal.led_to = self._lead_on(session, row, appeal, reviewer, role, now).value
            appeal.open, appeal.outcome, appeal.answer = False, outcome.value, text
            appeal.decided_by, appeal.decided_at = reviewer, now
            session.add(appeal)
            self._note(session, EventKind.APPEAL_DECIDED, now, row.id, reviewer, role, facts, text)
        # If we crash here, an episode that goes on is not queued; the sweep finds it.
        if appeal.led_to in (State.SCREENED, State.HEARD):
            self._enqueue(row.id)
        return appeal

    def closes_at(self, session: Session, row: Submission) -> datetime | None:
        """Return until when this refusal may be appealed, or None if it may not, or no longer."""
        try:
            refusal = self._appealable(session, row, appeal_against(session, row.id, row.version), self._clock())
        except ConflictError:
            return None
        return refusal.at + timedelta(days=self._settings.appeal_days)

    def _appealable(self, session: Session, row: Submission, earlier: Appeal | None, now: datetime) -> Refusal:
        if earlier is not None:
            raise ConflictError(f"this refusal of episode {row.id} was appealed before; there is one appeal for each")
        refusal = refusal_of(session, row)
        if refusal.against is Against.WITHDRAWAL and person_of(session, row.submitter) in refusal.by:
            raise ConflictError(f"you took episode {row.id} back yourself; submit it again to have it released")
        if session.get(Erasure, row.id) is not None:
            raise ConflictError(f"episode {row.id} was erased; there is nothing left to look at")
        events = self._log.events_for(session, row.id)
        if any(one.event.kind is EventKind.SPEECH_REQUESTED for one in events):
            raise ConflictError("speech on request leaves no episode; submit the script to have people look at it")
        if now >= refusal.at + timedelta(days=self._settings.appeal_days):
            raise ConflictError(f"the {self._settings.appeal_days} days for an appeal are over")
        return refusal

    def _decidable(
        self, session: Session, appeal_id: str, reviewer: str, role: Role, now: datetime
    ) -> tuple[Submission, Appeal]:
        found = session.get(Appeal, appeal_id)
        if found is None:
            raise NotFoundError(f"there is no appeal '{appeal_id}'")
        row = lock(session, found.episode_id)
        appeal = session.get_one(Appeal, appeal_id, populate_existing=True)
        if not appeal.open or row.version != appeal.version:
            raise ConflictError(f"appeal {appeal_id} is decided, or what it is about stands no longer")
        if role not in REVIEWERS:
            raise ForbiddenError("only reviewers decide appeals")
        if refusal := why_not_appeal(session, appeal, row, reviewer, role):
            raise ForbiddenError(refusal)
        held = appeal.claimed_by if appeal.claimed_until is not None and appeal.claimed_until > now else None
        if held not in (None, reviewer):
            raise ConflictError("another reviewer works on this appeal; choose another or wait")
        return row, appeal

    def _lead_on(
        self, session: Session, row: Submission, appeal: Appeal, reviewer: str, role: Role, now: datetime
    ) -> State:
        """Undo a refusal, and return the state from which the episode goes on."""
        if appeal.against == Against.POLICY:
            # A script that was never spoken goes on to be; one that was refused by ear was spoken already.
            spoken = session.exec(select(Clip.sha256).where(Clip.episode_id == row.id)).first() is not None
            move(row, State.HEARD if spoken else State.SCREENED, at=now)
            session.add(row)
            return State(row.state)
        if appeal.against == Against.WITHDRAWAL:
            _forget_release(session, row.id)
            facts: dict[str, Fact] = {"role": role.value}
            self._log.append(session, Event(EventKind.WITHDRAWAL_LIFTED, now, row.id, reviewer, facts))
        earlier = session.get(ReviewCase, row.id)
        verdict = _verdict_of(session, row)
        if earlier is not None:
            session.delete(earlier)
            session.flush()  # before its successor, which has the same key
        move(row, State.AWAITING_REVIEW, at=now)
        case = open_case(session, row, verdict, at=now, settings=self._settings)
        case.barred = sorted({*(case.barred or ()), *appeal.refused_by})
        session.add_all([row, case])
        return State.AWAITING_REVIEW

    def _listed(self, condition: object, order: object, limit: int) -> list[tuple[Appeal, Submission]]:
        statement = (
            select(Appeal, Submission)
            .join(Submission, col(Submission.id) == col(Appeal.episode_id))
            .where(condition)  # type: ignore[arg-type]  # an SQL expression
            .order_by(order, col(Appeal.id))  # type: ignore[arg-type]
            .limit(min(limit, MAX_LISTED))
        )
        with self._database.read() as session:
            return [(appeal, row) for appeal, row in session.exec(statement)]

    def _note(
        self,
        session: Session,
        kind: EventKind,
        at: datetime,
        episode_id: str,
        actor: str,
        role: Role,
        facts: dict[str, Fact],
        reason: str,
    ) -> None:
        """Log what was done with a commitment to the words, and keep the words in a row that can be erased."""
        facts = {**facts, "role": role.value, "reason_commitment": commit_text(session, episode_id, "reason", reason)}
        index = self._log.append(session, Event(kind, at, episode_id, actor, facts))
        session.add(
            ReviewAction(
                episode_id=episode_id,
                at=at,
                kind=kind.value,
                actor=actor,
                role=role.value,
                reason=reason,
                entry_index=index,
            )
        )


def refusal_of(session: Session, row: Submission) -> Refusal:
    """Return the refusal that stands; raises `ConflictError` for an episode that is not refused."""
    if row.state == State.BLOCKED:
        return Refusal(Against.POLICY, (), row.changed_at, senior=True)
    if row.state == State.REJECTED:
        case = session.get_one(ReviewCase, row.id)
        actions = session.exec(
            select(ReviewAction)
            .where(ReviewAction.episode_id == row.id, col(ReviewAction.kind).in_(BY_PEOPLE))
            .order_by(col(ReviewAction.id).desc())
        ).first()
        by_senior = actions is not None and actions.role == Role.SENIOR_REVIEWER
        senior = by_senior or case.senior or case.screened == Verdict.BLOCK
        by = () if case.decided_by is None else (person_of(session, case.decided_by),)
        return Refusal(Against.PERSON, by, case.decided_at or row.changed_at, senior=senior)
    withdrawal = session.get(EpisodeWithdrawal, row.id)
    if row.state in APPEALABLE and withdrawal is not None:
        by = (person_of(session, withdrawal.withdrawn_by),)
        return Refusal(Against.WITHDRAWAL, by, withdrawal.withdrawn_at, senior=True)
    raise ConflictError(f"episode {row.id} is {row.state}; there is no refusal to appeal")


def why_not_appeal(session: Session, appeal: Appeal, row: Submission, reviewer: str, role: Role) -> str:
    """Return why this reviewer may not decide this appeal, or nothing (2)."""
    person = person_of(session, reviewer)
    if person == person_of(session, row.submitter):
        return "nobody decides an appeal about what they submitted"
    if person in appeal.refused_by:
        return "you took the decision that is appealed; another reviewer must look at it"
    if appeal.senior and role is not Role.SENIOR_REVIEWER:
        return "a senior reviewer must decide this appeal"
    return ""


def _narrowed(session: Session, row: Submission, categories: Sequence[str]) -> list[str]:
    """Return what a refusal is for from now on; raises `InvalidRequestError` if that is what it was for before."""
    case = session.get(ReviewCase, row.id)
    before = set((case.categories if case is not None else None) or found_categories(session, row) or {OTHER})
    chosen = list(dict.fromkeys(categories))
    if not 0 < len(chosen) <= MAX_CATEGORIES or not categories_of(session, row).issuperset(chosen):
        raise InvalidRequestError(f"choose 1 to {MAX_CATEGORIES} categories of the policy, or '{OTHER}'")
    if set(chosen) == before:
        raise InvalidRequestError("these are the categories that it was refused for; uphold it, or choose others")
    return chosen


def _verdict_of(session: Session, row: Submission) -> Verdict:
    hearing = session.get(EpisodeHearing, row.id)
    decisions = [one for one in (row.decision, hearing.decision if hearing is not None else None) if one]
    found = [Verdict(str(one["verdict"])) for one in findings_of(row.decision)]
    return strictest([Verdict(str(one["verdict"])) for one in decisions] + found)


def _forget_release(session: Session, episode_id: str) -> None:
    """Take away what made an episode public once, so that it has to be approved, announced and examined again.

    The log keeps all of it.
    """
    release = session.get(EpisodeRelease, episode_id)
    if release is not None:
        session.execute(delete(SoundKey).where(col(SoundKey.entry_index) == release.entry_index))
    for table in (EpisodeRelease, EpisodeWithdrawal, EpisodeApproval):
        session.execute(delete(table).where(col(table.episode_id) == episode_id))
    session.execute(
        delete(EpisodeReceipt).where(
            col(EpisodeReceipt.episode_id) == episode_id, col(EpisodeReceipt.purpose) != KEPT_RECEIPT
        )
    )
