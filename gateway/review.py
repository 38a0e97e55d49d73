"""The human step: cases wait, one reviewer at a time holds one, and decides it with a reason.

Every change locks the episode's row first, so of two reviewers one is first and the other is told. The log carries who
decided, in which role, and a commitment to the reason; the reason itself stays in rows, where it can be erased.

Who may do what is decided here and nowhere else:

1. Nobody touches the case of what they submitted, with whichever of their keys.
2. A case that was escalated is for senior reviewers; one that was handed over, for the person named and for them.
3. Who signed first does not sign second.
4. Only whose lease runs decides, and only what they read (`version`).
5. Whose refusal was overturned does not decide the same episode again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.auth import REVIEWERS, Role, person_of
from gateway.cases import ReviewAction, close_case, findings_of
from gateway.commitments import commit_text
from gateway.db import Database
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.publish import clip_digests
from gateway.quality.golden import answer_golden, is_golden
from gateway.quality.judgements import remember
from gateway.quality.rows import Kind
from gateway.quality.sampling import judged
from gateway.quality.wellness import note_exposure
from gateway.redaction import take_out
from gateway.revisions import revise
from gateway.submissions import EpisodeApproval, EpisodeHearing, ReviewCase, State, Submission, lock, move
from gateway.submissions import Kind as SentKind

MAX_REASON = 2_000  # characters: a reason, not a report
MAX_CATEGORIES = 10
MAX_LISTED = 100
LONGEST_HOLD = timedelta(days=30)  # what waits longer is not put off but forgotten; escalate it
OTHER = "other"  # category of a refusal that no rule's category describes


class Outcome(StrEnum):
    """What came of a decision."""

    APPROVED = "approved"  # it goes on to release
    PROPOSED = "proposed"  # another person must sign as well
    REJECTED = "rejected"  # for good
    REDACTED = "redacted"  # sentences were taken out, and the rest goes on as a revision
    GOLDEN = "golden"  # it was a golden item, and goes nowhere
    CHANGES_REQUESTED = "changes_requested"  # refused as it is; a changed script may be submitted


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A case that somebody must decide, as a reviewer's list shows it."""

    episode_id: str
    title: str
    show: str
    submitter: str  # API key id
    version: int  # of the episode; pass it back to be sure of deciding what was seen
    requested_at: datetime
    due_at: datetime
    risk: int  # 0 to 100
    screened: str  # the policy's verdict
    senior: bool  # a senior reviewer decides
    two_people: bool  # an approval needs two signatures
    proposed_by: str | None  # the first of them
    meant_for: str | None  # whom it was handed over to
    claimed_by: str | None  # holder of a lease that still runs
    claimed_until: datetime | None
    held_until: datetime | None  # put off: nobody is given it before, and whoever wants may take it


