"""The field of gains that is the mark, and how it becomes a signal to add (pure numpy).

The mark is nothing but a gain that varies slowly over time and frequency: a value at every node of a grid of 30 points
over the band and one every 64 ms, linear in between. Phases stay, nothing is added where there is nothing, and changes
of a few decibels as wide as the ear's own bands are far less audible than the same energy in narrow ones.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from synth.keyed.key import BANDS
from synth.keyed.spectrum import FRAME, HIGHEST, HOP, LOWEST, SAMPLE_RATE, Array, band_edges, hann, spectra, to_mel

NODES = 30  # over the band
NODE_FRAMES = 4  # frames from node to node in time
OVERLAP = FRAME // HOP
SYNTHESIS = 1.5  # sum of squared Hann windows at a hop of a quarter


def node_weights(position: np.typing.NDArray[np.float64]) -> Array:
    """Return how much each of the 30 nodes gives to a place in the band, counted in bands 0..49; (places, 30)."""
    nodes = np.linspace(0, BANDS - 1, NODES)
    place = np.clip(position, 0, BANDS - 1)
    weights: Array = np.maximum(0, 1 - np.abs(place[:, None] - nodes) / nodes[1]).astype(np.float32)
    return weights


def bin_weights() -> Array:
    """Return how much each node gives to each bin of a frame, shape (513, 30); 0 outside the band."""
    bins = np.arange(FRAME // 2 + 1) * SAMPLE_RATE / FRAME
    centres = to_mel(band_edges()[1:-1])
    position = np.interp(to_mel(bins), centres, np.arange(BANDS))
    inside = (bins >= LOWEST) & (bins <= HIGHEST)
    weights: Array = node_weights(position) * inside[:, None].astype(np.float32)
    return weights


def over_time(nodes: Array, frames: int) -> Array:
    """Return the field at every frame, (rows, 30) to (frames, 30); it stays what it is beyond the last row."""
    time = np.arange(frames) / NODE_FRAMES
    before = np.minimum(time.astype(int), len(nodes) - 1)
    after = np.minimum(before + 1, len(nodes) - 1)
    part = (time - before).clip(0, 1)[:, None].astype(np.float32)
    field: Array = (1 - part) * nodes[before] + part * nodes[after]
    return field


def added_signal(samples: Array, field: Array, depth: float) -> Array:
    """Return what the gains add to `samples` (T,) at 16 kHz, for T = (frames + 3) · 256; shape (T,).

    The natural logarithm of the gain of a bin is `depth` · tanh of the field there; `field` has shape (frames, 30).
    """
    spectrum = spectra(samples)
    change = spectrum * np.expm1(depth * np.tanh(field @ bin_weights().T))
    frames = fft.irfft(change, FRAME, axis=1).astype(np.float32) * (hann() / np.float32(SYNTHESIS))
    added = np.zeros(len(samples), dtype=np.float32)
    parts = frames.reshape(len(frames), OVERLAP, HOP)
    for part in range(OVERLAP):  # overlap-add: quarter p of frame f lies at hop f + p
        added[part * HOP : (part + len(frames)) * HOP] += parts[:, part].reshape(-1)
    return added
