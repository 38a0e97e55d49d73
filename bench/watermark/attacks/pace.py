"""Speed, pitch and tempo."""

from __future__ import annotations

from functools import partial

import numpy as np
import soxr

from bench.watermark.attack import RATE, Attack, Goal, Samples, Severity, fitted
from bench.watermark.attacks.ffmpeg import filtered

SEMITONE = 2 ** (1 / 12)


def sped(samples: Samples, rng: np.random.Generator, *, factor: float) -> Samples:  # noqa: ARG001
    """Play `factor` times as fast, as a tape would: pitch and pace change together."""
    return soxr.resample(samples, RATE * factor, RATE).astype(np.float32)


def pitched(samples: Samples, rng: np.random.Generator, *, factor: float) -> Samples:  # noqa: ARG001
    """Multiply all frequencies and keep the pace: the spectral stretcher Signalsmith Stretch, its delay removed.

    Raises `ImportError` where `python-stretch` is not installed.
    """
    from python_stretch import Signalsmith

    stretch = Signalsmith.Stretch()
    stretch.preset(1, RATE)
    stretch.setTransposeFactor(factor)
    delay = stretch.inputLatency() + stretch.outputLatency()
    padded = np.pad(samples, (0, delay))[None].astype(np.float32)
    return fitted(np.asarray(stretch.process(padded))[0][delay:], len(samples))


def paced(samples: Samples, rng: np.random.Generator, *, factor: float) -> Samples:
    """Play `factor` times as fast at the same pitch: FFmpeg's `atempo`, which overlaps waveforms as players do."""
    return filtered(samples, rng, graph=(("atempo", f"{factor}"),))


def pace_attacks() -> list[Attack]:
    """Return changes of speed by ±2, 5 and 10 %, of pitch by ± one semitone, of tempo by ±5 and 10 %."""
    mild, strong = Severity.MILD, Severity.STRONG
    attacks = [
        Attack(
            f"speed-{factor:g}",
            "speed",
            mild if abs(factor - 1) < 0.06 else strong,
            partial(sped, factor=factor),
            Goal.NINETY_NINE,
            rate=factor,
            tempo=factor,
        )
        for factor in (0.90, 0.95, 0.98, 1.02, 1.05, 1.10)
    ]
    attacks += [
        Attack(
            f"pitch{semitones:+d}",
            "pitch",
            strong,
            partial(pitched, factor=SEMITONE**semitones),
            Goal.NINETY_NINE,
            rate=SEMITONE**semitones,
        )
        for semitones in (-1, 1)
    ]
    attacks += [
        Attack(
            f"tempo-{factor:g}",
            "tempo",
            mild if abs(factor - 1) < 0.06 else strong,
            partial(paced, factor=factor),
            tempo=factor,
        )
        for factor in (0.90, 0.95, 1.05, 1.10)
    ]
    return attacks
