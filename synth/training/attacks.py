"""What a copy of a clip may go through, on arrays at 16 kHz: for training in the loop, and by name for measuring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from synth.training import codecs

Samples = NDArray[Any]
"""Floating-point samples (T,); an attack may give back float64."""
Attack = Callable[[Samples, np.random.Generator], Samples]
RATE: Final = 16_000


def _resample(sound: Samples, source: int, target: int) -> Samples:
    out: Samples = soxr.resample(sound, source, target)
    return out


def coded(name: str, kilobits: int, rate: int = RATE) -> Attack:
    """Encode at `rate` hertz and decode again; the codec's delay stays in."""

    def apply(sound: Samples, _: np.random.Generator) -> Samples:
        through = {"mp3": codecs.mp3, "aac": codecs.aac, "opus": codecs.opus, "vorbis": codecs.vorbis}[name]
        decoded, got = through(_resample(sound, RATE, rate).astype(np.float32), rate, kilobits)
        return _resample(decoded, got, RATE).astype(np.float32)

    return apply


def telephone(sound: Samples, _: np.random.Generator) -> Samples:
    """8 kHz sampling and mu-law, as in G.711."""
    low = np.clip(_resample(sound, RATE, 8_000), -1, 1)
    pressed = np.round(127 * np.sign(low) * np.log1p(255 * np.abs(low)) / np.log(256)) / 127
    return _resample(np.sign(pressed) * np.expm1(np.abs(pressed) * np.log(256)) / 255, 8_000, RATE)


def half_rate(sound: Samples, _: np.random.Generator) -> Samples:
    """To 8 kHz and back."""
    return _resample(_resample(sound, RATE, 8_000), 8_000, RATE)


def noise(decibels: float) -> Attack:
    """White noise, `decibels` below the sound."""

    def apply(sound: Samples, rng: np.random.Generator) -> Samples:
        size = np.sqrt(np.mean(sound**2)) * 10 ** (-decibels / 20)
        noisy: Samples = sound + size * rng.standard_normal(sound.size)
        return noisy

    return apply


def band(kind: str, hertz: float) -> Attack:
    """Butterworth filter of order 6; `kind` is "lowpass" or "highpass"."""
    sections = butter(6, hertz, btype=kind, fs=RATE, output="sos")

    def apply(sound: Samples, _: np.random.Generator) -> Samples:
        filtered: Samples = sosfilt(sections, sound)
        return filtered

    return apply


def gain(decibels: float) -> Attack:
    """Louder or softer, clipped at full scale."""
    return lambda sound, _: np.clip(sound * 10 ** (decibels / 20), -1, 1)


def eight_bits(sound: Samples, _: np.random.Generator) -> Samples:
    """Quantise to 256 steps."""
    return np.round(sound * 127) / 127


def equaliser(decibels: float) -> Attack:
    """Six random bands of up to `decibels` more or less."""

    def apply(sound: Samples, rng: np.random.Generator) -> Samples:
        hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
        points = np.log2([60, 200, 500, 1_200, 2_500, 5_000])
        curve = np.interp(np.log2(np.maximum(hertz, 30)), points, rng.uniform(-decibels, decibels, 6))
        return np.fft.irfft(np.fft.rfft(sound) * 10 ** (curve / 20), n=sound.size)

    return apply


def echo(sound: Samples, _: np.random.Generator) -> Samples:
    """One repetition after 200 ms at 0.4."""
    out = sound.copy()
    out[3_200:] += 0.4 * sound[:-3_200]
    return out


def reverb(seconds: float, direct: float = 0.5) -> Attack:
    """Exponentially falling noise, T60 `seconds`, with `direct` of the energy in the direct sound."""

    def apply(sound: Samples, rng: np.random.Generator) -> Samples:
        time = np.arange(int(seconds * RATE)) / RATE
        tail = rng.standard_normal(time.size) * 10 ** (-3 * time / seconds)
        response = tail * np.sqrt((1 - direct) / np.sum(tail**2))
        response[0] += np.sqrt(direct)
        wet: Samples = fftconvolve(sound, response)[: sound.size]
        return wet

    return apply


def clip(sound: Samples, _: np.random.Generator) -> Samples:
    """Cut the peaks off at half of the highest."""
    limit = 0.5 * float(np.abs(sound).max())
    return np.clip(sound, -limit, limit)


MILD: Final[dict[str, Attack]] = {
    "mp3_64": coded("mp3", 64, 44_100),
    "mp3_32": coded("mp3", 32),
    "aac_64": coded("aac", 64, 44_100),
    "aac_32": coded("aac", 32),
    "vorbis_64": coded("vorbis", 64, 44_100),
    "opus_24": coded("opus", 24, 48_000),
    "opus_16": coded("opus", 16, 48_000),
    "telephone": telephone,
    "noise_30": noise(30),
    "noise_20": noise(20),
    "lowpass_3500": band("lowpass", 3_500),
    "highpass_300": band("highpass", 300),
    "resample_8k": half_rate,
    "louder_12": gain(12),
    "softer_12": gain(-12),
    "eight_bits": eight_bits,
    "equaliser_6": equaliser(6),
    "polarity": lambda sound, _: -sound,
    "echo": echo,
    "reverb_0.3": reverb(0.3),
    "clip": clip,
}
"""The mild half of the attack suite; a crop is in it by itself, because every clip starts anywhere."""

HARSH: Final[dict[str, Attack]] = {
    "mp3_16": coded("mp3", 16),
    "opus_12": coded("opus", 12, 48_000),
    "opus_6": coded("opus", 6, 48_000),
    "noise_10": noise(10),
    "highpass_1500": band("highpass", 1_500),
    "lowpass_1500": band("lowpass", 1_500),
    "reverb_0.8": reverb(0.8, 0.2),
}
"""Some of the other half, to see where the mark ends."""


def random_attack(sound: Samples, rng: np.random.Generator) -> Samples:
    """Apply one attack for training, of random strength, to `sound` (T,); same length."""
    kind = int(rng.integers(12))
    if kind == 0:
        name, rates, rate = [
            ("mp3", (24, 32, 48), RATE), ("aac", (24, 32, 48), RATE), ("opus", (12, 16, 24), 48_000),
            ("vorbis", (48, 64), 44_100), ("mp3", (48, 64), 44_100),
        ][int(rng.integers(5))]  # fmt: skip
        attack = coded(name, int(rng.choice(rates)), rate)
    elif kind <= 4:
        attack = noise(rng.uniform(10, 35))
    elif kind == 5:
        attack = band("lowpass", rng.uniform(2_500, 7_000))
    elif kind == 6:
        attack = band("highpass", rng.uniform(100, 1_200))
    elif kind == 7:
        attack = telephone
    elif kind == 8:
        attack = equaliser(9)
    elif kind == 9:
        attack = reverb(rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.8))
    elif kind == 10:
        attack = eight_bits if rng.random() < 0.5 else clip
    else:
        attack = echo
    out = attack(sound, rng)[: sound.size]
    return np.pad(out, (0, sound.size - out.size)).astype(np.float32)
