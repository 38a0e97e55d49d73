"""Revisions: what is left of a script after a reviewer took sentences out, as a submission of its own."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from audit.event import Event, EventKind, Fact
from gateway.commitments import commit, digest_of, secret_of
from gateway.manuscripts import manuscript_of
from gateway.submissions import State, Submission, new_episode_id
from synth.formats import parse_script


def revise(session: Session, row: Submission, text: str, *, at: datetime, by: str) -> tuple[str, Event]:
    """Store the revision of a locked row in the caller's transaction; returns its id and the event to append.

    It belongs to whoever submitted the former script, who so can follow it, and cannot review it.
    """
    script = parse_script(text)
    revision = Submission(
        id=new_episode_id(),
        state=State.RECEIVED.value,
        submitter=row.submitter,
        request_digest=digest_of(text),
        title=script.title,
        show=script.show,
        language=script.language,
        script=text,
        script_digest=manuscript_of(script).digest,
        revises=row.id,
        received_at=at,
        changed_at=at,
    )
    session.add(revision)
    session.flush()  # PostgreSQL checks the foreign key of the secret at once
    secret = secret_of(session, revision.id)
    facts: dict[str, Fact] = {
        "script_commitment": commit(secret, "script", revision.script_digest),
        "plan_commitment": commit(secret, "plan", script.plan_digest()),
        "language": script.language,
        "bytes": len(text.encode()),
        "voices": [*sorted({voice for _, voice in script.voices})],
        "revises": row.id,
    }
    return revision.id, Event(EventKind.SUBMISSION_RECEIVED, at, revision.id, by, facts)


def revision_of(session: Session, episode_id: str) -> str | None:
    """Return the episode that goes on without the sentences that were taken out of this one, None if none does."""
    return session.exec(select(Submission.id).where(Submission.revises == episode_id)).first()
