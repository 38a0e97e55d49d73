"""Level, dynamics, clipping and quantisation."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.watermark.attack import Attack, Samples, Severity
from bench.watermark.attacks.ffmpeg import filtered


def gain(samples: Samples, rng: np.random.Generator, *, decibels: float) -> Samples:  # noqa: ARG001
    """Turn the volume up or down."""
    return samples * np.float32(10 ** (decibels / 20))


def clipped(samples: Samples, rng: np.random.Generator, *, share: float) -> Samples:  # noqa: ARG001
    """Cut everything beyond the level that a share of the non-silent samples exceeds."""
    sizes = np.abs(samples[np.abs(samples) > 1e-4])
    limit = np.quantile(sizes, 1 - share) if len(sizes) else 1.0
    return np.clip(samples, -limit, limit).astype(np.float32)


def quantised(samples: Samples, rng: np.random.Generator, *, bits: int) -> Samples:  # noqa: ARG001
    """Round to 2^bits levels over full scale, after bringing the peak there; no dither."""
    peak = float(np.abs(samples).max(initial=1e-9))
    steps = 2.0 ** (bits - 1) - 1
    return (np.round(samples / peak * steps) / steps * peak).astype(np.float32)


def level_attacks() -> list[Attack]:
    """Return changes of level."""
    mild, strong = Severity.MILD, Severity.STRONG
    compressor = (("acompressor", "threshold=0.03:ratio=4:attack=5:release=80:makeup=2"),)
    limiter = (("volume", "12dB"), ("alimiter", "limit=0.25:level=0"), ("volume", "-6dB"))
    return [
        Attack("gain-20db-down", "level", mild, partial(gain, decibels=-20)),
        Attack("clip-1pct", "level", mild, partial(clipped, share=0.01)),
        Attack("clip-10pct", "level", strong, partial(clipped, share=0.10)),
        Attack("quantise-8bit", "level", mild, partial(quantised, bits=8)),
        Attack("quantise-6bit", "level", strong, partial(quantised, bits=6)),
        Attack("compressor", "level", mild, partial(filtered, graph=compressor)),
        Attack("limiter", "level", mild, partial(filtered, graph=limiter, delay=0.005)),
    ]
