"""Which parts of a sound are searched for marks: all of a short one, evenly spread windows of a long one (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from synth.audio import Samples

WHOLE_SECONDS = 600.0  # up to here everything is searched; half a minute of work on one core
WINDOW_SECONDS = 60.0  # enough for every layer to identify an episode, unless the copy is a very bad one
WINDOWS = 10  # so a long file costs as much as one of ten minutes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of sound and where it begins."""

    start: float  # seconds
    samples: Samples  # shape (T,)
    sample_rate: int  # Hz


def excerpts(samples: Samples, sample_rate: int) -> list[Excerpt]:
    """Return the parts to search, in order; views into `samples`, not copies. Empty sound has none.

    A search stops where a mark is found, so a window out of the middle comes before the whole: most copies are settled
    by it. A sound that is too long to be searched whole is searched in windows alone.
    """
    whole = Excerpt(0.0, samples, sample_rate)
    length = round(WINDOW_SECONDS * sample_rate)
    last = len(samples) - length
    if last <= 0:
        return [whole] if len(samples) else []
    if len(samples) <= WHOLE_SECONDS * sample_rate:
        return [_window(samples, sample_rate, last // 2, length), whole]
    starts = [round(last * position / (WINDOWS - 1)) for position in range(WINDOWS)]
    return [_window(samples, sample_rate, start, length) for start in starts]


def _window(samples: Samples, sample_rate: int, start: int, length: int) -> Excerpt:
    return Excerpt(start / sample_rate, samples[start : start + length], sample_rate)
