"""The frozen random network that reads sixteen bits from a block (pure numpy).

Three bias-free layers applied to every frame alike, each followed by instance normalisation over the block's frames
and a leaky rectifier; a bit is the difference of two output channels, averaged over the frames. The idea of embedding
against a frozen random network is that of AWARE (arXiv 2510.17512); the last layer is normalised too, because without
it every key has a bias of its own.
"""

from __future__ import annotations

import numpy as np

from synth.keyed.key import BITS, Weights
from synth.keyed.spectrum import (
    BLOCK,
    FRAMES_PER_BLOCK,
    HOP,
    LEVEL,
    LOG_FLOOR,
    SILENCE,
    Array,
    band_magnitudes,
    mel_matrix,
)

VARIANCE_FLOOR = 1e-5  # keeps a constant channel finite under normalisation
SLOPE = 0.2  # of the leaky rectifier for negative values


class Decoder:
    """Reads soft bits from 16 kHz audio; immutable, hence safe to share between threads."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights
        self._mel = mel_matrix()

    def read(self, samples: Array, starts: np.typing.NDArray[np.int64]) -> Array:
        """Return logits of shape (windows, 16) for blocks from `starts` (in samples, rounded down to a frame).

        A window that is silent or not wholly inside `samples` (16 kHz) has logits 0: it says nothing.
        """
        logits = np.zeros((len(starts), BITS), dtype=np.float32)
        first_frames = starts // HOP
        begin = first_frames * HOP
        energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
        inside = np.flatnonzero((begin >= 0) & (begin + BLOCK <= len(samples)))
        level = np.sqrt((energy[begin[inside] + BLOCK] - energy[begin[inside]]).clip(0) / BLOCK)
        audible = level >= SILENCE
        chosen, gain = inside[audible], (LEVEL / level[audible]).astype(np.float32)
        if len(chosen) == 0:
            return logits
        mels = band_magnitudes(samples) @ self._mel
        frames = first_frames[chosen][:, None] + np.arange(FRAMES_PER_BLOCK)
        logits[chosen] = self._network(np.log(mels[frames] * gain[:, None, None] + np.float32(LOG_FLOOR)))
        return logits

    def _network(self, features: Array) -> Array:
        hidden = _normalise(features)
        for matrix in self._weights:
            hidden = _normalise(hidden @ matrix)
            hidden = np.maximum(hidden, SLOPE * hidden)
        mean = hidden.mean(axis=1)
        logits: Array = mean[:, 0::2] - mean[:, 1::2]
        return logits


def _normalise(values: Array) -> Array:
    """Instance normalisation: zero mean and unit variance over axis 1, per window and channel."""
    centred = values - values.mean(axis=1, keepdims=True)
    variance = np.einsum("wfc,wfc->wc", centred, centred)[:, None, :] / np.float32(values.shape[1])
    normalised: Array = centred / np.sqrt(variance + np.float32(VARIANCE_FLOOR))
    return normalised
