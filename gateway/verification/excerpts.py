"""Which parts of a sound are examined: all of a short one, evenly spread windows of a long one (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from synth.audio import Samples

WHOLE_SECONDS = 600.0  # up to here everything is examined; about a minute of work on one core
WINDOW_SECONDS = 60.0  # enough for every layer to identify an episode several times over
WINDOWS = 10  # so a long file costs as much as one of ten minutes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of sound and where it begins."""

    start: float  # seconds
    samples: Samples  # shape (T,)
    sample_rate: int  # Hz


def excerpts(samples: Samples, sample_rate: int) -> list[Excerpt]:
    """Return the parts to examine, in order; views into `samples`, not copies. Empty sound has none."""
    duration = len(samples) / sample_rate
    if not len(samples):
        return []
    if duration <= WHOLE_SECONDS:
        return [Excerpt(0.0, samples, sample_rate)]
    length = round(WINDOW_SECONDS * sample_rate)
    last = len(samples) - length
    starts = [round(last * position / (WINDOWS - 1)) for position in range(WINDOWS)]
    return [Excerpt(start / sample_rate, samples[start : start + length], sample_rate) for start in starts]
