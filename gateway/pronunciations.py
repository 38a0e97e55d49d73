"""Pronunciations that people approved: what nobody approved is a question to a person.

A pronunciation makes a word sound otherwise than it reads, so it needs two looks. The screening looks at what is heard,
every time. A person looks once, at the entry itself, and approves it for all scripts of its language:

1. when a script is submitted, an unapproved one is refused where `ASSAY_UNAPPROVED_PRONUNCIATIONS` is `refuse`;
2. when it is screened, each unapproved one that is heard becomes a finding that asks for review;
3. when it is decided, approvals are looked up again: one that was revoked meanwhile asks for review too.

The log carries the digest over language, word and sound, never the words: names of people are among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel, col, select

from audit.event import Event, EventKind
from audit.log import Log
from audit.store import UtcDateTime
from gateway.errors import InvalidRequestError, NotFoundError
from policies.decision import Decision, Finding, Span, Verdict, strictest
from policies.screen import Screener
from policies.text import Manuscript, Turn
from synth.characters import error_at
from synth.errors import ScriptError
from synth.lexicon import Pronunciation, add_pronunciation
from synth.script import Script

RULE, CATEGORY = "pronunciation", "unapproved"
MOST_LISTED = 10_000  # as many as one answer holds


class ApprovedPronunciation(SQLModel, table=True):
    """One entry that somebody approved; approving it again after a revocation makes it valid again."""

    __tablename__ = "approved_pronunciation"

    digest: str = Field(primary_key=True, max_length=80)  # `Pronunciation.digest`
    language: str = Field(max_length=35)
    word: str = Field(sa_type=Text)
    sound: str = Field(sa_type=Text)
    approved_by: str = Field(max_length=64)  # API key id, or "operator" for the command line
    approved_at: datetime = Field(sa_type=UtcDateTime)
    revoked_by: str | None = Field(default=None, max_length=64)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def read_entry(word: str, sound: str) -> Pronunciation:
    """Return the entry; raises `InvalidRequestError` for what no script may ask for."""
    entry = Pronunciation(word.strip(), sound.strip(), 0, 0)
    try:
        add_pronunciation("", [], entry, 0)
    except ScriptError as error:
        raise InvalidRequestError(error.reason) from error
    return entry


def approve(
    session: Session,
    entry: Pronunciation,
    *,
    language: str,
    by: str,
    at: datetime,
    log: Log,
    screener: Screener,
) -> ApprovedPronunciation:
    """Store an approval and its event in the caller's transaction; approving what is approved changes nothing.

    Raises `InvalidRequestError` for a sound that the policy would block by itself: no approval could make it pass.
    """
    heard = Manuscript(entry.sound, language, (Turn("", 0, len(entry.sound)),))
    if screener.screen(heard).verdict is Verdict.BLOCK:
        raise InvalidRequestError("the policy blocks this sound wherever it is heard; it cannot be approved")
    digest = entry.digest(language)
    row = session.get(ApprovedPronunciation, digest, with_for_update=True)
    if row is not None and row.revoked_at is None:
        return row
    if row is None:
        row = ApprovedPronunciation(
            digest=digest, language=language, word=entry.word, sound=entry.sound, approved_by=by, approved_at=at
        )
    row.approved_by, row.approved_at, row.revoked_by, row.revoked_at = by, at, None, None
    session.add(row)
    log.append(session, Event(EventKind.PRONUNCIATION_APPROVED, at, digest, by, {"language": language}))
    return row


def revoke(session: Session, digest: str, *, by: str, at: datetime, log: Log) -> ApprovedPronunciation:
    """End an approval in the caller's transaction; ending it twice keeps the first time. Raises `NotFoundError`."""
    row = session.get(ApprovedPronunciation, digest, with_for_update=True)
    if row is None:
        raise NotFoundError("no pronunciation with this digest was ever approved")
    if row.revoked_at is None:
        row.revoked_by, row.revoked_at = by, at
        session.add(row)
        log.append(session, Event(EventKind.PRONUNCIATION_REVOKED, at, digest, by, {"language": row.language}))
    return row


def list_approved(session: Session) -> list[ApprovedPronunciation]:
    """Return all entries, revoked ones too, by language and word."""
    query = select(ApprovedPronunciation).order_by(
        col(ApprovedPronunciation.language), col(ApprovedPronunciation.word), col(ApprovedPronunciation.digest)
    )
    return list(session.exec(query.limit(MOST_LISTED)))


def unapproved(session: Session, script: Script) -> tuple[Pronunciation, ...]:
    """Return the pronunciations that are heard in the script and that nobody approved, in the script's order."""
    if not script.lexicon:
        return ()
    heard = {swap.written for utterance in script.utterances for swap in utterance.respelled}
    digests = {entry.digest(script.language): entry for entry in script.lexicon if entry.word in heard}
    approved = session.exec(
        select(ApprovedPronunciation.digest).where(
            col(ApprovedPronunciation.digest).in_(list(digests)), col(ApprovedPronunciation.revoked_at).is_(None)
        )
    ).all()
    return tuple(entry for digest, entry in digests.items() if digest not in set(approved))


def pronunciation_verdict(session: Session, script: Script) -> Verdict:
    """A person must look at an episode with a pronunciation whose approval was revoked since it was screened."""
    return Verdict.REVIEW if unapproved(session, script) else Verdict.ALLOW


def refuse_unapproved(session: Session, script: Script) -> None:
    """Raise `ScriptError` at the first pronunciation that is heard and that nobody approved."""
    for entry in unapproved(session, script)[:1]:
        raise error_at(
            script.source,
            entry.start,
            "nobody approved this pronunciation; ask a reviewer to, or write the word as it sounds",
        )


def with_unapproved(decision: Decision, entries: Sequence[Pronunciation]) -> Decision:
    """Return the decision with a finding for each entry; it is never milder than it was."""
    if not entries:
        return decision
    found = [
        Finding(
            rule=RULE,
            category=CATEGORY,
            verdict=Verdict.REVIEW,
            span=Span(entry.start, entry.end),
            score=1.0,
            explanation="Nobody approved this pronunciation: a word sounds otherwise than it reads. Listen to it.",
        )
        for entry in entries
    ]
    findings = sorted([*decision.findings, *found], key=lambda one: (-one.verdict.severity, one.span.start))
    return replace(
        decision, findings=tuple(findings), verdict=strictest([decision.verdict, *(one.verdict for one in found)])
    )
