"""Erasure: what a person wrote or said goes, and every proof stays.

| State | Text goes | Stays public |
|---|---|---|
| released | script, findings, transcript of the check, reasons, commitments | title, show, subtitles, chapters, sound |
| withdrawn or superseded | all of that, title, show and subtitles, and the public reason | nothing |
| never released | all of it | nothing |

What is released stays released: withdraw it first. With `audio`, the stored sound, its credentials and its fingerprint
go as well; that is refused while the episode is public. An episode that waits for a reviewer fails as `erased`; one
that is being worked on has to come to rest first.

In this order, and each step may be done again:

1. Note the erasure and log `erasure.requested`. If we crash after it, the next sweep goes on from here.
2. Clear the rows and destroy the episode's secret, so that no commitment in the log can be compared with a text again.
3. Remove the files.
4. Make the database forget the old bytes (`gateway.scrub`).
5. Log `erasure.done`.

The entries of the log are never touched. They hold no text, and without the secret they say nothing about one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from audit.event import Event, EventKind, Fact, parse_event
from audit.log import Log
from audit.store import ENTRIES
from gateway.accounts import Account, ConsoleSession, SignInLink, forget_account
from gateway.appealed import Appeal, Ruling
from gateway.auth import end_key
from gateway.blobs import BlobStore
from gateway.cases import ReviewAction, ReviewRule, ReviewSpeaker
from gateway.db import Database
from gateway.errors import ConflictError, NotFoundError, StorageError
from gateway.quality.rows import SecondLook, Stage
from gateway.savedviews import SavedView
from gateway.scrub import scrub
from gateway.shadow import ShadowDecision
from gateway.soundindex import SoundKey
from gateway.submissions import (
    TERMINAL,
    ApiKey,
    Clip,
    EpisodeApproval,
    EpisodeFingerprint,
    EpisodeHearing,
    EpisodeRelease,
    EpisodeSecret,
    EpisodeWithdrawal,
    Erasure,
    ReviewCase,
    State,
    Submission,
    Timeline,
    Upload,
    lock,
    move,
)
from synth.segments import forget_segments

GONE = "erased"  # in the place of a text that a row cannot do without; also the failure of an episode that waited
EPISODE_PREFIX = "ep_"
AT_ONCE = 100  # episodes of one round of the retention job: a round must not hold up the worker's sweep
TABLES: tuple[type[SQLModel], ...] = (
    Submission,
    EpisodeHearing,
    EpisodeApproval,
    EpisodeFingerprint,
    EpisodeSecret,
    EpisodeWithdrawal,
    ReviewCase,
    ReviewAction,
    Appeal,
    ReviewSpeaker,
    SecondLook,
    ShadowDecision,
    Timeline,
    ApiKey,
)

logger = logging.getLogger(__name__)


class Reason(StrEnum):
    """Why something is erased; free words would be new personal data."""

    REQUEST = "request"  # the person concerned asked for it
    RETENTION = "retention"  # the time that the settings name is over
    UNLAWFUL = "unlawful"  # it must not be kept
    MISTAKE = "mistake"  # it should never have been sent


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one episode."""

    episode_id: str
    reason: Reason
    audio: bool
    requested_at: datetime
    done_at: datetime


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """What was erased of the holder of an API key."""

    key_id: str
    episodes: tuple[Erased, ...]
    left: tuple[tuple[str, str], ...]  # (episode id, why not)


