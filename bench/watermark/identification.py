"""Part `identification`: how many seconds it takes to name the episode, and that it never names a wrong one.

Clips of several lengths from random samples on, some of them damaged, against registries of ten thousand and a million
episodes. Then sound that must not be identified: without a mark, marked under another key, and marked for episodes that
are not in the registry.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict

from bench.watermark.attack import RATE, Samples
from bench.watermark.bench import SMALL_REGISTRY, Bench, cuts, version_of
from bench.watermark.sources import KINDS
from bench.watermark.systems.ours import KEY, Keyed
from synth.adapters.keyed import KeyedMark
from synth.watermark import Payload

SECONDS = (6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
CONDITIONS = ("clean", "opus-16k", "white-10db", "speed-1.05")
CLIPS = 1  # of every length from every programme
STRANGERS = 3  # clips of each sort that must not be identified, from every programme


def measure(bench: Bench) -> None:
    """Identify clips that carry both marks, and fail to identify those that must not be."""
    sizes = sorted({min(SMALL_REGISTRY, bench.size.episodes), bench.size.episodes})
    lengths = (10.0, 20.0) if bench.size.quick else SECONDS
    attacks = [attack for attack in bench.attacks if attack.name in CONDITIONS]
    work = [
        (size, programme, attack, seconds)
        for size in sizes
        for kind in KINDS
        for programme in bench.programmes(kind)
        for attack in attacks
        for seconds in lengths
        if _key(bench, size, kind, programme.number, attack.name, f"{seconds:g}") not in bench.store
    ]
    for size, programme, attack, seconds in bench.each(work, "identification"):
        reader = bench.keyed(size)
        marked = bench.marked((bench.audioseal, reader), programme)
        outcomes = []
        for number, (start, clip) in enumerate(cuts(marked, CLIPS, seconds, 1_000 + programme.number)):
            began = time.process_time()
            outcome = asdict(reader.detect(attack(clip, seed=number), programme.episode_id, attack.place(start)))
            outcomes.append(outcome | {"seconds": round(time.process_time() - began, 3)})
        key = _key(bench, size, programme.kind, programme.number, attack.name, f"{seconds:g}")
        bench.store.put(key, outcomes)
    _strangers(bench)


def _strangers(bench: Bench) -> None:
    reader = bench.keyed()
    work = [
        (name, kind, programme.number)
        for name in ("unmarked", "other key", "episode not in the registry")
        for kind in KINDS
        for programme in bench.programmes(kind)
        if _key(bench, len(reader.registry), kind, programme.number, name, "20") not in bench.store
    ]
    for name, kind, number in bench.each(work, "must not be identified"):
        samples = _stranger(bench, reader, name, kind, number)
        outcomes = [
            asdict(reader.detect(clip, ""))
            for _, clip in cuts(samples, 1 if bench.size.quick else STRANGERS, 20.0, 2_000 + number)
        ]
        bench.store.put(_key(bench, len(reader.registry), kind, number, name, "20"), outcomes)


def _stranger(bench: Bench, reader: Keyed, name: str, kind: str, number: int) -> Samples:
    """Return a programme that the reader must not identify; half a minute of it, where it has to be marked first."""
    samples = bench.programmes(kind)[number].samples
    if name == "unmarked":
        return samples
    samples = samples[: 30 * RATE]
    if name == "other key":
        other = KeyedMark(key=hashlib.sha256(KEY).digest())
        return other.embed(samples, RATE, Payload(bench.programmes(kind)[number].episode_id))
    return reader.embed(samples, f"not released {kind} {number}")


def _key(bench: Bench, size: int, kind: str, number: int, condition: str, seconds: str) -> tuple[str, ...]:
    return ("identification", version_of(bench.keyed(size)), str(size), kind, str(number), condition, seconds)


def cells(bench: Bench) -> Iterator[tuple[int, str, str, float, list[dict[str, object]]]]:
    """Yield what was measured: registry size, kind of sound, condition, seconds, outcomes."""
    for (_, size, kind, _, condition, seconds), outcomes in bench.found("identification"):
        yield int(size), kind, condition, float(seconds), outcomes
