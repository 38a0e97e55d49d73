"""Submissions and what becomes of them: the state machine, and the rows that remember it.

Rows are neither API models nor domain values (SQLModel tables skip validation): `pipeline`, `review` and `publish`
write them, `api` turns them into schemas.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, Session, SQLModel

from audit.store import UtcDateTime
from gateway.errors import ConflictError, NotFoundError
from gateway.tracecontext import MAX_TRACEPARENT

ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32 in lower case: no look-alikes in a spoken id
ID_LENGTH = 20  # 100 random bits: ids are unguessable and never collide


class Kind(StrEnum):
    """What a caller sent."""

    SCRIPT = "script"  # words to be spoken
    UPLOAD = "upload"  # sound that was made elsewhere; its script is what was heard in it


class State(StrEnum):
    """Where a submission rests."""

    RECEIVED = "received"  # stored, waiting to be screened
    SCREENED = "screened"  # the policy lets it be spoken
    PRODUCED = "produced"  # spoken, marked, signed, read back, stored
    HEARD = "heard"  # what the finished audio says was transcribed and judged
    LOGGED = "logged"  # a verified receipt for the clip is stored
    AWAITING_REVIEW = "awaiting_review"  # a person must decide
    APPROVED = "approved"  # a person, or the policy, said yes
    RELEASED = "released"  # public
    WITHDRAWN = "withdrawn"  # was public; a person took it back
    SUPERSEDED = "superseded"  # was public; another released episode takes its place
    BLOCKED = "blocked"  # the policy forbids it
    REJECTED = "rejected"  # a person said no
    GOLDEN = "golden"  # was a golden item: decided to see how well people decide, and never public
    SPOKEN = "spoken"  # cleared for the caller who asked for speech; never public. The log says what was delivered
    FAILED = "failed"  # a named failure; `failure` says which


TRANSITIONS: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.SCREENED, State.BLOCKED, State.FAILED}),
    State.SCREENED: frozenset({State.PRODUCED, State.FAILED}),
    State.PRODUCED: frozenset({State.HEARD, State.BLOCKED, State.FAILED}),
    State.HEARD: frozenset({State.LOGGED, State.FAILED}),
    State.LOGGED: frozenset({State.AWAITING_REVIEW, State.APPROVED, State.FAILED}),
    State.AWAITING_REVIEW: frozenset({State.APPROVED, State.REJECTED, State.GOLDEN, State.FAILED}),
    State.APPROVED: frozenset({State.RELEASED, State.FAILED}),
    State.RELEASED: frozenset({State.WITHDRAWN, State.SUPERSEDED}),
    # From here an appeal alone leads on (`gateway.appeals`), and always past a person again.
    State.WITHDRAWN: frozenset({State.AWAITING_REVIEW}),
    State.SUPERSEDED: frozenset({State.AWAITING_REVIEW}),
    State.BLOCKED: frozenset({State.SCREENED, State.HEARD}),
    State.REJECTED: frozenset({State.AWAITING_REVIEW}),
    State.GOLDEN: frozenset(),
    State.SPOKEN: frozenset({State.FAILED}),
    State.FAILED: frozenset(),
}

PUBLISHED = frozenset({State.RELEASED, State.WITHDRAWN, State.SUPERSEDED})  # was public once
# Where the gate itself has nothing left to do; a person may still take back what is released, and an appeal may
# overturn a refusal.
TERMINAL = PUBLISHED | {State.BLOCKED, State.REJECTED, State.GOLDEN, State.SPOKEN, State.FAILED}
RESTING = TERMINAL | {State.AWAITING_REVIEW}  # nothing happens until a person acts, or ever


def new_episode_id() -> str:
    """Return a fresh id such as "ep_9m3k..."; the submission and its episode share it."""
    return "ep_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


class Submission(SQLModel, table=True):
    """One script and its way through the gate."""

    __table_args__ = (
        UniqueConstraint("submitter", "idempotency_key"),
        Index("ix_submission_state_received", "state", "received_at"),
        Index("ix_submission_request_digest", "request_digest"),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(default=Kind.SCRIPT.value, max_length=16)
    state: str = Field(max_length=32)
    version: int = 1  # counts transitions, for optimistic locking
    submitter: str = Field(max_length=64)  # API key id
    idempotency_key: str | None = Field(default=None, max_length=255)
    request_digest: str = Field(max_length=80)  # "sha256:<hex>" of the request body, to recognise a changed retry
    title: str = Field(sa_type=Text)
    show: str = Field(sa_type=Text)
    language: str = Field(max_length=35)
    script: str = Field(sa_type=Text)  # the author's text, untouched; of an upload, what was heard in it
    script_digest: str = Field(max_length=80)
    decision: dict[str, object] | None = Field(default=None, sa_column=Column(JSON))
    failure: str | None = Field(default=None, max_length=64)  # slug, for example "disk-full"
    failure_detail: str | None = Field(default=None, sa_type=Text)
    traceparent: str | None = Field(default=None, max_length=MAX_TRACEPARENT)  # of the request that sent it
    waiting_for: str | None = Field(default=None, sa_type=Text)  # what an approved episode lacks, and who is asked
    revises: str | None = Field(default=None, index=True, max_length=32)  # episode that it is without some sentences
    received_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class Upload(SQLModel, table=True):
    """Sound that was made elsewhere, of a submission whose kind is `upload`; its bytes are a blob until it is made."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    sha256: str = Field(index=True, max_length=64)  # of the file as it was sent
    media_type: str = Field(max_length=64)
    size: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))
    duration: float  # seconds
    source_type: str = Field(max_length=40)  # `synth.credentials.SourceType`, as declared
    private: bool = False  # for listeners with a feed of their own alone
    held: bool = True  # whether its bytes are still stored; they are unmarked, and go when they are not needed
    conclusion: str | None = Field(default=None, max_length=32)  # of its verification
    credentials: str | None = Field(default=None, max_length=16)  # state of those that it came with
    kept_marks: list[str] | None = Field(default=None, sa_column=Column(JSON))  # layers whose mark it came with


