"""What is public: released episodes as values, read from the rows, and what was public and was taken back.

What was never released does not exist here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from gateway.submissions import (
    PUBLISHED,
    Clip,
    EpisodeFingerprint,
    EpisodeRelease,
    EpisodeWithdrawal,
    State,
    Submission,
    Timeline,
    Upload,
)
from synth.credentials import SourceType

EXTENSIONS = {
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
}
EMBEDDING = frozenset(EXTENSIONS) - {"audio/ogg"}  # the manifest of the others lies beside the file
PREFERRED = tuple(EXTENSIONS)  # what players get first
MAX_FEED_EPISODES = 300  # directories read no further back; keeps the feed below a megabyte


@dataclass(frozen=True, slots=True)
class PublicClip:
    """One rendition of an episode."""

    sha256: str
    media_type: str
    size: int  # bytes
    duration: float  # seconds
    loudness: float  # LUFS
    true_peak: float  # dBTP
    manifest_label: str
    marks: tuple[tuple[str, str], ...]  # (layer, version)

    @property
    def extension(self) -> str:
        """File name extension without the dot."""
        return EXTENSIONS[self.media_type]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Who says what when, in seconds."""

    start: float
    end: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why an episode is no longer released, as anybody may know it."""

    reason: str
    withdrawn_at: datetime
    replacement: str | None  # released episode that takes its place


@dataclass(frozen=True, slots=True)
class PublicEpisode:
    """A released episode; `clips` begins with the rendition that players get first."""

    id: str
    title: str
    show: str
    language: str
    released_at: datetime
    entry_index: int  # of the release in the log
    clips: tuple[PublicClip, ...]
    cues: tuple[Spoken, ...]
    chapters: tuple[tuple[float, str], ...]  # (seconds, title)
    withdrawal: Withdrawal | None = None  # None while it is released
    synthetic: bool = True  # False for an upload whose sender declares that no machine made it
    made_here: bool = True  # False for an upload
    private: bool = False  # True for an upload that is not for everybody, whatever its show

    @property
    def state(self) -> State:
        """Released, withdrawn or superseded."""
        if self.withdrawal is None:
            return State.RELEASED
        return State.WITHDRAWN if self.withdrawal.replacement is None else State.SUPERSEDED

    @property
    def speakers(self) -> tuple[str, ...]:
        """Each speaker once, in order of first appearance."""
        return tuple(dict.fromkeys(cue.speaker for cue in self.cues if cue.speaker))


def find_released(session: Session, episode_id: str) -> PublicEpisode | None:
    """Return a released episode, or None for one that is not released or does not exist."""
    return next(iter(_read(session, _released().where(col(Submission.id) == episode_id))), None)


def find_published(session: Session, episode_id: str) -> PublicEpisode | None:
    """Return an episode that was released once, also if it was taken back since; None for any other."""
    return next(iter(_read(session, _published().where(col(Submission.id) == episode_id))), None)


def list_released(session: Session, *, limit: int = MAX_FEED_EPISODES) -> list[PublicEpisode]:
    """Return the released episodes, newest first."""
    newest_first = _released().order_by(col(EpisodeRelease.released_at).desc(), col(Submission.id)).limit(limit)
    return _read(session, newest_first)


def released_since(session: Session, *, entry_index: int) -> tuple[list[str], float]:
    """Return the ids of the episodes whose release stands after this entry of the log, oldest first: what a watermark
    may stand for; and the length of the longest of them in seconds, 0 if there are none.
    """
    released = col(EpisodeRelease.entry_index) > entry_index
    statement = select(EpisodeRelease.episode_id).where(released).order_by(col(EpisodeRelease.entry_index))
    longest = (
        select(func.max(Clip.duration))
        .join(EpisodeRelease, col(EpisodeRelease.episode_id) == col(Clip.episode_id))
        .where(released)
    )
    return list(session.exec(statement)), float(session.exec(longest).one() or 0.0)


def count_spoken(session: Session) -> int:
    """Return how many episodes were spoken on request and can be recognised by their sound."""
    return int(session.exec(_spoken(func.count())).one())


def spoken_ids(session: Session) -> list[str]:
    """Return the ids of the episodes that were spoken on request and can be recognised by their sound."""
    return list(session.exec(_spoken(col(Submission.id))))


def was_spoken(session: Session, episode_id: str) -> bool:
    """True if this was spoken on request."""
    row = session.get(Submission, episode_id)
    return row is not None and row.state == State.SPOKEN


def _spoken(wanted: Any) -> Any:
    return (
        select(wanted)
        .select_from(EpisodeFingerprint)
        .join(Submission, col(Submission.id) == col(EpisodeFingerprint.episode_id))
        .where(col(Submission.state) == State.SPOKEN.value)
    )


def episode_of_clip(
    session: Session, *, sha256: str | None = None, manifest_label: str | None = None
) -> PublicEpisode | None:
    """Return the episode, released once, that has a rendition of these bytes, or with this manifest."""
    condition = col(Clip.sha256) == sha256 if sha256 else col(Clip.manifest_label) == manifest_label
    episode_id = session.exec(select(Clip.episode_id).where(condition)).first()
    return find_published(session, episode_id) if episode_id else None


def last_withdrawal(session: Session) -> datetime | None:
    """Return when an episode was last taken back; the feed changed then."""
    return session.exec(select(func.max(EpisodeWithdrawal.withdrawn_at))).one()


def manifest_of_label(session: Session, label: str) -> str | None:
    """Return the digest of the stored manifest with this label, None unless its episode is released."""
    row = session.exec(select(Clip).where(col(Clip.manifest_label) == label)).first()
    return row.manifest_sha256 if row is not None and find_released(session, row.episode_id) is not None else None


def manifest_beside(session: Session, sha256: str) -> str | None:
    """Return the digest of the stored manifest of a file with these bytes, or None if no such file was made here."""
    row = session.get(Clip, sha256)
    return row.manifest_sha256 if row is not None else None


def public_clips(rows: Iterable[Clip]) -> tuple[PublicClip, ...]:
    """Return rows of renditions as values, the preferred one first."""
    known = [row for row in rows if row.media_type in EXTENSIONS]
    return tuple(
        PublicClip(
            sha256=row.sha256,
            media_type=row.media_type,
            size=row.size,
            duration=row.duration,
            loudness=row.loudness,
            true_peak=row.true_peak,
            manifest_label=row.manifest_label,
            marks=tuple((str(layer), str(version)) for layer, version in row.marks),
        )
        for row in sorted(known, key=lambda row: PREFERRED.index(row.media_type))
    )


def _released() -> Any:
    """The statement that look-ups of what is public start from: a release row and a state that agree."""
    return _published().where(col(Submission.state) == State.RELEASED.value)


def _published() -> Any:
    """The same with what was public once."""
    return (
        select(Submission, EpisodeRelease)
        .join(EpisodeRelease, col(EpisodeRelease.episode_id) == col(Submission.id))
        .where(col(Submission.state).in_([state.value for state in PUBLISHED]))
    )


def _read(session: Session, statement: Any) -> list[PublicEpisode]:
    rows: Sequence[tuple[Submission, EpisodeRelease]] = session.exec(statement).all()
    ids = [submission.id for submission, _ in rows]
    clips: dict[str, list[Clip]] = {}
    for clip in session.exec(select(Clip).where(col(Clip.episode_id).in_(ids))):
        clips.setdefault(clip.episode_id, []).append(clip)
    taken_back = session.exec(select(EpisodeWithdrawal).where(col(EpisodeWithdrawal.episode_id).in_(ids)))
    withdrawals = {row.episode_id: Withdrawal(row.reason, row.withdrawn_at, row.replacement) for row in taken_back}
    timelines = {row.episode_id: row for row in session.exec(select(Timeline).where(col(Timeline.episode_id).in_(ids)))}
    uploads = {row.episode_id: row for row in session.exec(select(Upload).where(col(Upload.episode_id).in_(ids)))}
    return [
        PublicEpisode(
            id=submission.id,
            title=submission.title,
            show=submission.show,
            language=submission.language,
            released_at=release.released_at,
            entry_index=release.entry_index,
            clips=public_clips(clips.get(submission.id, ())),
            cues=_cues(timelines.get(submission.id)),
            chapters=_chapters(timelines.get(submission.id), submission.title),
            withdrawal=withdrawals.get(submission.id),
            synthetic=_is_synthetic(uploads.get(submission.id)),
            made_here=submission.id not in uploads,
            private=submission.id in uploads and uploads[submission.id].private,
        )
        for submission, release in rows
    ]


def _is_synthetic(upload: Upload | None) -> bool:
    return upload is None or SourceType(upload.source_type).is_synthetic


def _cues(timeline: Timeline | None) -> tuple[Spoken, ...]:
    rows: list[dict[str, Any]] = list(timeline.cues) if timeline else []
    return tuple(Spoken(float(row["start"]), float(row["end"]), str(row["speaker"]), str(row["text"])) for row in rows)


def _chapters(timeline: Timeline | None, title: str) -> tuple[tuple[float, str], ...]:
    rows: list[dict[str, Any]] = list(timeline.chapters) if timeline else []
    return tuple((float(row["start"]), str(row["title"]) or title) for row in rows)
