"""Brings a programme to its loudness without overshoot: one gain, then a true-peak limiter (pure, block by block).

The limiter looks at the waveform between the samples (four-fold oversampling, as ITU-R BS.1770-5 Annex 2 measures it)
and lowers the gain before a peak arrives: the minimum of the needed gain over a window, then the mean over the same
window, so that the gain never jumps and is always low enough where it must be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from synth.audio import Samples, Speech
from synth.errors import AudioError
from synth.loudness import BLOCK_SECONDS, OVERSAMPLING, measure_loudness, measure_true_peak

__all__ = ["master", "measure_loudness", "measure_true_peak"]

TARGET_LUFS = -16.0
# Codecs overshoot: 128 kbit/s MP3 of mastered speech rises up to 0.4 dB above its source. -2 keeps the decoded file
# below -1.5 dBTP.
CEILING_DBTP = -2.0
TOLERANCE_LU = 0.5  # what a programme may miss its target by
GOOD_ENOUGH_LU = 0.05  # no further pass below this
MAX_PASSES = 8  # limiting costs loudness, so the gain is corrected; speech needs two or three passes
# One period of a voice at 67 Hz: a shorter window would follow single cycles and distort them.
WINDOW_SECONDS = 0.015
CONTEXT = 8192  # samples seen on both sides of a block: more than the window and the oversampling filter need


def master(speech: Speech, *, target_lufs: float = TARGET_LUFS, ceiling_dbtp: float = CEILING_DBTP) -> Speech:
    """Return `speech` at `target_lufs` (within 0.5 LU) with no true peak above `ceiling_dbtp` (within 0.1 dB).

    Raises `AudioError` if the programme is shorter than 0.4 s, silent, or so peaky that both cannot be had.
    """
    loudness = measure_loudness(speech.samples, speech.sample_rate)
    gain_db = 0.0
    limited = speech.samples
    for _ in range(MAX_PASSES):
        gain_db += target_lufs - loudness
        limited = _limit(speech.samples, speech.sample_rate, gain_db, ceiling_dbtp)
        loudness = measure_loudness(limited, speech.sample_rate)
        if abs(loudness - target_lufs) <= GOOD_ENOUGH_LU:
            break
    if abs(loudness - target_lufs) > TOLERANCE_LU:
        raise AudioError(
            f"the programme reaches {loudness:.1f} LUFS instead of {target_lufs:.1f} below {ceiling_dbtp:.1f} dBTP: "
            "its peaks stand too far above the rest; look for clicks"
        )
    peak = measure_true_peak(limited, speech.sample_rate)
    if peak > ceiling_dbtp + 0.1:
        raise AudioError(f"the limiter left a true peak of {peak:.2f} dBTP above {ceiling_dbtp:.2f}; look for clicks")
    return replace(speech, samples=limited)


def _limit(samples: Samples, sample_rate: int, gain_db: float, ceiling_dbtp: float) -> Samples:
    """Return `samples` amplified by `gain_db` with true peaks held at `ceiling_dbtp`."""
    factor = np.float32(10.0 ** (gain_db / 20.0))
    ceiling = 10.0 ** (ceiling_dbtp / 20.0)
    limited = np.empty_like(samples)
    size = BLOCK_SECONDS * sample_rate
    for start in range(0, len(samples), size):
        end = min(start + size, len(samples))
        first = max(start - CONTEXT, 0)
        block = samples[first : end + CONTEXT] * factor
        gain = _gain(_true_peaks(block, sample_rate), ceiling, sample_rate)
        limited[start:end] = (block * gain)[start - first : end - first]
    return limited


def _true_peaks(block: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return for each sample the highest magnitude between it and the next one."""
    oversampled = soxr.resample(block, sample_rate, OVERSAMPLING * sample_rate, quality="HQ")
    whole = np.zeros(OVERSAMPLING * len(block), dtype=np.float32)
    length = min(len(whole), len(oversampled))
    whole[:length] = np.abs(oversampled[:length])
    between = whole.reshape(-1, OVERSAMPLING).max(axis=1)
    peaks: NDArray[np.float64] = np.maximum(between, np.abs(block)).astype(np.float64)
    return peaks


def _gain(peaks: NDArray[np.float64], ceiling: float, sample_rate: int) -> NDArray[np.float32]:
    window = round(WINDOW_SECONDS * sample_rate) | 1  # odd, so that it is centred
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, ceiling))
    lowest = minimum_filter1d(needed, size=window, mode="nearest")
    smooth: NDArray[np.float64] = uniform_filter1d(lowest, size=window, mode="nearest")
    return smooth.astype(np.float32)
