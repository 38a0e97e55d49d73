"""Part `localisation`: which seconds are marked, and of which episode they are.

Intersection over union of the seconds a layer names and the seconds that are marked, on a minute of unmarked sound with
one to three marked stretches of the same programme in it; and on splices, where also the place in the episode counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bench.watermark.attack import RATE, Samples
from bench.watermark.attacks.codecs import mp3
from bench.watermark.bench import Bench, version_of
from bench.watermark.sources import KINDS, Programme
from bench.watermark.systems.port import Outcome, System

GRID = 100  # points per second at which seconds are compared
MINUTE = 60 * RATE


@dataclass(frozen=True, slots=True)
class Truth:
    """A marked stretch: seconds in the clip, its episode, and where in the episode it starts."""

    start: float
    end: float
    episode_id: str
    episode_start: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip and what is true about it."""

    name: str
    samples: Samples = field(repr=False)
    truth: tuple[Truth, ...]


def measure(bench: Bench) -> None:
    """Compare the spans of AudioSeal and the passages of the keyed mark with the truth."""
    readers: tuple[System, ...] = (bench.audioseal, bench.keyed())
    versions = version_of(*readers)
    work = [
        (kind, programme)
        for kind in (KINDS[:1] if bench.size.quick else KINDS)
        for programme in bench.programmes(kind)
        if ("localisation", versions, kind, str(programme.number)) not in bench.store
    ]
    for kind, programme in bench.each(work, "localisation"):
        others = bench.programmes(kind)
        other = others[(programme.number + 1) % len(others)]
        results: list[dict[str, Any]] = []
        for scene in scenes(bench, programme, other):
            for coded in (False,) if bench.size.quick else (False, True):
                rng = np.random.default_rng(0)
                samples = mp3(64)(scene.samples, rng) if coded else scene.samples
                for reader in readers:
                    outcome = reader.detect(samples, programme.episode_id)
                    results.append(
                        {"scene": scene.name, "copy": "mp3-64k" if coded else "as marked", "reader": reader.name}
                        | judged(outcome, scene)
                        | {"outcome": asdict(outcome), "truth": [asdict(truth) for truth in scene.truth]}
                    )
        bench.store.put(("localisation", versions, kind, str(programme.number)), results)


def scenes(bench: Bench, programme: Programme, other: Programme) -> list[Scene]:
    """Return five clips of one to three marked stretches, or of parts of one or two episodes."""
    rng = np.random.default_rng([60, programme.number])
    marks: tuple[System, ...] = (bench.audioseal, bench.keyed())
    marked, clean = bench.marked(marks, programme), programme.samples
    found = [
        _stretches(programme, marked, clean, f"{count} marked stretch{'es' if count > 1 else ''}", lengths, rng)
        for count, lengths in ((1, (20.0,)), (2, (16.0, 14.0)), (3, (12.0, 12.0, 12.0)))
    ]
    strange = bench.material.a_piece_of(bench.material.speech, 10 * RATE, rng)
    first, second = programme.episode_id, other.episode_id
    found.append(
        _spliced(
            "one episode, two parts in the wrong order around foreign speech",
            [(marked, first, 40.0, 18.0), (strange, "", 0.0, 10.0), (marked, first, 5.0, 18.0)],
        )
    )
    if other is not programme:
        beside = bench.marked(marks, other)
        found.append(_spliced("parts of two episodes", [(marked, first, 11.3, 20.0), (beside, second, 30.7, 20.0)]))
    return found


def _stretches(
    programme: Programme,
    marked: Samples,
    clean: Samples,
    name: str,
    lengths: tuple[float, ...],
    rng: np.random.Generator,
) -> Scene:
    """Return a minute in which stretches of the given lengths (seconds), at random places, are marked."""
    gaps = rng.dirichlet(np.ones(len(lengths) + 1)) * (60 - sum(lengths))
    inside = np.zeros(MINUTE, dtype=bool)
    truth, time = [], 0.0
    for gap, length in zip(gaps, lengths, strict=False):
        start, end = time + gap, time + gap + length
        inside[round(start * RATE) : round(end * RATE)] = True
        truth.append(Truth(start, end, programme.episode_id, start))
        time = end
    return Scene(name, np.where(inside, marked[:MINUTE], clean[:MINUTE]), tuple(truth))


def _spliced(name: str, parts: list[tuple[Samples, str, float, float]]) -> Scene:
    """Return parts, given as (samples, episode or "", start, length), one after the other."""
    pieces, truth, time = [], [], 0.0
    for samples, episode_id, start, length in parts:
        pieces.append(samples[round(start * RATE) : round((start + length) * RATE)])
        if episode_id:
            truth.append(Truth(time, time + length, episode_id, start))
        time += length
    return Scene(name, np.concatenate(pieces), tuple(truth))


def judged(outcome: Outcome, scene: Scene) -> dict[str, Any]:
    """Return IoU over the clip, the share of true stretches that were found, and how far off the named places are.

    A true stretch is found if more than half of it is covered; by passages of its own episode, where a layer names
    episodes. `episode_error` is the mean error, in seconds, of the place in the episode that passages name.
    """
    seconds = len(scene.samples) / RATE
    said = _grid(outcome.spans or tuple((start, end) for _, start, end, _ in outcome.found), seconds)
    true = _grid(tuple((truth.start, truth.end) for truth in scene.truth), seconds)
    union = float((said | true).sum())
    errors, found = [], 0
    for truth in scene.truth:
        inside = _grid(((truth.start, truth.end),), seconds)
        covering = said
        if outcome.found:
            mine = [passage for passage in outcome.found if passage[0] == truth.episode_id]
            covering = _grid(tuple((start, end) for _, start, end, _ in mine), seconds)
            for _, start, end, episode_start in mine:
                if min(end, truth.end) - max(start, truth.start) > 0.5 * (end - start):
                    errors.append(abs((episode_start - start) - (truth.episode_start - truth.start)))
        found += bool((covering & inside).sum() > 0.5 * inside.sum())
    return {
        "iou": float((said & true).sum()) / union if union else 1.0,
        "found": found,
        "stretches": len(scene.truth),
        "episode_error": float(np.mean(errors)) if errors else None,
    }


def _grid(spans: tuple[tuple[float, float], ...], seconds: float) -> np.ndarray:
    grid = np.zeros(round(seconds * GRID), dtype=bool)
    for start, end in spans:
        grid[max(0, round(start * GRID)) : max(0, round(end * GRID))] = True
    return grid
