"""The human step: cases wait, one reviewer at a time holds one, and decides it with a reason.

Every change locks the episode's row first, so of two reviewers one is first and the other is told. The log carries who
decided and a commitment to the reason; the reason itself stays in the row, where it can be erased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.commitments import commit_text
from gateway.db import Database
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.publish import clip_digests
from gateway.sequencing import settle_soon
from gateway.submissions import EpisodeApproval, ReviewCase, State, Submission, lock, move

MAX_REASON = 2_000  # characters: a reason, not a report
MAX_LISTED = 100
ROLE = "reviewer"  # of everybody who acts here, as the log calls it


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A case that somebody must decide, as a reviewer's list shows it."""

    episode_id: str
    title: str
    show: str
    submitter: str  # API key id
    version: int  # of the episode; pass it back to be sure of deciding what was seen
    requested_at: datetime
    claimed_by: str | None  # holder of a lease that still runs
    claimed_until: datetime | None


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
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._lease = lease
        self._enqueue = enqueue  # gives an approved episode back to the workers

    def waiting(self, *, limit: int = MAX_LISTED) -> list[WaitingCase]:
        """Return the undecided cases, the oldest first."""
        now = self._clock()
        statement = (
            select(ReviewCase, Submission)
            .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
            .where(Submission.state == State.AWAITING_REVIEW.value)
            .order_by(col(ReviewCase.requested_at), col(ReviewCase.episode_id))
            .limit(min(limit, MAX_LISTED))
        )
        with self._database.read() as session:
            found = session.exec(statement).all()
        return [_listed(case, row, now) for case, row in found]

    def claim(self, episode_id: str, *, reviewer: str) -> WaitingCase:
        """Take a case for the length of a lease, or prolong one's own; only its holder may decide it.

        Raises `NotFoundError`, `ConflictError` if it is decided or another reviewer holds it, and `ForbiddenError` for
        the one who submitted the script.
        """
        now = self._clock()
        with self._database.write() as session:
            row, case = self._open_case(session, episode_id, reviewer)
            holder = _holder(case, now)
            if holder not in (None, reviewer):
                raise ConflictError(f"another reviewer holds episode {episode_id}; choose another or wait")
            facts: dict[str, Fact] = {"role": ROLE}
            if holder is None and case.claimed_by not in (None, reviewer):
                facts["lapsed"] = case.claimed_by  # whose lease ran out without a decision
            case.claimed_by, case.claimed_until = reviewer, now + self._lease
            session.add(case)
            if holder is None:  # prolonging is not news
                self._log.record(session, Event(EventKind.REVIEW_CLAIMED, now, episode_id, reviewer, facts))
        settle_soon(self._database, self._log)
        return _listed(case, row, now)

    def approve(self, episode_id: str, *, reviewer: str, reason: str, version: int | None = None) -> None:
        """Say yes; the episode goes back to the workers for release. Raises as `reject` does."""
        now = self._clock()
        with self._database.write() as session:
            row, facts = self._decide(session, episode_id, "approve", reviewer, reason, version, now)
            facts["clips"] = [*clip_digests(session, episode_id)]  # the yes is to these bytes and no others
            move(row, State.APPROVED, at=now)
            index = self._log.append(session, Event(EventKind.APPROVAL_GRANTED, now, episode_id, reviewer, facts))
            session.add(
                EpisodeApproval(
                    episode_id=episode_id,
                    approver=reviewer,
                    reason=reason.strip(),
                    approved_at=now,
                    entry_index=index,
                )
            )
        # If we crash here, the episode is approved but not queued; the sweep finds it.
        self._enqueue(episode_id)

    def reject(self, episode_id: str, *, reviewer: str, reason: str, version: int | None = None) -> None:
        """Say no, for good.

        Raises `InvalidRequestError` without a usable reason, `NotFoundError`, `ForbiddenError` for the submitter, and
        `ConflictError` if the case is decided, the reviewer's lease has run out, or the episode is not at `version`.
        """
        now = self._clock()
        with self._database.write() as session:
            row, facts = self._decide(session, episode_id, "reject", reviewer, reason, version, now)
            move(row, State.REJECTED, at=now)
            self._log.record(session, Event(EventKind.SUBMISSION_REJECTED, now, episode_id, reviewer, facts))
        settle_soon(self._database, self._log)

    def _decide(
        self,
        session: Session,
        episode_id: str,
        verdict: str,
        reviewer: str,
        reason: str,
        version: int | None,
        now: datetime,
    ) -> tuple[Submission, dict[str, Fact]]:
        """Check that this reviewer may decide this case now, and write the decision into its row."""
        text = _usable(reason)
        row, case = self._open_case(session, episode_id, reviewer)
        if version is not None and row.version != version:
            raise ConflictError(f"episode {episode_id} has changed since it was read; read it again")
        if _holder(case, now) != reviewer:
            raise ConflictError(f"you do not hold episode {episode_id}: claim it first, a lease lasts {self._lease}")
        case.verdict, case.reason, case.decided_by, case.decided_at = verdict, text, reviewer, now
        session.add(case)
        stored = row.decision or {}
        return row, {
            "role": ROLE,
            "verdict": str(stored.get("verdict")),
            "reason_commitment": commit_text(session, episode_id, "reason", text),
        }

    def _open_case(self, session: Session, episode_id: str, reviewer: str) -> tuple[Submission, ReviewCase]:
        row = lock(session, episode_id)
        case = session.get(ReviewCase, episode_id, populate_existing=True)
        if case is None:
            raise NotFoundError(f"episode {episode_id} has no case to review")
        if row.state != State.AWAITING_REVIEW:
            raise ConflictError(f"episode {episode_id} is {row.state}; it is not waiting for a decision")
        if row.submitter == reviewer:
            raise ForbiddenError("nobody reviews what they submitted; another reviewer must take this case")
        return row, case


def _holder(case: ReviewCase, now: datetime) -> str | None:
    """The reviewer whose lease still runs."""
    return case.claimed_by if case.claimed_until is not None and case.claimed_until > now else None


def _listed(case: ReviewCase, row: Submission, now: datetime) -> WaitingCase:
    holder = _holder(case, now)
    return WaitingCase(
        episode_id=row.id,
        title=row.title,
        show=row.show,
        submitter=row.submitter,
        version=row.version,
        requested_at=case.requested_at,
        claimed_by=holder,
        claimed_until=case.claimed_until if holder else None,
    )


def _usable(reason: str) -> str:
    text = reason.strip()
    if not text or len(text) > MAX_REASON or any(not (c.isprintable() or c in "\n\t") for c in text):
        raise InvalidRequestError(f"a decision needs a reason: 1 to {MAX_REASON} characters of plain text")
    return text
