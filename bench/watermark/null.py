"""Part `null`: how often chance matches, counted with keys drawn anew millions of times, beside the proven bounds.

The sound stays (unmarked clips of 20 s of all kinds, some of them damaged, because a null must hold for any sound) and
the keys change: a new network decodes all clips, then for this network tens of thousands of word keys are drawn, each
with the words of one random episode at one random place. Every word key is compared with every clip. Two bounds are put
to the test: P(z ≥ t) ≤ exp(-t²/2), and the sharper one of `synth.keyed.bound`, which depends on the clip.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.watermark.attack import Samples
from bench.watermark.bench import Bench, cuts, version_of
from bench.watermark.keyed_parts import BITS, needed_z, random_words, soft_bits

DAMAGE = ("clean", "mp3-16k", "white-10db", "highpass-1500hz", "music-0db")
SECONDS = 20.0
EDGES = np.round(np.arange(-9.0, 9.0001, 0.05), 2)  # of the histogram of z
GROUP = 4_096  # comparisons whose maximum is kept, as a search keeps its best alignment
POWERS = range(1, 9)  # of ten: bounds whose truth is counted
BATCH = 4_096  # word keys at a time


def measure(bench: Bench) -> None:
    """Fill a histogram of z for every network key."""
    clips = list(_negatives(bench))
    version = version_of(bench.keyed())
    work = [
        number
        for number in range(bench.size.networks)
        if ("null", version, str(number), str(bench.size.words)) not in bench.store
    ]
    for number in bench.each(work, "null"):
        rng = np.random.default_rng([7, number])
        soft = np.stack([soft_bits(rng.bytes(32), clip).ravel() for clip in clips])  # (clips, blocks · bits)
        soft = soft[np.linalg.norm(soft, axis=1) > 0]
        needed = np.array([[needed_z(one.reshape(-1, BITS), 10.0**-power) for one in soft] for power in POWERS])
        exceeded = np.zeros(len(POWERS), dtype=np.int64)
        directions = (soft / np.linalg.norm(soft, axis=1, keepdims=True)).astype(np.float32).T
        counts = np.zeros(len(EDGES) - 1, dtype=np.int64)
        maxima: list[float] = []
        total = square = 0.0
        for _ in range(-(-bench.size.words // BATCH)):
            z = random_words(rng, BATCH, soft.shape[1] // BITS) @ directions  # (words, clips)
            exceeded += [(z >= row).sum() for row in needed]
            counts += np.histogram(z, EDGES)[0]
            total, square = total + float(z.sum()), square + float((z.astype(np.float64) ** 2).sum())
            maxima += z.max(axis=0).tolist()
        bench.store.put(
            ("null", version, str(number), str(bench.size.words)),
            {
                "keys": BATCH * -(-bench.size.words // BATCH),
                "clips": directions.shape[1],
                "histogram": counts.tolist(),
                "sum": total,
                "square": square,
                "exceeded": exceeded.tolist(),
                "maxima": np.histogram(maxima, EDGES)[0].tolist(),
            },
        )


def gathered(bench: Bench) -> dict[str, Any] | None:
    """Return all histograms added up, or None: keys, trials, mean, sd, tail (t, count, bound), the same of maxima."""
    parts = [value for _, value in bench.found("null")]
    if not parts:
        return None
    histogram = np.sum([part["histogram"] for part in parts], axis=0)
    maxima = np.sum([part["maxima"] for part in parts], axis=0)
    trials = int(histogram.sum())
    mean = sum(part["sum"] for part in parts) / trials
    return {
        "networks": len(parts),
        "keys": sum(part["keys"] for part in parts),
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
