"""Which submissions a caller may know of: the same rule for status, audio and lists."""

from __future__ import annotations

from sqlmodel import Session

from gateway.api.access import READERS_OF_ALL
from gateway.appealed import appeals_of
from gateway.auth import REVIEWERS, Caller, Role, person_of
from gateway.errors import NotFoundError
from gateway.submissions import ReviewCase, Submission


def visible_submission(session: Session, caller: Caller, episode_id: str) -> Submission:
    """Return the submission, or raise `NotFoundError`: what a caller may not see does not exist for them.

    Submitters see their own, reviewers what came to review or was appealed, auditors and admins everything.
    """
    row = session.get(Submission, episode_id)
    if row is None or not _may_see(session, caller, row):
        raise NotFoundError(f"there is no submission '{episode_id}'")
    return row


def may_hear(session: Session, caller: Caller, episode_id: str) -> bool:
    """True if the caller may listen to the episode before it is released."""
    row = session.get(Submission, episode_id)
    return row is not None and _may_see(session, caller, row)


def _may_see(session: Session, caller: Caller, row: Submission) -> bool:
    if caller.role in READERS_OF_ALL:
        return True
    if caller.role is Role.SUBMITTER:
        return caller.key_id in (row.submitter, person_of(session, row.submitter))
    if caller.role not in REVIEWERS:
        return False
    return session.get(ReviewCase, row.id) is not None or bool(appeals_of(session, row.id))
