"""Filters, equalisers, phase and resampling."""

from __future__ import annotations

from functools import partial

import numpy as np
import soxr
from scipy.signal import butter, firwin2, oaconvolve, sosfilt

from bench.watermark.attack import RATE, Attack, Goal, Samples, Severity, fitted

ORDER = 6  # of the Butterworth filters


def butterworth(samples: Samples, rng: np.random.Generator, *, kind: str, hertz: object) -> Samples:  # noqa: ARG001
    """Low-, high- or band-pass of order 6 (a band-pass has order 6 on either side), run forwards once."""
    return sosfilt(butter(ORDER, hertz, kind, fs=RATE, output="sos"), samples).astype(np.float32)


def equaliser(samples: Samples, rng: np.random.Generator, *, decibels: float) -> Samples:
    """Turn every octave from 125 Hz up or down by a random amount of at most `decibels`; linear phase, no delay."""
    octaves = np.array([0, 125, 250, 500, 1000, 2000, 4000, 8000])
    gains = 10 ** (rng.uniform(-decibels, decibels, len(octaves)) / 20)
    taps = firwin2(511, octaves, gains, fs=RATE)
    return oaconvolve(samples, taps)[255 : 255 + len(samples)].astype(np.float32)


def resampled(samples: Samples, rng: np.random.Generator, *, hertz: int) -> Samples:  # noqa: ARG001
    """Sample at `hertz` and back."""
    return fitted(soxr.resample(soxr.resample(samples, RATE, hertz), hertz, RATE), len(samples))


def allpass(samples: Samples, rng: np.random.Generator) -> Samples:
    """Eight all-pass filters of second order at random frequencies: magnitudes stay, phases turn many times."""
    for hertz in rng.uniform(200, 6_000, 8):
        radius, angle = 1 - np.pi * rng.uniform(100, 400) / RATE, 2 * np.pi * hertz / RATE
        denominator = [1.0, -2 * radius * np.cos(angle), radius**2]
        section = np.array([[*denominator[::-1], *denominator]])
        samples = sosfilt(section, samples).astype(np.float32)
    return samples


def scrambled_phase(samples: Samples, rng: np.random.Generator, *, degrees: float) -> Samples:
    """Turn the phase of every cell of a short-time spectrum (32 ms) by a random angle of at most ±`degrees`."""
    size, hop = 512, 128
    padded = np.pad(samples, (size, size + -len(samples) % hop))
    window = np.hanning(size + 1)[:size]
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    spectrum = np.fft.rfft(frames, axis=1)
    spectrum *= np.exp(1j * np.deg2rad(rng.uniform(-degrees, degrees, spectrum.shape)))
    changed = np.fft.irfft(spectrum, size, axis=1) * window
    out, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for number, frame in enumerate(changed):
        out[number * hop : number * hop + size] += frame
        weight[number * hop : number * hop + size] += window**2
    return (out / np.maximum(weight, 1e-3))[size : size + len(samples)].astype(np.float32)


def polarity(samples: Samples, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Swap the wires."""
    return -samples


def filter_attacks() -> list[Attack]:
    """Return filters, equalisers, phase changes and resampling."""
    mild, strong = Severity.MILD, Severity.STRONG
    return [
        Attack("lowpass-3.5khz", "filter", mild, partial(butterworth, kind="lowpass", hertz=3_500), Goal.NINETY_NINE),
        Attack("highpass-300hz", "filter", mild, partial(butterworth, kind="highpass", hertz=300)),
        Attack("highpass-500hz", "filter", mild, partial(butterworth, kind="highpass", hertz=500)),
        Attack("highpass-1500hz", "filter", strong, partial(butterworth, kind="highpass", hertz=1_500)),
        Attack("telephone-band", "filter", mild, partial(butterworth, kind="bandpass", hertz=(300, 3_400))),
        Attack("equaliser-6db", "filter", mild, partial(equaliser, decibels=6)),
        Attack("equaliser-15db", "filter", strong, partial(equaliser, decibels=15)),
        Attack("resample-8khz", "filter", mild, partial(resampled, hertz=8_000), Goal.NINETY_NINE),
        Attack("polarity", "phase", mild, polarity, Goal.NINETY_NINE),
        Attack("allpass", "phase", mild, allpass),
        Attack("phase-60deg", "phase", strong, partial(scrambled_phase, degrees=60)),
    ]