class Clip(SQLModel, table=True):
    """One stored rendition of an episode; its bytes are a blob named by `sha256`."""

    __table_args__ = (UniqueConstraint("episode_id", "media_type"),)

    sha256: str = Field(primary_key=True, max_length=64)
    episode_id: str = Field(foreign_key="submission.id", index=True, max_length=32)
    media_type: str = Field(max_length=64)
    size: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))
    duration: float  # seconds
    loudness: float  # LUFS
    true_peak: float  # dBTP
    manifest_label: str = Field(index=True, max_length=255)
    manifest_sha256: str = Field(max_length=64)  # blob that holds the C2PA store
    marks: list[list[str]] = Field(sa_column=Column(JSON, nullable=False))  # [layer, version] in embedding order
    created_at: datetime = Field(sa_type=UtcDateTime)


class Timeline(SQLModel, table=True):
    """What is heard when: cues and chapters of an episode, and how long each stage took."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    cues: list[dict[str, object]] = Field(sa_column=Column(JSON, nullable=False))
    chapters: list[dict[str, object]] = Field(sa_column=Column(JSON, nullable=False))
    timings: list[list[object]] = Field(sa_column=Column(JSON, nullable=False))  # [stage, seconds]


class EpisodeHearing(SQLModel, table=True):
    """What was heard in the finished audio; an episode whose policy asks for it is never approved without one."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    clip_sha256: str = Field(max_length=64)  # the rendition that was listened to
    listener: str = Field(max_length=255)  # model id of the recogniser
    listener_digest: str = Field(max_length=80)
    transcript_digest: str = Field(max_length=80)
    transcript: list[list[object]] = Field(sa_column=Column(JSON, nullable=False))  # [word, start, end, probability]
    words: int  # of the script and its disclosure
    errors: int  # of these, heard otherwise
    decision: dict[str, object] = Field(sa_column=Column(JSON, nullable=False))
    heard_at: datetime = Field(sa_type=UtcDateTime)


class EpisodeFingerprint(SQLModel, table=True):
    """Fingerprint of an episode's sound, to confirm what a mark says."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    version: str = Field(max_length=32)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EpisodeReceipt(SQLModel, table=True):
    """Proof that an event of an episode is in the log, as `.tlog-proof` text."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    purpose: str = Field(primary_key=True, max_length=32)  # "clip", "approval" or "intent"
    entry_index: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))
    text: str = Field(sa_type=Text)


