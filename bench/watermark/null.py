"""Part `null`: how often chance matches, counted millions of times, beside the proven bounds.

1. Keys drawn anew. The sound stays (unmarked clips of 20 s of all kinds, some of them damaged, because a null must hold
   for any sound): a new network decodes all clips, then for this network tens of thousands of word keys are drawn, each
   with the words of one random episode at one random place. Every word key is compared with every clip.
2. Other episodes. The sound is marked, and is compared, where its own episode fits, with the words of a million others
   under the same key: a mark must not speak for an episode that it was not made for.

Two bounds are put to the test: P(z ≥ t) ≤ exp(-t²/2), and the sharper one of `synth.keyed.bound`, which depends on the
clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.watermark.attack import RATE, Samples
from bench.watermark.bench import Bench, cuts, version_of
from bench.watermark.keyed_parts import needed_z, others_words, random_words, soft_bits
from bench.watermark.systems.ours import KEY
from synth.keyed.spectrum import BLOCK

DAMAGE = ("clean", "mp3-16k", "white-10db", "highpass-1500hz", "music-0db")
SECONDS = 20.0
EDGES = np.round(np.arange(-9.0, 9.0001, 0.05), 2)  # of the histogram of z
GROUP = 4_096  # comparisons whose maximum is kept, as a search keeps its best alignment
KEYS, OTHERS = ("null", "keys"), ("null", "others")
FIRST = 2  # block at which marked clips begin
POWERS = range(1, 9)  # of ten: bounds whose truth is counted
BATCH = 4_096  # words at a time; their maximum is kept, as a search keeps its best alignment


def measure(bench: Bench) -> None:
    """Fill the histograms: one for every network key, one for every marked clip."""
    version = version_of(bench.keyed())
    networks = [str(number) for number in range(bench.size.networks)]
    work = [name for name in networks if (*KEYS, version, name, str(bench.size.words)) not in bench.store]
    clips = list(_negatives(bench)) if work else []
    for name in bench.each(work, "null, keys drawn anew"):
        rng = np.random.default_rng([7, int(name)])
        key = rng.bytes(32)
        soft = [soft_bits(key, clip) for clip in clips]
        words = partial(random_words, rng, blocks=len(soft[0]))
        counted = _counted(soft, words, bench.size.words)
        bench.store.put((*KEYS, version, name, str(bench.size.words)), counted)
    others = bench.size.words * bench.size.networks // 3
    for programme in bench.each(bench.every_programme(1), "null, other episodes"):
        if (*OTHERS, version, programme.kind, str(others)) in bench.store:
            continue
        rng = np.random.default_rng([8, programme.number])
        start = FIRST * BLOCK
        marked = bench.marked((bench.audioseal, bench.keyed()), programme)[start : start + round(SECONDS * RATE)]
        soft = [soft_bits(KEY, marked)]
        words = partial(others_words, KEY, rng, first=FIRST, blocks=len(soft[0]))
        counted = _counted(soft, words, others)
        bench.store.put((*OTHERS, version, programme.kind, str(others)), counted)


def _counted(
    soft: list[NDArray[np.float32]], words: Callable[[int], NDArray[np.float32]], count: int
) -> dict[str, Any]:
    """Compare `count` words (asked for in batches) with all soft bits; return what the tables need."""
    soft = [one for one in soft if one.any()]
    directions = np.stack([one.ravel() / np.linalg.norm(one) for one in soft]).astype(np.float32).T
    needed = np.array([[needed_z(one, 10.0**-power) for one in soft] for power in POWERS])
    exceeded = np.zeros(len(POWERS), dtype=np.int64)
    counts = np.zeros(len(EDGES) - 1, dtype=np.int64)
    maxima: list[float] = []
    total = square = 0.0
    batches = -(-count // BATCH)
    for _ in range(batches):
        z = words(BATCH) @ directions  # (words, clips)
        exceeded += [int((z >= row).sum()) for row in needed]
        counts += np.histogram(z, EDGES)[0]
        total, square = total + float(z.sum()), square + float((z.astype(np.float64) ** 2).sum())
        maxima += z.max(axis=0).tolist()
    return {
        "words": BATCH * batches,
        "clips": len(soft),
        "histogram": counts.tolist(),
        "sum": total,
        "square": square,
        "exceeded": exceeded.tolist(),
        "maxima": np.histogram(maxima, EDGES)[0].tolist(),
    }


def gathered(bench: Bench, which: tuple[str, str] = KEYS) -> dict[str, Any] | None:
    """Return all histograms of one sort added up, or None if there are none.

    `tail` and `maxima` are pairs (t, number of values ≥ t); `exceeded` counts values beyond the sharper bound for
    10^-1, 10^-2 and so on.
    """
    parts = [value for _, value in bench.found(*which)]
    if not parts:
        return None
    histogram = np.sum([part["histogram"] for part in parts], axis=0)
    maxima = np.sum([part["maxima"] for part in parts], axis=0)
    trials = int(histogram.sum())
    mean = sum(part["sum"] for part in parts) / trials
    return {
        "parts": len(parts),
        "words": sum(part["words"] for part in parts),
        "clips": parts[0]["clips"],
        "trials": trials,
        "mean": mean,
        "sd": math.sqrt(sum(part["square"] for part in parts) / trials - mean**2),
        "tail": _tail(histogram),
        "exceeded": np.sum([part["exceeded"] for part in parts], axis=0).tolist(),
        "searches": int(maxima.sum()),
        "maxima": _tail(maxima),
    }


def _tail(histogram: NDArray[np.int64]) -> list[tuple[float, int]]:
    """Return (t, number of z ≥ t) for t ≥ 0, as far as there are any."""
    beyond = histogram[::-1].cumsum()[::-1]
    return [(float(t), int(n)) for t, n in zip(EDGES[:-1], beyond, strict=True) if t >= 0 and n > 0]


def _negatives(bench: Bench) -> Iterator[Samples]:
    damage = [attack for attack in bench.attacks if attack.name in DAMAGE]
    for number, programme in enumerate(bench.every_programme(min(4, bench.size.programmes))):
        for _, clip in cuts(programme.samples, 2, SECONDS, 3_000 + number):
            yield damage[number % len(damage)](clip, seed=number)
