"""The picture of a clip's sound: peaks of the marked file, drawn as SVG, remembered for the next look."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

COLUMNS = 600  # bars across the picture
WIDTH, HEIGHT = 1_200, 100  # of the drawing, in its own units
RATE = 8_000  # Hz: loudness over time needs no more
KEPT = 128  # clips whose peaks are remembered: some kilobytes each
COLOUR = "#4b8797"  # readable on light and on dark ground


class Waveforms:
    """Draws clips; safe to use from several threads. One clip is decoded at a time: decoding is the cost."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read  # bytes of a clip by its SHA-256
        self._kept: OrderedDict[str, Sequence[float]] = OrderedDict()
        self._lock = threading.Lock()

    def svg(self, sha256: str) -> str:
        """Return the picture; raises `StorageError` for a missing file and `AudioError` for one that is not sound."""
        with self._lock:
            peaks = self._kept.pop(sha256, None)
            if peaks is None:
                peaks = _peaks(self._read(sha256))
            self._kept[sha256] = peaks
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return draw(peaks)


def draw(peaks: Sequence[float]) -> str:
    """Return peaks from 0 to 1 as bars around a middle line (pure)."""
    step, middle = WIDTH / max(1, len(peaks)), HEIGHT / 2
    heights = [max(0.6, peak * (middle - 2)) for peak in peaks]
    path = "".join(
        f"M{(number + 0.5) * step:.1f} {middle - height:.1f}v{2 * height:.1f}" for number, height in enumerate(heights)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{path}" stroke="{COLOUR}" stroke-width="{step * 0.7:.2f}" fill="none"/></svg>'
    )


def _peaks(data: bytes) -> list[float]:
    import numpy as np

    from synth.decode import decode  # brings the codecs, which no other page needs

    samples = np.abs(decode(data, target_rate=RATE).samples)
    edges = np.linspace(0, len(samples), COLUMNS + 1).astype(int)
    peaks = [float(samples[start:end].max()) if end > start else 0.0 for start, end in pairwise(edges)]
    loudest = max(peaks, default=0.0) or 1.0
    return [peak / loudest for peak in peaks]