class Eraser:
    """Erases episodes and people; safe to use from several threads and processes."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        blobs: BlobStore,
        clock: Callable[[], datetime],
        segments: Path | None = None,
        rewrite: bool = False,
    ) -> None:
        self._database = database
        self._log = log
        self._blobs = blobs
        self._clock = clock
        self._segments = segments  # folder of kept sentences, which name no episode: all of them go
        self._rewrite = rewrite  # also what was deleted before connections deleted with zeros

    def erase(self, episode_id: str, *, reason: Reason, by: str, role: str, audio: bool = False) -> Erased:
        """Erase an episode, or erase again what was written since, or its sound as well.

        Raises `NotFoundError`, `ConflictError` for one that is being worked on and for the sound of a public one, and
        `DatabaseUnavailableError` or `StorageError` where a step could not be finished; a worker then goes on with it.
        """
        self._request(episode_id, reason=reason, by=by, role=role, audio=audio)  # 1.
        return self._finish(episode_id)

    def erase_person(self, key_id: str, *, reason: Reason, by: str, role: str, audio: bool = False) -> ErasedPerson:
        """Erase the name behind an API key or account, end it, and erase every episode that was submitted with it.

        Raises `NotFoundError`. Episodes that cannot be erased now are returned with the reason.
        """
        now = self._clock()
        with self._database.write() as session:
            key = session.get(ApiKey, key_id, with_for_update=True)
            if key is None and session.get(Account, key_id) is None:
                raise NotFoundError(f"there is no API key and no account with the id '{key_id}'")
            facts: dict[str, Fact] = {"reason": reason.value, "role": role, "audio": audio}
            self._log.append(session, Event(EventKind.ERASURE_REQUESTED, now, key_id, by, facts))
            if key is None:
                forget_account(session, key_id, replacement=GONE, at=now, log=self._log, by=by)
                _delete(session, SavedView, {"account_id": key_id})
            else:
                end_key(session, key_id, now, log=self._log, by=by)
                key.name = GONE
            episodes = session.exec(select(Submission.id).where(Submission.submitter == key_id)).all()
        done, left = [], []
        for episode_id in episodes:
            try:
                done.append(self.erase(episode_id, reason=reason, by=by, role=role, audio=audio))
            except ConflictError as error:
                left.append((episode_id, error.detail))
        people = [str(table.__tablename__) for table in (ApiKey, Account, ConsoleSession, SignInLink, SavedView)]
        scrub(self._database, people, rewrite=self._rewrite)
        with self._database.write() as session:
            done_facts: dict[str, Fact] = {"audio": audio, "files": 0, "left": len(left)}
            self._log.append(session, Event(EventKind.ERASURE_DONE, self._clock(), key_id, by, done_facts))
        return ErasedPerson(key_id, tuple(done), tuple(left))

    def resume(self) -> int:
        """Finish the erasures that a crash or a busy database interrupted, and return how many.

        An episode that was erased while it was public, and taken back since, loses what had to stay till then.
        """
        with self._database.read() as session:
            waiting = session.exec(select(Erasure.episode_id).where(col(Erasure.done_at).is_(None))).all()
            withdrawn = session.exec(
                select(Erasure)
                .join(Submission, col(Submission.id) == col(Erasure.episode_id))
                .where(col(Erasure.done_at).is_not(None))
                .where(col(Submission.state) != State.RELEASED.value, col(Submission.title) != GONE)
            ).all()
        for episode_id in waiting:
            self._finish(episode_id)
        for one in withdrawn:
            self.erase(one.episode_id, reason=Reason(one.reason), by="system", role="system", audio=one.audio)
        return len(waiting) + len(withdrawn)

    def redo(self) -> int:
        """Erase again what the log says was erased and a restored backup brought back; returns how many subjects.

        It reads the log's erasures, so call it once, when work begins.
        """
        with self._database.read() as session:
            back = returned(session)
        for subject, reason, audio in back:
            named: dict[str, Any] = {"reason": reason, "by": "system", "role": "system", "audio": audio}
            try:
                if subject.startswith(EPISODE_PREFIX):
                    self.erase(subject, **named)
                else:
                    self.erase_person(subject, **named)
            except ConflictError as error:
                logger.warning("%s was erased, came back with a backup, and stays for now: %s", subject, error.detail)
        return len(back)

    def expire(self, *, keep: timedelta) -> int:
        """Erase what came to its end longer than `keep` ago, at most `AT_ONCE` episodes; returns how many.

        The sound goes as well, unless the episode is public.
        """
        before = self._clock() - keep
        statement = (
            select(Submission.id, Submission.state)
            .join(Erasure, col(Erasure.episode_id) == col(Submission.id), isouter=True)
            .where(col(Submission.state).in_([state.value for state in TERMINAL]))
            .where(col(Submission.changed_at) < before, col(Erasure.episode_id).is_(None))
            .where(col(Submission.id).not_in(select(Appeal.episode_id).where(col(Appeal.open).is_(True))))
            .order_by(col(Submission.changed_at))
            .limit(AT_ONCE)
        )
        with self._database.read() as session:
            expired = session.exec(statement).all()
        for episode_id, state in expired:
            audio = state != State.RELEASED
            self.erase(episode_id, reason=Reason.RETENTION, by="system", role="system", audio=audio)
        return len(expired)

    def _request(self, episode_id: str, *, reason: Reason, by: str, role: str, audio: bool) -> None:
        now = self._clock()
        with self._database.write() as session:
            row = lock(session, episode_id)
            if row.state not in TERMINAL and row.state != State.AWAITING_REVIEW:
                raise ConflictError(
                    f"episode {episode_id} is {row.state}: it is being worked on; erase it when it rests"
                )
            if audio and row.state == State.RELEASED:
                raise ConflictError(f"episode {episode_id} is public; withdraw it before its sound is erased")
            events = []
            if row.state == State.AWAITING_REVIEW:
                failed: dict[str, Fact] = {"reason": GONE, "during": row.state}
                move(row, State.FAILED, at=now)
                row.failure = GONE
                events.append(Event(EventKind.SUBMISSION_FAILED, now, episode_id, by, failed))
            known = session.get(Erasure, episode_id)
            erasure = known or Erasure(
                episode_id=episode_id, reason=reason.value, requested_by=by, audio=audio, requested_at=now
            )
            erasure.reason, erasure.requested_by, erasure.requested_at = reason.value, by, now
            erasure.audio, erasure.done_at = erasure.audio or audio, None
            session.add(erasure)
            facts: dict[str, Fact] = {"reason": reason.value, "role": role, "audio": audio}
            events.append(Event(EventKind.ERASURE_REQUESTED, now, episode_id, by, facts))
            self._log.append_all(session, events)

    def _finish(self, episode_id: str) -> Erased:
        # 2.
        with self._database.write() as session:
            row = lock(session, episode_id)
            erasure = session.get_one(Erasure, episode_id)
            clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
            _clear(session, row, public=row.state == State.RELEASED, audio=erasure.audio)
            upload = session.get(Upload, episode_id)
            unmarked = upload.sha256 if upload is not None and upload.held else None
            if upload is not None and unmarked is not None:
                upload.held = False
                others = select(Upload.episode_id).where(col(Upload.sha256) == unmarked, col(Upload.held).is_(True))
                unmarked = None if session.exec(others.limit(1)).first() is not None else unmarked
        # 3. Names are the hashes of bytes that carry this episode's own marks, so no other episode has the same file.
        removed = 0
        if self._segments is not None:
            try:
                forget_segments(self._segments)
            except OSError as error:
                raise StorageError(
                    f"{self._segments} cannot be removed: {error.strerror}; remove it by hand"
                ) from error
        if unmarked is not None:  # the file that an upload came in: not public, and needed by nobody any more
            removed += self._blobs.remove(unmarked)
        if erasure.audio:
            for name in {name for clip in clips for name in (clip.sha256, clip.manifest_sha256)}:
                removed += self._blobs.remove(name)
        # 4.
        scrub(self._database, [str(table.__tablename__) for table in TABLES], rewrite=self._rewrite)
        # 5.
        now = self._clock()
        with self._database.write() as session:
            lock(session, episode_id)
            erasure = session.get_one(Erasure, episode_id, populate_existing=True)
            if erasure.done_at is None:  # otherwise another process was quicker
                erasure.done_at = now
                facts: dict[str, Fact] = {"audio": erasure.audio, "files": removed}
                event = Event(EventKind.ERASURE_DONE, now, episode_id, erasure.requested_by, facts)
                self._log.append(session, event)
        logger.info("episode %s was erased (%s)", episode_id, erasure.reason)
        return Erased(episode_id, Reason(erasure.reason), erasure.audio, erasure.requested_at, erasure.done_at or now)


def returned(session: Session) -> list[tuple[str, Reason, bool]]:
    """Return whom and what the log says was erased, although the rows know nothing of it: a backup was restored.

    With the reason, and whether the sound was to go.
    """
    kinds = (EventKind.ERASURE_REQUESTED.value, EventKind.ERASURE_DONE.value)
    entries = session.execute(
        sa.select(ENTRIES.c.subject, ENTRIES.c.kind, ENTRIES.c.leaf)
        .where(ENTRIES.c.kind.in_(kinds))
        .order_by(ENTRIES.c.idx)
    )
    asked: dict[str, tuple[Reason, bool]] = {}
    done: set[str] = set()
    for subject, kind, leaf in entries:
        if kind == EventKind.ERASURE_DONE:
            done.add(subject)
            continue
        facts = parse_event(leaf).facts
        audio = bool(facts["audio"]) or (subject in asked and asked[subject][1])
        asked[subject] = (Reason(str(facts["reason"])), audio)
    return [(subject, *asked[subject]) for subject in sorted(done & asked.keys()) if _is_back(session, subject)]


def _is_back(session: Session, subject: str) -> bool:
    if subject.startswith(EPISODE_PREFIX):
        return session.get(Submission, subject) is not None and session.get(Erasure, subject) is None
    key, account = session.get(ApiKey, subject), session.get(Account, subject)
    return (key is not None and key.name != GONE) or (account is not None and not account.name.startswith(f"{GONE}-"))


def is_cleared(session: Session, row: Submission, erasure: Erasure) -> bool:
    """True if the rows of an episode hold nothing that its erasure should have taken; for `assay fsck`."""
    rests = session.get(EpisodeHearing, row.id) is None
    if erasure.audio:
        rests &= session.get(EpisodeFingerprint, row.id) is None
    if row.state != State.RELEASED:
        rests &= row.title == GONE and session.get(Timeline, row.id) is None
    return rests and not row.script and row.decision is None and not row.script_digest


def _clear(session: Session, row: Submission, *, public: bool, audio: bool) -> None:
    """Clear every row that holds a text of this episode, or a digest of one, and destroy its secret."""
    row.script, row.script_digest, row.request_digest = "", "", ""
    row.idempotency_key, row.decision = None, None
    row.failure_detail = None
    if not public:
        row.title, row.show = GONE, GONE
    session.add(row)
    here = {"episode_id": row.id}
    _delete(session, EpisodeSecret, here)
    _delete(session, ReviewSpeaker, here)
    _delete(session, EpisodeHearing, here)
    _blank(session, ReviewCase, here, reason=None, open=False, show_key="")
    _blank(session, ReviewAction, here, reason="")
    _delete(session, ReviewRule, here)
    _blank(session, Appeal, {**here, "open": True}, open=False, outcome=Ruling.VOID.value)
    _blank(session, SecondLook, here, second_reason="", settled_reason="")
    for stage in (Stage.WAITING, Stage.DISPUTED):
        _blank(session, SecondLook, {**here, "stage": stage.value}, stage=Stage.VOID.value)
    _blank(session, Appeal, here, reason="", answer="", statement=sa.null())
    _blank(session, EpisodeApproval, here, reason="")
    # Neither decision nor error would mean that it was begun and has to be tried again.
    _blank(session, ShadowDecision, here, decision=sa.null(), error=GONE)
    if not public:
        _delete(session, Timeline, here)
        _blank(session, EpisodeWithdrawal, here, reason=GONE)
    if audio:
        _delete(session, EpisodeFingerprint, here)
        release = session.get(EpisodeRelease, row.id)
        if release is not None:
            _delete(session, SoundKey, {"entry_index": release.entry_index})


def _delete(session: Session, table: type[SQLModel], where: dict[str, Any]) -> None:
    session.execute(sa.delete(table).filter_by(**where))


def _blank(session: Session, table: type[SQLModel], where: dict[str, Any], **values: Any) -> None:
    session.execute(sa.update(table).filter_by(**where).values(**values))
