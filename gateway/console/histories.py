"""What was decided before about the same show and the same speakers."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from gateway.cases import ReviewSpeaker, speaker_key_of, speakers_of
from gateway.submissions import ReviewCase, Submission

MAX_HISTORY = 10  # earlier decisions, the newest first
MAX_SPEAKERS = 8  # that are looked up: more than take part in a conversation that one can follow

History = tuple[tuple[ReviewCase, Submission], ...]


def show_history(session: Session, case: ReviewCase) -> History:
    """Return the newest decisions about the same show."""
    if not case.show_key:
        return ()
    return _newest(session, case, ReviewCase.show_key == case.show_key)


def speaker_histories(session: Session, row: Submission, case: ReviewCase) -> tuple[tuple[str, History], ...]:
    """Return, for each speaker of the script, the newest decisions about scripts in which they spoke."""
    found = []
    for name, voice in speakers_of(row.script)[:MAX_SPEAKERS]:
        spoken = select(ReviewSpeaker.episode_id).where(ReviewSpeaker.speaker_key == speaker_key_of(name, voice))
        newest = spoken.order_by(col(ReviewSpeaker.decided_at).desc()).limit(MAX_HISTORY + 1)
        ids = list(session.exec(newest))
        found.append((name, _newest(session, case, col(ReviewCase.episode_id).in_(ids)) if ids else ()))
    return tuple(found)


def _newest(session: Session, case: ReviewCase, condition: Any) -> History:
    found = session.exec(
        select(ReviewCase, Submission)
        .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
        .where(condition, col(ReviewCase.decided_at).is_not(None))
        .where(ReviewCase.episode_id != case.episode_id)
        .order_by(col(ReviewCase.decided_at).desc())
        .limit(MAX_HISTORY)
    ).all()
    return tuple((one, row) for one, row in found)
