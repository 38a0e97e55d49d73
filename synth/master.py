"""Brings a programme to its loudness without overshoot: one gain, then a true-peak limiter (pure, block by block).

The limiter looks at the waveform between the samples (four-fold oversampling, as ITU-R BS.1770-5 Annex 2 measures it)
and lowers the gain before a peak arrives: the minimum of the needed gain over a window, then the mean over a slightly
smaller one, so that the gain never jumps and is always low enough where it must be. It works on the highest peak of
every 32 samples, and the gain runs straight from one such group to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from synth.audio import Samples, Speech
from synth.errors import AudioError
from synth.loudness import BLOCK_SECONDS, OVERSAMPLING, LoudnessMeter, measure_loudness, measure_true_peak

__all__ = ["master", "measure_loudness", "measure_true_peak"]

TARGET_LUFS = -16.0
PRESETS: Mapping[str, float] = MappingProxyType(
    {
        "podcast": TARGET_LUFS,  # what podcast directories ask of mono and stereo programmes
        "streaming": -14.0,  # what music services play at
        "broadcast": -23.0,  # EBU R 128
    }
)
"""LUFS of a whole programme by the name of its use."""

# Codecs overshoot: 128 kbit/s MP3 of mastered speech rises up to 0.4 dB above its source. -2 keeps the decoded file
# below -1.5 dBTP.
CEILING_DBTP = -2.0
TOLERANCE_LU = 0.5  # what a programme may miss its target by
GOOD_ENOUGH_LU = 0.05  # no further pass below this
MAX_PASSES = 8  # limiting costs loudness, so the gain is corrected; speech needs two or three passes
GROUP = 32  # samples that share one entry of the limiter's gain: 0.7 ms at 44.1 kHz
# Half of the window over which the gain is lowered. The whole is one period of a voice at 67 Hz: a shorter one would
# follow single cycles and distort them.
HALF_WINDOW_SECONDS = 0.0075


def master(
    speech: Speech, *, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP, in_place: bool = False
) -> Speech:
    """Return `speech` at `target_lufs` (within 0.5 LU) with no true peak above `ceiling_dbtp` (within 0.1 dB).

    With `in_place` the result is written over the samples of `speech`: an hour of them has 640 MB.
    Raises `AudioError` if the programme is shorter than 0.4 s, silent, or so peaky that both cannot be had.
    """
    loudness = measure_loudness(speech.samples, speech.sample_rate)
    peaks = _group_peaks(speech.samples, speech.sample_rate)
    gain_db = 0.0
    for _ in range(MAX_PASSES):
        gain_db += target_lufs - loudness
        loudness = _loudness_limited(speech, peaks, gain_db, ceiling_dbtp)
        if abs(loudness - target_lufs) <= GOOD_ENOUGH_LU:
            break
    if abs(loudness - target_lufs) > TOLERANCE_LU:
        raise AudioError(
            f"the programme reaches {loudness:.1f} LUFS instead of {target_lufs:.1f} below {ceiling_dbtp:.1f} dBTP: "
            "its peaks stand too far above the rest; look for clicks"
        )
    limited = speech.samples if in_place else np.empty_like(speech.samples)
    for start, block in _limited(speech, peaks, gain_db, ceiling_dbtp):
        limited[start : start + len(block)] = block
    peak = measure_true_peak(limited, speech.sample_rate)
    if peak > ceiling_dbtp + 0.1:
        raise AudioError(f"the limiter left a true peak of {peak:.2f} dBTP above {ceiling_dbtp:.2f}; look for clicks")
    return replace(speech, samples=limited)


def limit(speech: Speech, *, gain_db: float, ceiling_dbtp: float = CEILING_DBTP) -> Samples:
    """Return the samples amplified by `gain_db`, with true peaks held at `ceiling_dbtp`; one pass, no target."""
    peaks = _group_peaks(speech.samples, speech.sample_rate)
    limited = np.empty_like(speech.samples)
    for start, block in _limited(speech, peaks, gain_db, ceiling_dbtp):
        limited[start : start + len(block)] = block
    return limited


def _loudness_limited(speech: Speech, peaks: NDArray[np.float64], gain_db: float, ceiling_dbtp: float) -> float:
    """Return the loudness that `speech` would have, without keeping its samples."""
    meter = LoudnessMeter(speech.sample_rate)
    for _, block in _limited(speech, peaks, gain_db, ceiling_dbtp):
        meter.add(block)
    loudness = meter.integrated()
    if loudness is None:
        raise AudioError(f"amplified by {gain_db:.0f} dB and limited, nothing of the programme can be heard")
    return loudness


def _group_peaks(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return the true peak of every `GROUP` samples, the last group perhaps shorter."""
    stream = soxr.ResampleStream(sample_rate, OVERSAMPLING * sample_rate, 1, dtype="float32", quality="HQ")
    size = BLOCK_SECONDS * sample_rate // GROUP * GROUP
    between: list[NDArray[np.float32]] = []  # peaks of the oversampled waveform, which arrives a little later
    at: list[NDArray[np.float32]] = []  # peaks of the samples themselves
    rest = np.zeros(0, dtype=np.float32)
    for start in range(0, len(samples), size):
        block = samples[start : start + size]
        oversampled = np.concatenate([rest, stream.resample_chunk(block, last=start + size >= len(samples))])
        whole = len(oversampled) // (OVERSAMPLING * GROUP) * OVERSAMPLING * GROUP
        between.append(_highest(oversampled[:whole], OVERSAMPLING * GROUP))
        rest = oversampled[whole:]
        at.append(_highest(block, GROUP))
    peaks = np.concatenate(at)
    seen = np.concatenate([*between, _highest(rest, OVERSAMPLING * GROUP)])[: len(peaks)]
    peaks[: len(seen)] = np.maximum(peaks[: len(seen)], seen)
    return peaks.astype(np.float64)


