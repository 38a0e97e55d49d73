"""Which decided cases another person decides again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from gateway.auth import Role, person_of
from gateway.quality.judgements import remember
from gateway.quality.rows import Kind, SecondLook
from gateway.submissions import ID_ALPHABET, ID_LENGTH, ReviewCase, Submission

RESOLUTION = 1_000_000  # of the draw: a share is kept to a millionth


def judged(
    session: Session,
    row: Submission,
    case: ReviewCase,
    *,
    share: float,
    by: str,
    role: Role,
    verdict: str,
    at: datetime,
) -> None:
    """Remember a decision for the figures, and draw whether another person takes it again."""
    remember(session, row, kind=Kind.CASE, by=by, role=role, verdict=verdict, at=at)
    people = [person_of(session, by), *([case.proposed_by] if case.proposed_by else [])]
    sample(session, row, case, share=share, by=people, verdict=verdict, at=at)


def sample(
    session: Session,
    row: Submission,
    case: ReviewCase,
    *,
    share: float,
    by: Sequence[str],
    verdict: str,
    at: datetime,
) -> bool:
    """Draw whether a case that was just decided is decided again, and store that in the caller's transaction.

    Nobody can foresee the draw. `by` are the people who decided; none of them is the second.
    """
    if secrets.randbelow(RESOLUTION) >= share * RESOLUTION:
        return False
    session.add(
        SecondLook(
            id="sl_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH)),
            episode_id=row.id,
            version=row.version,
            asked_at=at,
            first_by=list(dict.fromkeys(by)),
            first_verdict=verdict,
            senior=case.senior,
        )
    )
    return True
