"""Accepting a script: read it, check its voices, and store it with its first event.

What cannot be read, or names a voice that is not allowed here, is the caller's to mend: it is refused at once, with its
place in the text, and leaves nothing behind. It never became a submission, so the log does not know of it either.
"""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from audit.event import Event, EventKind, Fact
from gateway import tracecontext
from gateway.announcements import disclosure_in
from gateway.commitments import commit, digest_of, secret_of
from gateway.consent import required_consents
from gateway.errors import IdempotencyConflictError, InvalidRequestError, TooLargeError
from gateway.manuscripts import manuscript_of
from gateway.pronunciations import pronunciation_verdict, refuse_unapproved
from gateway.submissions import Kind, State, Submission, new_episode_id
from gateway.toolchain import Toolchain
from policies.decision import Verdict
from policies.text import Manuscript, Turn
from synth.casting import cast_voices
from synth.formats import parse_script

HEARD_SPEAKER = "heard"  # who speaks in an upload; nobody knows who it is
MAX_IDEMPOTENCY_KEY = 255  # characters, as wide as the column


def submit(
    session: Session, *, toolchain: Toolchain, api_key_id: str, text: str, idempotency_key: str | None = None
) -> tuple[Submission, bool]:
    """Store a script and its event in the caller's transaction; returns the row and whether it is new.

    After the commit, call `settle_soon` and `Engine.enqueue`. Sending the same text under the same key returns the
    first submission. What cannot be accepted leaves nothing behind, no event either: it never became a submission.

    Raises `TooLargeError`, `ScriptError` (with line and column; for music that is not here, too), `VoiceError`,
    `IdempotencyConflictError`, `ConsentMissingError`.
    """
    # Everything before the first query runs outside the transaction, so a long script holds no lock.
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > toolchain.settings.max_script_bytes:
        raise TooLargeError(f"the script has {size} bytes, more than {toolchain.settings.max_script_bytes}; split it")
    if idempotency_key is not None and not (
        0 < len(idempotency_key) <= MAX_IDEMPOTENCY_KEY and idempotency_key.isprintable()
    ):
        raise InvalidRequestError(f"an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} printable characters")
    script = parse_script(text)
    voices = cast_voices(script, toolchain.voices)
    toolchain.assets.require(script)
    disclosure_in(toolchain.settings, script.language)  # refuses a language without one
    request_digest = digest_of(text)
    if (earlier := _earlier(session, api_key_id, idempotency_key, request_digest)) is not None:
        return earlier, False
    at, trace = toolchain.clock(), tracecontext.current()
    required_consents(
        session,
        [voice.id for voice in voices.values()],
        cards=toolchain.voices.cards,
        settings=toolchain.settings,
        at=at,
    )
    if toolchain.settings.unapproved_pronunciations == "refuse":
        refuse_unapproved(session, script)
    row = Submission(
        id=new_episode_id(),
        state=State.RECEIVED.value,
        submitter=api_key_id,
        idempotency_key=idempotency_key,
        request_digest=request_digest,
        title=script.title,
        show=script.show,
        language=script.language,
        script=script.source,
        script_digest=manuscript_of(script).digest,
        traceparent=None if trace is None else trace.traceparent,
        received_at=at,
        changed_at=at,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # Somebody used the key since we looked; whoever committed first has the submission.
        if (earlier := _earlier(session, api_key_id, idempotency_key, request_digest)) is None:
            raise
        return earlier, False
    secret = secret_of(session, row.id)
    facts: dict[str, Fact] = {
        "script_commitment": commit(secret, "script", row.script_digest),
        "plan_commitment": commit(secret, "plan", script.plan_digest()),
        "language": script.language,
        "bytes": size,
        "voices": [*sorted({voice.id for voice in voices.values()})],
    }
    toolchain.log.record(session, Event(EventKind.SUBMISSION_RECEIVED, at, row.id, api_key_id, facts))
    return row, True


def _earlier(session: Session, api_key_id: str, idempotency_key: str | None, digest: str) -> Submission | None:
    """Return what this caller sent under this key; raises `IdempotencyConflictError` if it was something else."""
    if idempotency_key is None:
        return None
    row = session.exec(
        select(Submission).where(Submission.submitter == api_key_id, Submission.idempotency_key == idempotency_key)
    ).one_or_none()
    if row is not None and row.request_digest != digest:
        raise IdempotencyConflictError(
            "this idempotency key was used for another script; send a new script under a new key",
            episode_id=row.id,
        )
    return row


def manuscript_for(row: Submission) -> Manuscript:
    """Return what is screened of a stored submission; raises `ScriptError` if a script cannot be read any more."""
    if row.kind == Kind.UPLOAD:
        return heard_manuscript(row.script, row.language)
    return manuscript_of(parse_script(row.script))


def voices_of(row: Submission) -> list[str]:
    """Return the voices that a stored submission names; none for an upload, because nobody here knows whose it is."""
    return [] if row.kind == Kind.UPLOAD else [voice for _, voice in parse_script(row.script).voices]


def pronunciation_verdicts(session: Session, row: Submission) -> list[Verdict]:
    """Return what the pronunciations of a stored script lead to; nothing for an upload, which names none."""
    return [] if row.kind == Kind.UPLOAD else [pronunciation_verdict(session, parse_script(row.script))]


def heard_text(title: str, show: str, words: str) -> str:
    """Return the text of an upload: what is shown about it, and what was heard in it."""
    return f"{title}\n{show}\n\n{words}"


def heard_manuscript(text: str, language: str) -> Manuscript:
    """Return what is screened of an upload: title and show, then one turn of what was heard."""
    begin = text.find("\n\n") + 2
    turns = (Turn(HEARD_SPEAKER, begin, len(text)),) if 1 < begin < len(text) else ()
    return Manuscript(text=text, language=language, turns=turns)
