"""Many cases at once: which ones are alike, and one decision for each of them, by itself.

There is no decision about many cases. Each is claimed, decided at the version that was shown, and given back where it
cannot be decided; what became of each is said. So every rule of `gateway.review` holds for every case: whose
submission it was, who signed first, who holds it. An approval is offered for the very same script alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from gateway.auth import Role
from gateway.cases import ReviewRule
from gateway.errors import GatewayError, InvalidRequestError
from gateway.review import ReviewDesk, WaitingCase, holder_of, waiting_case, why_not
from gateway.submissions import ReviewCase, State, Submission

MAX_ALIKE = 50  # cases of one look: what a person can read through on one page


class Likeness(StrEnum):
    """What cases have in common."""

    SCRIPT = "script"  # the very same text
    RULE = "rule"  # the same rule found something, in the same show


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case that somebody ticked, as they read it."""

    episode_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one of them: an outcome, or why there is none."""

    episode_id: str
    outcome: str
    refusal: str


def alike(
    session: Session, episode_id: str, *, by: Likeness, rule: str = "", reviewer: str, role: Role, now: datetime
) -> list[WaitingCase]:
    """Return at most `MAX_ALIKE` open cases like this one, itself among them, that this reviewer may decide now."""
    case, row = session.get(ReviewCase, episode_id), session.get(Submission, episode_id)
    if case is None or row is None or not row.request_digest or (by is Likeness.RULE and not (rule and case.show_key)):
        return []
    matching = _same_script(row) if by is Likeness.SCRIPT else _same_rule(case, rule)
    found = [
        waiting_case(one, other, now)
        for one, other in session.exec(matching.limit(4 * MAX_ALIKE)).all()
        if holder_of(one, now) in (None, reviewer) and not why_not(session, one, other, reviewer, role)
    ]
    return found[:MAX_ALIKE]


def same_script(session: Session, row: Submission) -> int:
    """Return how many other open cases have the very same script, counting no further than `MAX_ALIKE`."""
    if not row.request_digest:
        return 0
    found = session.exec(_same_script(row).limit(MAX_ALIKE + 1)).all()
    return min(MAX_ALIKE, sum(1 for one, _ in found if one.episode_id != row.id))


def decide_each(
    desk: ReviewDesk, chosen: Sequence[Chosen], act: Callable[[Chosen], str], *, reviewer: str, role: Role
) -> list[Result]:
    """Claim each case and `act` on it (which raises `GatewayError` where it may not be); one result per case.

    Raises `InvalidRequestError` for no case at all, or for more than `MAX_ALIKE`.
    """
    if not 0 < len(chosen) <= MAX_ALIKE:
        raise InvalidRequestError(f"choose 1 to {MAX_ALIKE} cases")
    results = []
    for one in dict.fromkeys(chosen):
        try:
            desk.claim(one.episode_id, reviewer=reviewer, role=role)
            results.append(Result(one.episode_id, act(one), ""))
        except GatewayError as error:
            results.append(Result(one.episode_id, "", error.detail))
            with suppress(GatewayError):  # safe to ignore: then it is not ours, and there is nothing to give back
                desk.release(one.episode_id, reviewer=reviewer, role=role)
    return results


def _same_script(row: Submission) -> Any:
    return _open().where(Submission.request_digest == row.request_digest)


def _same_rule(case: ReviewCase, rule: str) -> Any:
    by_rule = _open().join(ReviewRule, col(ReviewRule.episode_id) == col(ReviewCase.episode_id))
    return by_rule.where(ReviewRule.rule == rule, ReviewCase.show_key == case.show_key)


def _open() -> Any:
    return (
        select(ReviewCase, Submission)
        .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
        .where(col(ReviewCase.open).is_(True), Submission.state == State.AWAITING_REVIEW.value)
        .order_by(col(ReviewCase.requested_at), col(ReviewCase.episode_id))
    )
