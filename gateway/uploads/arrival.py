"""Accepting sound that was made elsewhere: nothing of it is believed, and what cannot be heard is refused.

1. What is shown about it (title, show) and what is declared (language, source type) is usable.
2. A repeated upload under the same idempotency key is the first one; other bytes under it are refused.
3. Exactly the bytes of a released file: recognised, and nothing is made anew.
4. It is parsed in a confined process: a recording, within the limits, whole, long enough for marks, not silent.
5. The bytes are stored, then row and event are committed together.

What is refused leaves nothing behind, like a script that cannot be read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from audit.event import Event, EventKind, Fact
from gateway.commitments import digest_of
from gateway.errors import ConflictError, IdempotencyConflictError, InvalidRequestError
from gateway.intake import MAX_IDEMPOTENCY_KEY, heard_text
from gateway.releases import PublicEpisode, episode_of_clip
from gateway.submissions import EpisodeWithdrawal, Kind, State, Submission, Upload, new_episode_id
from gateway.toolchain import OpenedUpload, Toolchain, UploadTools
from gateway.withdrawal import taken_back
from synth.credentials import SourceType
from synth.errors import AudioError

SHORTEST_SECONDS = 10.0  # of sound: in less, no mark can be told from chance
SILENCE = 10.0 ** (-60.0 / 20.0)  # full scale 1.0; below -60 dBFS nobody hears anything
MAX_TITLE = 200  # characters
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller sends along with a file."""

    title: str
    show: str
    language: str  # primary tag, for example "en"
    source_type: SourceType  # declared
    idempotency_key: str | None = None
    private: bool = False  # released to listeners with a feed of their own alone

    def __post_init__(self) -> None:
        """Raise `InvalidRequestError` for what cannot be shown or stored."""
        for name, text in (("title", self.title), ("show", self.show)):
            if len(text) > MAX_TITLE or not text.isprintable():
                raise InvalidRequestError(f"a {name} has at most {MAX_TITLE} printable characters")
        if not self.title.strip():
            raise InvalidRequestError("an upload needs a title")
        if _LANGUAGE.fullmatch(self.language) is None:
            raise InvalidRequestError("a language is a primary tag such as 'en'")
        key = self.idempotency_key
        if key is not None and not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isprintable()):
            raise InvalidRequestError(f"an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} printable characters")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of an upload: a submission, or an episode that was released before and is exactly this file."""

    submission: Submission | None
    recognised: PublicEpisode | None = None

    @property
    def episode_id(self) -> str:
        """The episode, whichever it is."""
        if self.recognised is not None:
            return self.recognised.id
        assert self.submission is not None
        return self.submission.id


def tools_for(toolchain: Toolchain) -> UploadTools:
    """Return what takes uploads; raises `ConflictError` where only scripts are taken."""
    if toolchain.uploads is None:
        raise ConflictError("this installation takes no sound that was made elsewhere; set ASSAY_UPLOADS=true")
    return toolchain.uploads


def upload_of(toolchain: Toolchain, row: Submission) -> Upload | None:
    """Return what is known of a submission that is sound from elsewhere; None for a script."""
    if row.kind != Kind.UPLOAD:
        return None
    with toolchain.database.read() as session:
        return session.get_one(Upload, row.id)


def receive(data: bytes, offer: Offer, *, toolchain: Toolchain, api_key_id: str) -> Arrival:
    """Accept a file; after it returns, call `settle_soon` and enqueue `submission`, if there is one.

    Raises `AudioError` for what is no recording, too long, too short or silent, `IdempotencyConflictError`,
    `WithdrawnError` for a file that was taken back, `ConflictError`, `StorageError`.
    """
    # 1. has been done when the offer was made.
    tools = tools_for(toolchain)
    digest = hashlib.sha256(data).hexdigest()
    request = digest_of("\n".join([digest, offer.title, offer.show, offer.language, offer.source_type.value]))
    with toolchain.database.read() as session:
        # 2.
        if (earlier := _earlier(session, api_key_id, offer.idempotency_key, request)) is not None:
            return Arrival(earlier)
        # 3.
        if (known := episode_of_clip(session, sha256=digest)) is not None:
            withdrawal = session.get(EpisodeWithdrawal, known.id)
            if withdrawal is not None:
                raise taken_back(withdrawal)
            return Arrival(None, known)
    # 4.
    opened = tools.open(data)
    refuse_unheard(opened)
    # 5. Blobs are named by their hash, so a lost try's is found again.
    toolchain.blobs.put(data)
    return Arrival(_store(data, digest, request, offer, opened, toolchain=toolchain, api_key_id=api_key_id))


def refuse_unheard(opened: OpenedUpload) -> None:
    """Raise `AudioError` unless there is enough sound to listen to and to mark."""
    sound = opened.sound
    if sound.duration < SHORTEST_SECONDS:
        raise AudioError(
            f"the recording lasts {sound.duration:.1f} s; marks need {SHORTEST_SECONDS:.0f} s of sound or more"
        )
    if float(np.max(np.abs(sound.samples))) < SILENCE:
        raise AudioError("the recording is silent: there is nothing to hear, to screen or to mark")


def _store(
    data: bytes,
    digest: str,
    request: str,
    offer: Offer,
    opened: OpenedUpload,
    *,
    toolchain: Toolchain,
    api_key_id: str,
) -> Submission:
    at = toolchain.clock()
    text = heard_text(offer.title.strip(), offer.show.strip(), "")
    row = Submission(
        id=new_episode_id(),
        kind=Kind.UPLOAD.value,
        state=State.RECEIVED.value,
        submitter=api_key_id,
        idempotency_key=offer.idempotency_key,
        request_digest=request,
        title=offer.title.strip(),
        show=offer.show.strip(),
        language=offer.language,
        script=text,
        script_digest=digest_of(text),
        received_at=at,
        changed_at=at,
    )
    facts: dict[str, Fact] = {
        "sha256": digest,
        "media_type": opened.media_type,
        "size": len(data),
        "duration": round(opened.sound.duration, 3),
        "language": offer.language,
        "declared_source_type": offer.source_type.value,
    }
    with toolchain.database.write() as session:
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            # Somebody used the key since we looked; whoever committed first has the submission.
            earlier = _earlier(session, api_key_id, offer.idempotency_key, request)
            if earlier is None:
                raise
            return earlier
        session.add(
            Upload(
                episode_id=row.id,
                sha256=digest,
                media_type=opened.media_type,
                size=len(data),
                duration=opened.sound.duration,
                source_type=offer.source_type.value,
                private=offer.private,
            )
        )
        toolchain.log.record(session, Event(EventKind.UPLOAD_RECEIVED, at, row.id, api_key_id, facts))
    return row


def _earlier(session: Session, api_key_id: str, idempotency_key: str | None, request: str) -> Submission | None:
    if idempotency_key is None:
        return None
    row = session.exec(
        select(Submission).where(Submission.submitter == api_key_id, Submission.idempotency_key == idempotency_key)
    ).one_or_none()
    if row is not None and row.request_digest != request:
        raise IdempotencyConflictError(
            "this idempotency key was used for something else; send another file under a new key", episode_id=row.id
        )
    return row
