"""Plain spread spectrum with a key: the floor that anything newer must beat.

Cox et al. (1997) in its simplest form: a pseudo-random noise of one second, in the band of speech, is added under the
envelope of the sound; sixteen further noises carry one bit each by their sign. Reading whitens the sound, folds it to
one second and correlates at every offset.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from bench.watermark.attack import RATE, Place, Samples
from bench.watermark.systems.port import Outcome
from synth.watermark import Payload

BITS = 16
PERIOD = RATE  # samples after which the noise repeats
FALSE_ALARMS = 1e-3  # per clip, from the maximum over all offsets under a Gaussian null


class SpreadSpectrum:
    """The floor; `strength` in decibels below the sound."""

    name = "Spread spectrum (floor)"
    version = "1"
    rule = "peak correlation, false alarms 1e-3"

    def __init__(self, *, key: int = 20_261_125, strength: float = 24.0) -> None:
        noise = np.random.default_rng(key).standard_normal((BITS + 1, PERIOD))
        band = np.fft.rfftfreq(PERIOD, 1 / RATE)
        spectra = np.fft.rfft(noise) * ((band > 500) & (band < 4_000))
        noise = np.fft.irfft(spectra, PERIOD)
        self._noise = noise / np.sqrt(np.mean(noise**2, axis=1, keepdims=True))
        self._gain = 10 ** (-strength / 20)

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Add the pilot and the sixteen signed noises under the 20 ms envelope."""
        mark = (2 * self._noise[0] + self._signs(episode_id) @ self._noise[1:]) / math.sqrt(4 + BITS)
        envelope = np.sqrt(uniform_filter1d(samples.astype(np.float64) ** 2, 320).clip(0))
        return (samples + self._gain * envelope * np.resize(mark, len(samples))).astype(np.float32)

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:  # noqa: ARG002
        """Correlate with the pilot at every offset of a second; read the bits at the best one."""
        white = np.diff(sosfiltfilt(butter(4, (500, 4_000), "bandpass", fs=RATE, output="sos"), samples), prepend=0)
        white = white / np.sqrt(uniform_filter1d(white**2, 320).clip(1e-12))
        folded = np.pad(white, (0, -len(white) % PERIOD)).reshape(-1, PERIOD).sum(axis=0)
        heard = np.fft.rfft(folded)
        reference = np.fft.rfft(np.diff(self._noise, prepend=self._noise[:, -1:]))
        correlation = np.fft.irfft(heard * np.conj(reference), PERIOD)
        z = correlation / (correlation.std(axis=1, keepdims=True) + 1e-12)
        offset = int(np.argmax(np.abs(z[0])))
        needed = math.sqrt(2 * math.log(2 * PERIOD / FALSE_ALARMS))
        agree = np.sign(z[1:, offset]) * np.sign(z[0, offset]) == self._signs(episode_id)
        detected = bool(abs(z[0, offset]) >= needed)
        right = detected and bool(agree.all()) and episode_id != ""
        return Outcome(
            detected=detected,
            right=right,
            wrong=detected and not right,
            bit_accuracy=float(agree.mean()),
            score=float(abs(z[0, offset])),
            threshold=needed,
        )

    def _signs(self, episode_id: str) -> np.ndarray:
        message = Payload(episode_id).message(BITS)
        return np.array([1.0 if message >> bit & 1 else -1.0 for bit in range(BITS)])
