"""Cuts: crops, gaps and splices."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.watermark.attack import RATE, Attack, Goal, Material, Samples, Severity

FRAME = RATE // 100  # 10 ms, as packets on a bad line


def cropped(samples: Samples, rng: np.random.Generator, *, seconds: float) -> Samples:
    """Keep `seconds` from a random sample on; all of it if there is not more."""
    length = min(len(samples), round(seconds * RATE))
    start = int(rng.integers(len(samples) - length + 1))
    return samples[start : start + length]


def dropped(samples: Samples, rng: np.random.Generator, *, share: float) -> Samples:
    """Silence a share of all stretches of 10 ms."""
    lost = rng.random(-(-len(samples) // FRAME)) < share
    return np.where(np.repeat(lost, FRAME)[: len(samples)], np.float32(0), samples)


def cut_out(samples: Samples, rng: np.random.Generator, *, share: float) -> Samples:
    """Remove a share of the sound in ten pieces at random places, as an editor who shortens pauses and words."""
    length = round(len(samples) * share / 10)
    keep = np.ones(len(samples), dtype=bool)
    for start in rng.integers(0, max(1, len(samples) - length), 10):
        keep[start : start + length] = False
    return samples[keep]


def shuffled(samples: Samples, rng: np.random.Generator, *, seconds: float) -> Samples:
    """Cut into pieces of `seconds` and play them in random order."""
    size = round(seconds * RATE)
    pieces = [samples[start : start + size] for start in range(0, len(samples), size)]
    return np.concatenate([pieces[number] for number in rng.permutation(len(pieces))])


def swapped(samples: Samples, rng: np.random.Generator, *, material: Material, seconds: float) -> Samples:
    """Exchange the two halves and put `seconds` of foreign speech between them."""
    middle = len(samples) // 2
    foreign = material.a_piece_of(material.speech, round(seconds * RATE), rng)
    return np.concatenate([samples[middle:], foreign, samples[:middle]])


def edit_attacks(material: Material) -> list[Attack]:
    """Return crops, gaps and splices; every clip of the benchmark is a crop at a random sample before any of them."""
    mild, strong = Severity.MILD, Severity.STRONG
    return [
        Attack("crop-10s", "edit", mild, partial(cropped, seconds=10), moves=True),
        Attack("crop-5s", "edit", strong, partial(cropped, seconds=5), moves=True),
        Attack("dropout-10pct", "edit", mild, partial(dropped, share=0.10)),
        Attack("dropout-30pct", "edit", strong, partial(dropped, share=0.30)),
        Attack("cuts-5pct", "edit", strong, partial(cut_out, share=0.05), moves=True),
        Attack("shuffle-250ms", "edit", strong, partial(shuffled, seconds=0.25), moves=True),
        Attack("halves-swapped", "edit", strong, partial(swapped, material=material, seconds=8), moves=True),
    ]


def clean(samples: Samples, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Change nothing."""
    return samples


CLEAN = Attack("clean", "none", Severity.NONE, clean, Goal.NINETY_NINE)
