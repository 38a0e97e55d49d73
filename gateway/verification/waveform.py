"""The outline of a sound, small enough for a page (pure)."""

from __future__ import annotations

import numpy as np

from synth.audio import Samples

COLUMNS = 240  # of the outline: more than a phone shows, fewer than anybody could listen to again
FULL = 100  # value of the loudest possible sample


def outline(samples: Samples) -> tuple[int, ...]:
    """Return the largest magnitude in each of at most `COLUMNS` equal stretches, as 0 to `FULL`; (T,) → columns.

    Without a copy of the samples: three hours are 700 MB.
    """
    columns = min(COLUMNS, len(samples))
    if not columns:
        return ()
    starts = (np.arange(columns) * len(samples)) // columns
    highest, lowest = np.maximum.reduceat(samples, starts), np.minimum.reduceat(samples, starts)
    peaks = np.clip(np.maximum(highest, -lowest), 0.0, 1.0) * FULL
    return tuple(int(peak) for peak in np.rint(peaks))