class ReviewCase(SQLModel, table=True):
    """The human part: who holds the case, and what was decided."""

    __table_args__ = (
        Index("ix_reviewcase_oldest", "open", "requested_at", "episode_id"),
        Index("ix_reviewcase_riskiest", "open", "calm", "requested_at", "episode_id"),
        Index("ix_reviewcase_due", "open", "due_at"),
        Index("ix_reviewcase_show", "open", "show_key", "episode_id"),
        Index("ix_reviewcase_verdict", "open", "screened"),
        Index("ix_reviewcase_senior", "open", "senior"),
        Index("ix_reviewcase_proposed", "open", "proposed_by"),
        Index("ix_reviewcase_held", "open", "held_until"),
        Index("ix_reviewcase_history", "show_key", "decided_at"),
        Index("ix_reviewcase_decided", "decided_at", "episode_id"),
    )

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    requested_at: datetime = Field(sa_type=UtcDateTime)
    claimed_by: str | None = Field(default=None, max_length=64)  # API key id
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    open: bool = True  # until it is decided
    calm: int = 50  # 100 less the risk, so that the riskiest sort first
    due_at: datetime = Field(sa_type=UtcDateTime)
    screened: str = Field(default="review", max_length=8)  # the policy's verdict, script and sound together
    show_key: str = Field(default="", max_length=16)  # digest of the show's name: the queue is filtered by it
    senior: bool = False  # was escalated: a senior reviewer decides
    two_people: bool = False  # an approval needs two signatures
    meant_for: str | None = Field(default=None, max_length=64)  # whom it was handed over to
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # put off: not handed out before
    proposed_by: str | None = Field(default=None, max_length=64)  # first signature, where two are needed
    proposed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    barred: list[str] | None = Field(default=None, sa_column=Column(JSON))  # people who refused it before
    verdict: str | None = Field(default=None, max_length=16)  # "approve", "reject", "request_changes", "redact"
    categories: list[str] | None = Field(default=None, sa_column=Column(JSON))  # of the policy, for a refusal
    taken_out: list[list[int]] | None = Field(default=None, sa_column=Column(JSON))  # ranges of the script, by "redact"
    reason: str | None = Field(default=None, sa_type=Text)
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class EpisodeApproval(SQLModel, table=True):
    """Who said yes; one per episode."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    approver: str = Field(max_length=64)  # "policy" or an API key id
    reason: str = Field(sa_type=Text)
    approved_at: datetime = Field(sa_type=UtcDateTime)
    entry_index: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))


class EpisodeRelease(SQLModel, table=True):
    """The fact that an episode is public; the primary key makes releasing exactly-once."""

    __table_args__ = (Index("ix_episoderelease_entry_index", "entry_index", unique=True),)

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    released_at: datetime = Field(sa_type=UtcDateTime, index=True)
    entry_index: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))


class EpisodeSecret(SQLModel, table=True):
    """What keys the log's commitments to an episode's texts; destroying it erases what they say."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Erasure(SQLModel, table=True):
    """That an episode's texts were erased, or are being erased while `done_at` is empty."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    reason: str = Field(max_length=32)  # `gateway.erasure.Reason`: free words would be personal data again
    requested_by: str = Field(max_length=64)  # API key id, "operator" or "system"
    audio: bool  # whether the stored sound goes too
    requested_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class EpisodeWithdrawal(SQLModel, table=True):
    """The fact that a released episode was taken back; the primary key makes it happen once."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    reason: str = Field(sa_type=Text)  # public: shown wherever the episode was
    withdrawn_by: str = Field(max_length=64)  # API key id, or "operator" for the command line
    withdrawn_at: datetime = Field(sa_type=UtcDateTime)
    replacement: str | None = Field(default=None, foreign_key="submission.id", max_length=32)  # released episode


class ApiKey(SQLModel, table=True):
    """A caller's key: its public id and the digest of its secret, which itself is never stored."""

    id: str = Field(primary_key=True, max_length=64)
    secret_digest: str = Field(max_length=64)  # SHA-256 in hex; a random secret needs no slow hash
    role: str = Field(max_length=16)  # `gateway.auth.Role`
    name: str = Field(max_length=100)  # label chosen by the operator, for people
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # no expiry when empty
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    account_id: str | None = Field(default=None, max_length=64)  # who holds it, where that is somebody who signs in


def lock(session: Session, episode_id: str) -> Submission:
    """Return the row as it is now, locked until the caller's transaction ends; raises `NotFoundError`.

    Every transaction that changes an episode starts here, and appends to the log last: one order of locks, no deadlock.
    """
    row = session.get(Submission, episode_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"there is no episode '{episode_id}'")
    return row


def move(submission: Submission, to: State, *, at: datetime) -> None:
    """Move a row, locked by the caller's transaction, to its next state; raises `ConflictError` if not allowed."""
    state = State(submission.state)
    if to not in TRANSITIONS[state]:
        raise ConflictError(f"episode {submission.id} is {state.value}, it cannot become {to.value}")
    submission.state = to.value
    submission.version += 1
    submission.changed_at = at
