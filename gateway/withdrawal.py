"""Taking a released episode back: withdrawn, or superseded by another released one.

In this order, in one transaction:

1. Lock the rows, in the order of their ids: of two people who act at once, one is first and the other is told.
2. The episode is released, and so is its replacement if one is named: a correction never points at nothing.
3. State, row and event; then a checkpoint, so that from now on every proof of the log covers the withdrawal.

Nothing is deleted: the proofs, the credentials and the fingerprint stay, so that a copy that somebody kept is still
recognised, and told to be withdrawn. The reason is public. The log carries who did it and a commitment to the reason.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.commitments import commit_text
from gateway.errors import ConflictError, InvalidRequestError, WithdrawnError
from gateway.submissions import EpisodeWithdrawal, State, Submission, lock, move

MAX_REASON = 500  # characters: it stands in a problem document and on a page
MAX_ACTOR = 64  # characters, as wide as the column
OPERATOR = "operator"  # who acts from the command line of the installation without naming a key


def withdraw(
    session: Session,
    episode_id: str,
    *,
    reason: str,
    by: str,
    role: str,
    at: datetime,
    log: Log,
    replacement: str | None = None,
) -> EpisodeWithdrawal:
    """Take a released episode back in the caller's transaction, and return the row that says so.

    Raises `InvalidRequestError` without a usable reason or where an episode would replace itself, `NotFoundError` for
    an unknown episode, `WithdrawnError` if it was taken back before, and `ConflictError` if it, or its replacement, is
    not released.
    """
    text = usable_reason(reason)
    if not 0 < len(by) <= MAX_ACTOR or not by.isprintable():
        raise InvalidRequestError(f"who takes an episode back is named by an id of 1 to {MAX_ACTOR} characters")
    if replacement == episode_id:
        raise InvalidRequestError("an episode cannot replace itself; name another released episode, or none")
    # 1.
    rows = {one: lock(session, one) for one in sorted({episode_id, replacement or episode_id})}
    # 2.
    row = rows[episode_id]
    earlier = session.get(EpisodeWithdrawal, episode_id)
    if earlier is not None:
        raise taken_back(earlier)
    _require_released(row)
    if replacement is not None:
        _require_released(rows[replacement])
    # 3.
    withdrawal = EpisodeWithdrawal(
        episode_id=episode_id, reason=text, withdrawn_by=by, withdrawn_at=at, replacement=replacement
    )
    session.add(withdrawal)
    facts: dict[str, Fact] = {"role": role, "reason_commitment": commit_text(session, episode_id, "reason", text)}
    if replacement is None:
        move(row, State.WITHDRAWN, at=at)
        kind = EventKind.EPISODE_WITHDRAWN
    else:
        move(row, State.SUPERSEDED, at=at)
        kind = EventKind.EPISODE_CORRECTED
        facts["replacement"] = replacement
    log.append(session, Event(kind, at, episode_id, by, facts))
    log.seal(session, at=at)
    return withdrawal


def taken_back(row: EpisodeWithdrawal) -> WithdrawnError:
    """Return the refusal that tells the public what became of an episode."""
    what = "was withdrawn" if row.replacement is None else f"was replaced by episode {row.replacement}"
    return WithdrawnError(
        f"episode {row.episode_id} {what} on {row.withdrawn_at:%Y-%m-%d}: {row.reason}",
        reason=row.reason,
        withdrawn_at=row.withdrawn_at.isoformat(timespec="seconds"),
        replacement=row.replacement,
    )


def usable_reason(reason: str) -> str:
    """Return the reason without space around it; raises `InvalidRequestError`."""
    text = reason.strip()
    if not text or len(text) > MAX_REASON or any(not (c.isprintable() or c == "\n") for c in text):
        raise InvalidRequestError(f"taking an episode back needs a public reason: 1 to {MAX_REASON} characters")
    return text


def _require_released(row: Submission) -> None:
    if row.state != State.RELEASED:
        raise ConflictError(f"episode {row.id} is {row.state}, not released; only what is public can be taken back")