def _highest(samples: Samples, group: int) -> NDArray[np.float32]:
    """Return the highest magnitude of every `group` samples."""
    starts = np.arange(0, len(samples), group)
    if not len(starts):
        return np.zeros(0, dtype=np.float32)
    highest: NDArray[np.float32] = np.maximum.reduceat(np.abs(samples), starts)
    return highest


def _limited(
    speech: Speech, peaks: NDArray[np.float64], gain_db: float, ceiling_dbtp: float
) -> Iterator[tuple[int, Samples]]:
    """Yield (first sample, samples amplified by `gain_db` with true peaks held at `ceiling_dbtp`), block by block."""
    factor = 10.0 ** (gain_db / 20.0)
    ceiling = 10.0 ** (ceiling_dbtp / 20.0)
    gains = factor * _reduction(peaks * factor, ceiling, speech.sample_rate)
    centres = (np.arange(len(gains)) + 0.5) * GROUP
    size = BLOCK_SECONDS * speech.sample_rate
    for start in range(0, len(speech.samples), size):
        end = min(start + size, len(speech.samples))
        gain = np.interp(np.arange(start, end) + 0.5, centres, gains).astype(np.float32)
        yield start, speech.samples[start:end] * gain


def _reduction(peaks: NDArray[np.float64], ceiling: float, sample_rate: int) -> NDArray[np.float64]:
    """Return the limiter's gain per group, 0..1, smooth and low enough.

    A group's gain and those of its neighbours, between which samples are interpolated, average only minima whose window
    reaches that group: hence the mean is one group narrower on each side.
    """
    half = max(round(HALF_WINDOW_SECONDS * sample_rate / GROUP), 1)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, ceiling))
    lowest = minimum_filter1d(needed, size=2 * half + 1, mode="nearest")
    smooth: NDArray[np.float64] = uniform_filter1d(lowest, size=2 * half - 1, mode="nearest")
    return smooth
