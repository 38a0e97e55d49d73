"""The frozen random network that reads 64 bits from a block (pure numpy).

1. Frames count by their energy, so that pauses, which any noise fills, say little.
2. The logarithm of every mel band, over a floor of four fifths of the block's mean level, is brought to mean 0 and
   variance 1 over the block.
3. One bias-free random layer looks at two frames at a time; its outputs are brought to mean 0 and variance 1, too.
4. An output's mean size says whether it is mostly near its mean with a few large values, or evenly spread. A bit is the
   difference of two outputs.

Because only the distribution over the block counts, and not the order of its frames, a window may begin half a second
off and still read nearly the same. Embedding against a frozen random network is the idea of AWARE (arXiv 2510.17512);
this network is shallower, and reads eight times as many bits from the same sound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.keyed.key import BANDS, BITS, Weights
from synth.keyed.spectrum import INNER_FRAMES, SILENCE, Array

TAP = 4  # frames between the two that are looked at together
FLOOR = 0.8  # of the root mean square of all bands: below it a band is too weak to carry anything
PAUSE = 0.1  # of the mean energy of the frames: a frame that weak counts half
LEAST = 1e-6  # what a frame counts at least, so that a block with one sounding frame divides by something
VARIANCE_FLOOR = 1e-5  # keeps a constant finite under normalisation
WINDOWS_AT_ONCE = 16


class Decoder:
    """Reads logits from mel magnitudes; immutable, hence safe to share between threads."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights

    def read(self, mel: Array, starts: Sequence[int], *, tempo: float = 1.0, every: int = 1) -> Array:
        """Return logits, shape (windows, 64), for windows of `mel` (frames, 50) that begin at frames `starts`.

        `tempo` is how much faster than written the audio plays; `every` looks at every so many frames only. Windows
        that are silent or reach beyond the audio have logits 0: they say nothing.
        """
        logits = np.zeros((len(starts), BITS), dtype=np.float32)
        length = round(INNER_FRAMES / tempo)
        energy = np.einsum("fb,fb->f", mel, mel)
        running = np.concatenate(([0.0], np.cumsum(energy, dtype=np.float64)))
        sounding = [
            row
            for row, start in enumerate(starts)
            if 0 <= start <= len(mel) - length
            and running[start + length] - running[start] >= length * BANDS * SILENCE**2
        ]
        tap = max(1, round(TAP / tempo / every))
        for first in range(0, len(sounding), WINDOWS_AT_ONCE):
            rows = sounding[first : first + WINDOWS_AT_ONCE]
            frames = np.array([starts[row] for row in rows])[:, None] + np.arange(0, length, every)
            logits[rows] = self._windows(mel[frames], energy[frames][:, :, None], tap)
        return logits

    def _windows(self, mel: Array, energy: Array, tap: int) -> Array:
        """Return logits (windows, 64) from magnitudes (windows, frames, 50) and frame energies (windows, frames, 1)."""
        # 1.
        mean = energy.mean(axis=1, keepdims=True)
        counts = energy / (energy + PAUSE * mean) + LEAST
        # 2.
        logs = np.log(mel + FLOOR * np.sqrt(mean / BANDS))
        features = _normalised(logs, counts)
        # 3.
        pairs = np.concatenate([features[:, :-tap], features[:, tap:]], axis=2)
        both = np.minimum(counts[:, :-tap], counts[:, tap:])
        outputs = _normalised(pairs @ self._weights, both)
        # 4.
        size = (np.abs(outputs) * both).sum(axis=1) / both.sum(axis=1)
        logits: Array = size[:, 0::2] - size[:, 1::2]
        return logits


def _normalised(values: Array, counts: Array) -> Array:
    """Bring every channel of (windows, frames, channels) to weighted mean 0 and variance 1 over its window."""
    share = counts / counts.sum(axis=1, keepdims=True)
    centred = values - (share * values).sum(axis=1, keepdims=True)
    variance = (share * np.square(centred)).sum(axis=1, keepdims=True)
    normalised: Array = centred / np.sqrt(variance + np.float32(VARIANCE_FLOOR))
    return normalised