class ReviewDesk:
    """Lists, claims and decides cases; safe to use from several threads and processes."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        clock: Callable[[], datetime],
        lease: timedelta,
        enqueue: Callable[[str], None],
        second_share: float = 0.0,
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._lease = lease
        self._enqueue = enqueue  # gives an approved episode back to the workers
        self._second_share = second_share  # of decided cases that another person decides again

    @property
    def lease(self) -> timedelta:
        """How long a claimed case belongs to its reviewer."""
        return self._lease

    def waiting(self, *, limit: int = MAX_LISTED) -> list[WaitingCase]:
        """Return the undecided cases, the oldest first."""
        now = self._clock()
        statement = (
            select(ReviewCase, Submission)
            .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
            .where(col(ReviewCase.open), Submission.state == State.AWAITING_REVIEW.value)
            .order_by(col(ReviewCase.requested_at), col(ReviewCase.episode_id))
            .limit(min(limit, MAX_LISTED))
        )
        with self._database.read() as session:
            found = session.exec(statement).all()
        return [waiting_case(case, row, now) for case, row in found]

    def claim(self, episode_id: str, *, reviewer: str, role: Role = Role.REVIEWER) -> WaitingCase:
        """Take a case for the length of a lease, or prolong one's own; only its holder may decide it.

        Raises `NotFoundError`, `ConflictError` if it is decided or another reviewer holds it, and `ForbiddenError` for
        whoever may not decide it.
        """
        now = self._clock()
        with self._database.write() as session:
            row, case = self._open_case(session, episode_id, reviewer, role)
            held = holder_of(case, now)
            if held not in (None, reviewer):
                raise ConflictError(f"another reviewer holds episode {episode_id}; choose another or wait")
            facts: dict[str, Fact] = {}
            if held is None and case.claimed_by not in (None, reviewer):
                facts["lapsed"] = case.claimed_by  # whose lease ran out without a decision
            case.claimed_by, case.claimed_until = reviewer, now + self._lease
            case.meant_for = case.held_until = None
            session.add(case)
            if held is None:  # prolonging is not news
                note_exposure(session, row, by=reviewer, at=now)
                self._note(session, EventKind.REVIEW_CLAIMED, now, row, reviewer, role, facts)
        return waiting_case(case, row, now)

    def extend(self, episode_id: str, *, reviewer: str) -> datetime:
        """Prolong one's own lease and return its new end; raises `ConflictError` if it has run out."""
        now = self._clock()
        with self._database.write() as session:
            case = self._held(session, episode_id, reviewer, now)
            case.claimed_until = until = now + self._lease
            session.add(case)
        return until

    def release(self, episode_id: str, *, reviewer: str, role: Role = Role.REVIEWER) -> None:
        """Give a case back undecided; raises `ConflictError` if one does not hold it."""
        now = self._clock()
        with self._database.write() as session:
            row = lock(session, episode_id)
            _let_go(session, self._held(session, episode_id, reviewer, now))
            self._note(session, EventKind.REVIEW_RELEASED, now, row, reviewer, role, {})

    def hand_over(self, episode_id: str, *, reviewer: str, to: str, to_role: Role, role: Role = Role.REVIEWER) -> None:
        """Give a case that one holds to another reviewer, who finds it at the top of their queue.

        Raises `ConflictError` if one does not hold it, `InvalidRequestError` for somebody who could not decide it.
        """
        now = self._clock()
        with self._database.write() as session:
            row = lock(session, episode_id)
            case = self._held(session, episode_id, reviewer, now)
            if to == reviewer or to_role not in REVIEWERS or (case.senior and to_role is not Role.SENIOR_REVIEWER):
                raise InvalidRequestError("hand it over to another reviewer, of the role that the case needs")
            if person_of(session, to) in (person_of(session, row.submitter), case.proposed_by, *(case.barred or ())):
                raise InvalidRequestError("they submitted this script, signed first or refused it before")
            _let_go(session, case)
            case.meant_for = to
            self._note(session, EventKind.REVIEW_HANDED_OVER, now, row, reviewer, role, {"to": to}, target=to)

    def hold(
        self,
        episode_id: str,
        *,
        reviewer: str,
        reason: str,
        until: datetime,
        version: int | None = None,
        role: Role = Role.REVIEWER,
    ) -> None:
        """Put a case that one holds off until a time ahead, at most `LONGEST_HOLD`; it stays due when it was.

        Nobody is given it as the next case before then; whoever takes it by itself ends the hold. Raises as `reject`.
        """
        now, text = self._clock(), usable_reason(reason)
        if until.tzinfo is None or not now < until <= now + LONGEST_HOLD:
            raise InvalidRequestError(
                f"hold a case until a time ahead, with its zone, at most {LONGEST_HOLD.days} days"
            )
        with self._database.write() as session:
            row, case = self._decidable(session, episode_id, reviewer, role, version, now)
            _let_go(session, case)
            case.held_until = until
            facts: dict[str, Fact] = {"until": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
            self._note(session, EventKind.REVIEW_HELD, now, row, reviewer, role, facts, reason=text)

    def escalate(self, episode_id: str, *, reviewer: str, reason: str, role: Role = Role.REVIEWER) -> None:
        """Ask for a senior reviewer; raises as `reject` does, and `ConflictError` where one was asked for already."""
        now, text = self._clock(), usable_reason(reason)
        with self._database.write() as session:
            row = lock(session, episode_id)
            case = self._held(session, episode_id, reviewer, now)
            if case.senior:
                raise ConflictError(f"episode {episode_id} was escalated before; a senior reviewer decides it")
            _let_go(session, case)
            case.senior = True
            self._note(session, EventKind.REVIEW_ESCALATED, now, row, reviewer, role, {}, reason=text)

    def approve(
        self, episode_id: str, *, reviewer: str, reason: str, version: int | None = None, role: Role = Role.REVIEWER
    ) -> Outcome:
        """Say yes; the episode goes back to the workers for release, or waits for a second signature.

        Raises as `reject` does.
        """
        now, text = self._clock(), usable_reason(reason)
        with self._database.write() as session:
            row, case = self._decidable(session, episode_id, reviewer, role, version, now)
            if is_golden(session, episode_id):
                return self._end_golden(session, row, case, "approve", reviewer, role, text)
            verdict = str((row.decision or {}).get("verdict"))
            # The yes is to these bytes and no others.
            facts: dict[str, Fact] = {"verdict": verdict, "clips": [*clip_digests(session, episode_id)]}
            if case.two_people and case.proposed_by is None:
                _let_go(session, case)
                case.proposed_by, case.proposed_at = person_of(session, reviewer), now
                remember(session, row, kind=Kind.FIRST, by=reviewer, role=role, verdict="approve", at=now)
                self._note(session, EventKind.APPROVAL_PROPOSED, now, row, reviewer, role, facts, reason=text)
                return Outcome.PROPOSED
            if case.proposed_by is not None:
                facts["first"] = case.proposed_by
            _decide(session, case, "approve", reviewer, text, now)
            move(row, State.APPROVED, at=now)
            judged(session, row, case, share=self._second_share, by=reviewer, role=role, verdict="approve", at=now)
            index = self._note(session, EventKind.APPROVAL_GRANTED, now, row, reviewer, role, facts, reason=text)
            session.add(
                EpisodeApproval(
                    episode_id=episode_id, approver=reviewer, reason=text, approved_at=now, entry_index=index
                )
            )
        # If we crash here, the episode is approved but not queued; the sweep finds it.
        self._enqueue(episode_id)
        return Outcome.APPROVED

    def reject(
        self,
        episode_id: str,
        *,
        reviewer: str,
        reason: str,
        version: int | None = None,
        role: Role = Role.REVIEWER,
        categories: Sequence[str] = (),
        changes: bool = False,
    ) -> Outcome:
        """Say no, for good, or with `changes` as it is now; without `categories`, for those that were found.

        Raises `InvalidRequestError` without a usable reason or for a category that the policy does not have,
        `NotFoundError`, `ForbiddenError` for who may not decide it, and `ConflictError` if the case is decided, the
        reviewer's lease has run out, or the episode is not at `version`.
        """
        now, text = self._clock(), usable_reason(reason)
        with self._database.write() as session:
            row, case = self._decidable(session, episode_id, reviewer, role, version, now)
            chosen = _chosen(session, row, categories)
            outcome = "request_changes" if changes else "reject"
            if is_golden(session, episode_id):
                return self._end_golden(session, row, case, outcome, reviewer, role, text)
            case.categories = chosen
            _decide(session, case, outcome, reviewer, text, now)
            move(row, State.REJECTED, at=now)
            judged(session, row, case, share=self._second_share, by=reviewer, role=role, verdict=outcome, at=now)
            facts: dict[str, Fact] = {
                "verdict": str((row.decision or {}).get("verdict")),
                "outcome": outcome,
                "categories": [*chosen],
            }
            self._note(session, EventKind.SUBMISSION_REJECTED, now, row, reviewer, role, facts, reason=text)
        return Outcome.CHANGES_REQUESTED if changes else Outcome.REJECTED

    def redact(
        self,
        episode_id: str,
        *,
        reviewer: str,
        spans: Sequence[tuple[int, int]],
        reason: str,
        version: int | None = None,
        role: Role = Role.REVIEWER,
        categories: Sequence[str] = (),
    ) -> str:
        """Take the sentences out that `spans` touch, and return the id of the revision that goes on without them;
        nothing, if it was a golden item.

        The revision is the submitter's, like any script: it is screened, spoken, marked, signed and heard anew, and
        then always waits for a reviewer, who decides on what is to be heard. This episode ends here.

        Raises as `reject` does, and `InvalidRequestError` for sentences that cannot be taken out (`take_out`).
        """
        now, text = self._clock(), usable_reason(reason)
        with self._database.read() as session:
            source = session.exec(select(Submission.script).where(Submission.id == episode_id)).first()
        cut = take_out(source or "", spans)  # before any lock: it reads the script, which hours of speech make long
        with self._database.write() as session:
            row, case = self._decidable(session, episode_id, reviewer, role, version, now)
            if row.script != source:
                raise ConflictError(f"episode {episode_id} has changed since it was read; read it again")
            if row.kind == SentKind.UPLOAD:
                raise InvalidRequestError("nothing can be taken out of sound that was made elsewhere; request changes")
            chosen = _chosen(session, row, categories)
            if is_golden(session, episode_id):
                self._end_golden(session, row, case, "request_changes", reviewer, role, text)
                return ""
            case.categories = chosen
            case.taken_out = [[start, end] for start, end in cut.spans]
            _decide(session, case, "redact", reviewer, text, now)
            move(row, State.REJECTED, at=now)
            judged(session, row, case, share=0, by=reviewer, role=role, verdict="request_changes", at=now)
            revision, received = revise(session, row, cut.text, at=now, by=reviewer)
            facts: dict[str, Fact] = {
                "verdict": str((row.decision or {}).get("verdict")),
                "sentences": len(cut.spans),
                "revision": revision,
                "categories": [*chosen],
            }
            self._note(session, EventKind.SUBMISSION_REDACTED, now, row, reviewer, role, facts, reason=text)
            self._log.append(session, received)
        # If we crash here, the revision is stored but not queued; the sweep finds it.
        self._enqueue(revision)
        return revision

    def _end_golden(
        self, session: Session, row: Submission, case: ReviewCase, verdict: str, by: str, role: Role, text: str
    ) -> Outcome:
        """Note the answer to a golden item; whatever it is, the episode ends here and is never released."""
        now = self._clock()
        facts = answer_golden(session, row, verdict=verdict, by=by, role=role, at=now)
        close_case(session, case)
        move(row, State.GOLDEN, at=now)
        self._note(session, EventKind.GOLDEN_ANSWERED, now, row, by, role, facts, reason=text)
        return Outcome.GOLDEN

    def _decidable(
        self, session: Session, episode_id: str, reviewer: str, role: Role, version: int | None, now: datetime
    ) -> tuple[Submission, ReviewCase]:
        """Return a case that this reviewer may decide now; see 1 to 4 above."""
        row, case = self._open_case(session, episode_id, reviewer, role)
        if version is not None and row.version != version:  # 4.
            raise ConflictError(f"episode {episode_id} has changed since it was read; read it again")
        if holder_of(case, now) != reviewer:
            raise ConflictError(f"you do not hold episode {episode_id}: claim it first, a lease lasts {self._lease}")
        return row, case

    def _open_case(self, session: Session, episode_id: str, reviewer: str, role: Role) -> tuple[Submission, ReviewCase]:
        row = lock(session, episode_id)
        case = session.get(ReviewCase, episode_id, populate_existing=True)
        if case is None:
            raise NotFoundError(f"episode {episode_id} has no case to review")
        if row.state != State.AWAITING_REVIEW:
            raise ConflictError(f"episode {episode_id} is {row.state}; it is not waiting for a decision")
        if role not in REVIEWERS:
            raise ForbiddenError("only reviewers decide cases")
        if refusal := why_not(session, case, row, reviewer, role):
            raise ForbiddenError(refusal)
        return row, case

    def _held(self, session: Session, episode_id: str, reviewer: str, now: datetime) -> ReviewCase:
        row = lock(session, episode_id)
        case = session.get(ReviewCase, episode_id, populate_existing=True)
        if case is None:
            raise NotFoundError(f"episode {episode_id} has no case to review")
        if row.state != State.AWAITING_REVIEW or holder_of(case, now) != reviewer:
            raise ConflictError(f"you do not hold episode {episode_id}: the lease ran out, or it is decided")
        return case

    def _note(
        self,
        session: Session,
        kind: EventKind,
        at: datetime,
        row: Submission,
        reviewer: str,
        role: Role,
        facts: dict[str, Fact],
        *,
        reason: str = "",
        target: str | None = None,
    ) -> int:
        """Log what a person did, keep the reason in a row, and return the entry's index."""
        facts = {**facts, "role": role.value}
        if reason:
            facts["reason_commitment"] = commit_text(session, row.id, "reason", reason)
        index = self._log.append(session, Event(kind, at, row.id, reviewer, facts))
        session.add(
            ReviewAction(
                episode_id=row.id,
                at=at,
                kind=kind.value,
                actor=reviewer,
                role=role.value,
                reason=reason,
                target=target,
                entry_index=index,
            )
        )
        return index


def why_not(session: Session, case: ReviewCase, row: Submission, reviewer: str, role: Role) -> str:
    """Return why this reviewer may not decide this case, or nothing; see 1 to 3 above."""
    person = person_of(session, reviewer)
    if person == person_of(session, row.submitter):  # 1.
        return "nobody reviews what they submitted; another reviewer must take this case"
    if case.senior and role is not Role.SENIOR_REVIEWER:  # 2.
        return "this case was escalated; a senior reviewer must take it"
    if case.meant_for not in (None, reviewer) and role is not Role.SENIOR_REVIEWER:
        return "this case was handed over to another reviewer"
    if case.proposed_by == person:  # 3.
        return "you signed first; another reviewer must sign second"
    if person in (case.barred or ()):  # 5.
        return "you refused this before, and an appeal overturned it; another reviewer must decide it"
    return ""


def categories_of(session: Session, row: Submission) -> set[str]:
    """Return the categories that a refusal of this episode may name."""
    coverage = (row.decision or {}).get("coverage") or []
    assert isinstance(coverage, list)
    return {str(one[0]) for one in coverage} | found_categories(session, row) | {OTHER}


def _chosen(session: Session, row: Submission, categories: Sequence[str]) -> list[str]:
    """Return the categories of a refusal: those named, or those found; raises `InvalidRequestError`."""
    chosen = list(dict.fromkeys(categories)) or sorted(found_categories(session, row)) or [OTHER]
    if len(chosen) > MAX_CATEGORIES or not categories_of(session, row).issuperset(chosen):
        raise InvalidRequestError(f"choose 1 to {MAX_CATEGORIES} categories of the policy, or '{OTHER}'")
    return chosen


def found_categories(session: Session, row: Submission) -> set[str]:
    """Return the categories of what was found, in the script and by ear."""
    hearing = session.get(EpisodeHearing, row.id)
    found = findings_of(row.decision) + findings_of(hearing.decision if hearing is not None else None)
    return {str(one["category"]) for one in found}


def holder_of(case: ReviewCase, now: datetime) -> str | None:
    """Return the reviewer whose lease still runs."""
    return case.claimed_by if case.claimed_until is not None and case.claimed_until > now else None


def waiting_case(case: ReviewCase, row: Submission, now: datetime) -> WaitingCase:
    """Return a case as lists show it."""
    holder = holder_of(case, now)
    return WaitingCase(
        episode_id=row.id,
        title=row.title,
        show=row.show,
        submitter=row.submitter,
        version=row.version,
        requested_at=case.requested_at,
        due_at=case.due_at,
        risk=100 - case.calm,
        screened=case.screened,
        senior=case.senior,
        two_people=case.two_people,
        proposed_by=case.proposed_by,
        meant_for=case.meant_for,
        claimed_by=holder,
        claimed_until=case.claimed_until if holder else None,
        held_until=case.held_until if case.held_until is not None and case.held_until > now else None,
    )


def usable_reason(reason: str) -> str:
    """Return a reason without the space around it; raises `InvalidRequestError` for what is none."""
    text = reason.replace("\r\n", "\n").strip()
    if not text or len(text) > MAX_REASON or any(not (c.isprintable() or c in "\n\t") for c in text):
        raise InvalidRequestError(f"a decision needs a reason: 1 to {MAX_REASON} characters of plain text")
    return text


def _let_go(session: Session, case: ReviewCase) -> None:
    case.claimed_by = case.claimed_until = None
    session.add(case)


def _decide(session: Session, case: ReviewCase, verdict: str, reviewer: str, reason: str, now: datetime) -> None:
    case.verdict, case.reason, case.decided_by, case.decided_at = verdict, reason, reviewer, now
    close_case(session, case)
