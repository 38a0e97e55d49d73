"""The sheet of an episode: one page that shows what was made, for people who make programmes.

A picture (waveform, chapters, who speaks, loudness over time) and what the file carries: marks, credentials,
fingerprint, receipt, and what was heard in it. Self-contained: no address is fetched by it, and nothing in it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.sheetdrawing import Picture, draw

if TYPE_CHECKING:
    from gateway.cli.embedded import EmbeddedGate, Outcome

TEMPLATE = Path(__file__).parent / "sheet.html"
COLUMNS = 1_000  # of the waveform
RATE = 16_000  # Hz: enough for a picture, and for loudness that is out by less than 0.2 LU for speech


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page, and the picture alone."""

    html: str
    svg: str


def make_sheet(gate: EmbeddedGate, outcome: Outcome) -> Sheet:
    """Return the sheet of an episode that has clips; raises `StorageError` or `AudioError` if a file is not sound."""
    from jinja2 import Environment
    from sqlmodel import select

    from gateway.releases import public_clips
    from gateway.submissions import EpisodeFingerprint, EpisodeReceipt, EpisodeRelease, Timeline

    row = outcome.submission
    with gate.toolchain.database.read() as session:
        timeline = session.get(Timeline, row.id)
        fingerprint = session.get(EpisodeFingerprint, row.id)
        receipts = session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == row.id)).all()
        release = session.get(EpisodeRelease, row.id)
    clips = public_clips(outcome.clips)
    peaks, loudness = _measured(gate.toolchain.blobs.read(clips[0].sha256))
    cues: list[dict[str, Any]] = list(timeline.cues) if timeline is not None else []
    chapters: list[dict[str, Any]] = list(timeline.chapters) if timeline is not None else []
    svg = draw(
        Picture(
            duration=clips[0].duration,
            peaks=peaks,
            loudness=loudness,
            target=clips[0].loudness,
            chapters=tuple((float(one["start"]), str(one["title"])) for one in chapters),
            turns=tuple((float(one["start"]), float(one["end"]), str(one["speaker"])) for one in cues),
        )
    )
    page = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    html = page.render(
        row=row,
        clips=clips,
        picture=svg,
        chapters=[(_clock(float(one["start"])), one["title"]) for one in chapters],
        speakers=list(dict.fromkeys(str(one["speaker"]) for one in cues)),
        fingerprint=fingerprint,
        receipts={one.purpose: one.entry_index for one in receipts},
        release=release,
        origin=gate.toolchain.log.origin,
        hearing=outcome.hearing,
        clock=_clock,
    )
    return Sheet(html, svg)


def _measured(data: bytes) -> tuple[Sequence[float], Sequence[float | None]]:
    """Return peaks from 0 to 1 and the short-term loudness of each second, of a finished file."""
    import numpy as np

    from synth.decode import decode
    from synth.loudness import LoudnessMeter

    samples = decode(data, target_rate=RATE).samples
    meter = LoudnessMeter(RATE)
    meter.add(samples)
    columns = min(COLUMNS, len(samples))
    starts = (np.arange(columns) * len(samples)) // columns
    highest, lowest = np.maximum.reduceat(samples, starts), np.minimum.reduceat(samples, starts)
    return [float(peak) for peak in np.clip(np.maximum(highest, -lowest), 0.0, 1.0)], meter.short_term()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
