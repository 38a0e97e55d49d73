"""The second step of an upload: it becomes clips like any episode's, and its own unmarked bytes go.

What its sender declares about it, and the credentials that it came with, stand in ours. Marks of layers that it carries
already stay as they are and are named; every other layer is set.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from audit.event import Event, EventKind, Fact
from gateway.commitments import commit, secret_of
from gateway.errors import StorageError
from gateway.facts import clip_facts, clip_row, fingerprint_row, timeline_row
from gateway.submissions import EpisodeHearing, State, Submission, Upload, move
from gateway.toolchain import Toolchain
from gateway.uploads.arrival import tools_for
from synth.audio import ChapterMark, Cue, Speech
from synth.credentials import ParentFile, Screening, SourceType, UploadFacts

if TYPE_CHECKING:
    from gateway.blobs import BlobStore
    from gateway.db import Database

    Change = Callable[[Session, Submission, datetime], None]

SYSTEM = "system"  # an actor that is no API key
CUE_SECONDS = 12.0  # the longest stretch of a transcript that is shown at once
_SENTENCE_ENDS = (".", "!", "?")
# States in which the bytes are still needed: a block may be overturned on appeal.
_UNFINISHED = (State.RECEIVED.value, State.SCREENED.value, State.BLOCKED.value)


def adopt(
    tools: Toolchain,
    row: Submission,
    upload: Upload,
    *,
    screening: Screening,
    progress: Callable[[str, str, int, int], None] | None,
) -> Change:
    """Do the work of the step, and return the change that commits it; raises `SynthError` and `StorageError`."""
    from synth.produce import Programme  # brings the codecs, which only a worker needs

    data = tools.blobs.read(upload.sha256)
    opened = tools_for(tools).open(data)
    with tools.database.read() as session:
        hearing = session.get(EpisodeHearing, row.id)
    known = {mark.name for mark in tools.marks}
    kept = tuple(name for name in upload.kept_marks or () if name in known and name not in STACKING)
    production = tools.producer.adopt(
        Speech(opened.sound.samples, opened.sound.sample_rate, cues_of(hearing), (ChapterMark(0.0, ""),)),
        Programme(
            title=row.title,
            show=row.show,
            language=row.language,
            plan_digest=f"sha256:{upload.sha256}",
            upload=UploadFacts(
                sha256=upload.sha256,
                media_type=upload.media_type,
                source_type=SourceType(upload.source_type),
                words_screened=0 if hearing is None else len(hearing.transcript),
                kept_marks=kept,
            ),
        ),
        episode_id=row.id,
        at=tools.clock(),
        screening=screening,
        parent=ParentFile(data, upload.media_type, row.title),
        progress=partial(progress, row.id) if progress else None,
    )
    manifests = {}
    for clip in production.clips:
        if tools.blobs.put(clip.data) != clip.sha256:
            raise StorageError(f"a clip of episode {row.id} does not have the digest that it claims")
        manifests[clip.sha256] = tools.blobs.put(clip.manifest_store)
    fingerprint = tools.fingerprint(production.clips[0])

    def change(session: Session, row: Submission, at: datetime) -> None:
        session.add(timeline_row(row.id, production))
        session.add(fingerprint_row(row.id, fingerprint))
        described: list[Fact] = []
        for clip in sorted(production.clips, key=lambda clip: clip.sha256):
            session.add(clip_row(clip, manifests[clip.sha256], at))
            described.append(clip_facts(clip, manifests[clip.sha256]))
        facts: dict[str, Fact] = {
            "plan_commitment": commit(secret_of(session, row.id), "plan", f"sha256:{upload.sha256}"),
            "duration": production.duration,
            "clips": described,
            "fingerprint_sha256": sha256(fingerprint.to_bytes()).hexdigest(),
            "voices": {},
        }
        move(row, State.PRODUCED, at=at)
        tools.log.record(session, Event(EventKind.CLIP_PRODUCED, at, row.id, SYSTEM, facts))

    return change


STACKING = frozenset({"keyed"})
"""Layers whose marks do not disturb each other: a second one is set over the first, and both are read."""


def cues_of(hearing: EpisodeHearing | None) -> tuple[Cue, ...]:
    """Return the transcript in stretches of a sentence, or of `CUE_SECONDS`; who speaks is not known."""
    cues: list[Cue] = []
    words: list[str] = []
    start = end = 0.0
    for row in hearing.transcript if hearing is not None else ():
        text, begins, ends = str(row[0]), float(str(row[1])), float(str(row[2]))
        if not words:
            start = begins
        words.append(text)
        end = max(end, ends)
        if text.endswith(_SENTENCE_ENDS) or end - start >= CUE_SECONDS:
            cues.append(Cue(start, end, "", " ".join(words)))
            words = []
    if words:
        cues.append(Cue(start, end, "", " ".join(words)))
    return tuple(cues)


def let_go(database: Database, blobs: BlobStore) -> int:
    """Remove the bytes of uploads that are made or failed for good, and return how many: they are unmarked sound."""
    with database.read() as session:
        held = session.exec(
            select(Upload, Submission.state)
            .join(Submission, col(Submission.id) == col(Upload.episode_id))
            .where(col(Upload.held).is_(True))
        ).all()
    needed = {upload.sha256 for upload, state in held if state in _UNFINISHED}
    done = [upload for upload, state in held if state not in _UNFINISHED]
    for upload in done:
        if upload.sha256 not in needed:
            blobs.remove(upload.sha256)
        # If we crash here, the row says that the bytes are there, and the next look finds that they are not.
        with database.write() as session:
            session.get_one(Upload, upload.episode_id).held = False
    return len(done)
