"""How loud a programme is and how high its waveform rises, after ITU-R BS.1770-5 (pure, block by block).

Loudness: K-weighting, blocks of 400 ms every 100 ms, absolute gate at -70 LUFS, relative gate 10 LU below the mean of
what is left (Annex 1). True peak: four-fold oversampling (Annex 2). Memory does not grow with the programme beyond one
number per 100 ms.
"""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import sosfilt

from synth.audio import Samples, check_samples
from synth.errors import AudioError

STEP_SECONDS = 0.1
STEPS_PER_BLOCK = 4
STEPS_PER_SECOND = 10
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU
OVERSAMPLING = 4
VOICE_LUFS = -16.0  # each voice is brought here before they are put together; music is relative to it
BLOCK_SECONDS = 20  # worked on at a time; about 7 MB of float64


class LoudnessMeter:
    """Integrated loudness of one channel that arrives in pieces."""

    def __init__(self, sample_rate: int) -> None:
        self._step = round(STEP_SECONDS * sample_rate)
        self._sections = _k_weighting(sample_rate)
        self._state = np.zeros((2, 2))
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._powers: list[NDArray[np.float64]] = []

    def add(self, samples: Samples) -> None:
        """Take the next samples, float32 of shape (T,)."""
        weighted, self._state = sosfilt(self._sections, samples.astype(np.float64), zi=self._state)
        weighted = np.concatenate([self._rest, weighted])
        whole = len(weighted) // self._step * self._step
        self._powers.append(np.mean(np.square(weighted[:whole].reshape(-1, self._step)), axis=1))
        self._rest = weighted[whole:]

    def short_term(self) -> list[float | None]:
        """Return LUFS of the three seconds before each full second (EBU Tech 3341), None where there is silence."""
        steps = np.concatenate([np.zeros(0), *self._powers])
        values: list[float | None] = []
        for end in range(STEPS_PER_SECOND, len(steps) + 1, STEPS_PER_SECOND):
            power = float(steps[max(0, end - 3 * STEPS_PER_SECOND) : end].mean())
            values.append(_loudness(power) if power > _power(ABSOLUTE_GATE) else None)
        return values

    def integrated(self) -> float | None:
        """Return LUFS, or None if there are less than 400 ms or all is silence."""
        steps = np.concatenate([np.zeros(0), *self._powers])
        if len(steps) < STEPS_PER_BLOCK:
            return None
        blocks = np.lib.stride_tricks.sliding_window_view(steps, STEPS_PER_BLOCK).mean(axis=1)
        blocks = blocks[blocks > _power(ABSOLUTE_GATE)]
        if not len(blocks):
            return None
        blocks = blocks[blocks > _power(_loudness(float(blocks.mean())) + RELATIVE_GATE)]
        return _loudness(float(blocks.mean()))


def measure_loudness(samples: Samples, sample_rate: int) -> float:
    """Return the integrated loudness in LUFS of float32 samples of shape (T,).

    Raises `AudioError` if there are less than 400 ms or nothing but silence: both have no loudness.
    """
    check_samples(samples, sample_rate)
    meter = LoudnessMeter(sample_rate)
    size = BLOCK_SECONDS * sample_rate
    for start in range(0, len(samples), size):
        meter.add(samples[start : start + size])
    loudness = meter.integrated()
    if loudness is None:
        seconds = len(samples) / sample_rate
        raise AudioError(f"{seconds:.2f} s of audio have no loudness: shorter than 0.4 s or silent; nothing to measure")
    return loudness


def measure_true_peak(samples: Samples, sample_rate: int) -> float:
    """Return the highest true peak in dBTP of float32 samples of shape (T,); `AudioError` if there is only silence."""
    check_samples(samples, sample_rate)
    size = BLOCK_SECONDS * sample_rate
    stream = soxr.ResampleStream(sample_rate, OVERSAMPLING * sample_rate, 1, dtype="float32", quality="HQ")
    highest = 0.0
    for start in range(0, len(samples), size):
        block = samples[start : start + size]
        oversampled = stream.resample_chunk(block, last=start + size >= len(samples))
        highest = max(highest, float(np.abs(block).max()), float(np.abs(oversampled).max(initial=0.0)))
    if highest == 0.0:
        raise AudioError("the audio is digital silence; it has no peak")
    return 20.0 * math.log10(highest)


def _loudness(power: float) -> float:
    return -0.691 + 10.0 * math.log10(power)


def _power(loudness: float) -> float:
    return float(10.0 ** ((loudness + 0.691) / 10.0))


def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Return the two K-weighting filters as second-order sections for any rate.

    BS.1770 tabulates coefficients for 48 kHz; these are the analogue filters behind that table, a high shelf (head) and
    a high pass, taken to `sample_rate` by the bilinear transform. At 48 kHz they give the table (tested).
    """
    shelf_frequency, shelf_gain, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    pass_frequency, pass_q = 38.13547087602444, 0.5003270373238773
    warped = math.tan(math.pi * shelf_frequency / sample_rate)
    high = 10.0 ** (shelf_gain / 20.0)
    middle = high**0.4996667741545416
    norm = 1.0 + warped / shelf_q + warped**2
    shelf = [
        (high + middle * warped / shelf_q + warped**2) / norm,
        2.0 * (warped**2 - high) / norm,
        (high - middle * warped / shelf_q + warped**2) / norm,
        1.0,
        2.0 * (warped**2 - 1.0) / norm,
        (1.0 - warped / shelf_q + warped**2) / norm,
    ]
    warped = math.tan(math.pi * pass_frequency / sample_rate)
    norm = 1.0 + warped / pass_q + warped**2
    high_pass = [1.0, -2.0, 1.0, 1.0, 2.0 * (warped**2 - 1.0) / norm, (1.0 - warped / pass_q + warped**2) / norm]
    return np.asarray([shelf, high_pass])
