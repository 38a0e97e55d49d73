"""Makes another voice out of the spectra and the pitch that the engine's network returns (pure).

The network's log magnitudes are no spectral envelope: between the harmonics of its own pitch they are arbitrary, and in
glides of pitch they make up for energy that the window smears. Moved under other harmonics they would boom. So the
envelope is taken from what is really heard, the excitation times the magnitudes, smoothed over more than the distance
of two harmonics (source-filter model; the smoothing is that of a homomorphic vocoder with a Gaussian window), and put
on the excitation of the new pitch.
"""

from __future__ import annotations

import numpy as np
from hibari import dsp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Spectrum = NDArray[np.float32]  # shape (BINS, frames)

DERIVATION = 1  # number of the method; raise it when the sound of a derived voice changes
BINS = 601  # 20 Hz apart
UNVOICED_BELOW = np.float32(40.0)  # Hz; the engine's own threshold
MISSING_BINS_DROP = np.float32(6.0)  # natural log, 52 dB, for bins that a lowered envelope leaves without a source
SMOOTHING_BINS = 6.0  # standard deviation: 120 Hz, which levels harmonics up to 300 Hz apart to a tenth
_FLOOR = np.float32(1e-10)  # of power; far below anything heard
_LOG_RANGE = (np.float32(-20.0), np.float32(7.0))  # the engine cuts off at 7 itself


def derive(outputs: list[NDArray[np.float32]], *, pitch: float, formant: float) -> list[NDArray[np.float32]]:
    """Return the network's six outputs with the pitch times `pitch` and the formants times `formant`.

    `outputs` are the log magnitude and phase parameter of the harmonics, the log magnitude of the noise, the log
    magnitude and phase of the free part (each of shape (601, frames)) and the pitch in Hz (frames,). Both factors 1.0
    return them untouched.
    """
    if pitch == 1.0 and formant == 1.0:
        return outputs
    harmonic, phase, noise, free, free_phase, f0 = outputs
    shifted = _shift(f0, pitch)
    heard = _smooth(_excitation(f0) * np.exp(2.0 * np.minimum(harmonic, _LOG_RANGE[1])))
    envelope = _warp(0.5 * np.log(heard + _FLOOR), formant)
    magnitude = envelope - 0.5 * np.log(_smooth(_excitation(shifted)) + _FLOOR)
    return [
        np.clip(magnitude, *_LOG_RANGE).astype(np.float32),
        _move(phase, formant),
        _warp(noise, formant),
        _warp(free, formant),
        _move(free_phase, formant),
        shifted,
    ]


def _excitation(f0: NDArray[np.float32]) -> Spectrum:
    """Return the power spectrum of the pulse train that the engine makes for this pitch."""
    power: Spectrum = np.square(np.abs(dsp.stft(dsp.pulses(f0), len(f0))))
    return power


def _smooth(power: Spectrum) -> Spectrum:
    smooth: Spectrum = gaussian_filter1d(power, SMOOTHING_BINS, axis=0, mode="nearest")
    return smooth


def _shift(f0: NDArray[np.float32], pitch: float) -> NDArray[np.float32]:
    """Multiply the pitch of voiced frames, keeping voiced frames voiced and unvoiced ones unvoiced."""
    lowest = np.nextafter(UNVOICED_BELOW, np.float32(np.inf))
    shifted = np.maximum(f0 * np.float32(pitch), lowest)
    return np.where(f0 > UNVOICED_BELOW, shifted, f0)


def _sources(factor: float) -> NDArray[np.float64]:
    """Return for each bin the position in the source that it takes its value from."""
    return np.clip(np.arange(BINS, dtype=np.float64) / factor, 0, BINS - 1)


def _warp(magnitude: Spectrum, factor: float) -> Spectrum:
    """Stretch log magnitudes along frequency by `factor`."""
    source = _sources(factor)
    below = np.floor(source).astype(np.int64)
    above = np.minimum(below + 1, BINS - 1)
    weight = (source - below).astype(np.float32)[:, None]
    warped: Spectrum = magnitude[below] * (1 - weight) + magnitude[above] * weight
    first_missing = int(BINS * factor)
    if first_missing < BINS:
        warped[first_missing:] -= MISSING_BINS_DROP
    return warped


def _move(phase: Spectrum, factor: float) -> Spectrum:
    """Move phases along frequency; they wrap around, so they are never interpolated."""
    return phase[np.rint(_sources(factor)).astype(np.int64)]
