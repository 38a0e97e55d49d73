"""What all parts of the benchmark share: the sound, the systems, the results, and how much of everything is done."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import synth
from bench.store import Key, Store
from bench.watermark.attack import Attack, Goal, Material, Samples
from bench.watermark.attacks import QUICK, all_attacks
from bench.watermark.sources import KINDS, Programme, material, programmes
from bench.watermark.systems.ours import AudioSeal, Haystack, Keyed
from bench.watermark.systems.port import System

Item = TypeVar("Item")

SUITE = "1"  # raise it when an attack, a source or a clip changes
OURS = "ours: "  # begins the versions of what is ours
SMALL_REGISTRY = 10_000  # episodes
MARKS = Path(synth.__file__).parent


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; every table states the counts it really has."""

    programmes: int = 3  # of each kind of sound
    clips: int = 1  # of 20 s from each programme, at random offsets
    alone: int = 1  # programmes of each kind that also carry one of our marks only
    peers: int = 1  # programmes of each kind for every peer
    episodes: int = 1_000_000  # in the registry
    networks: int = 40  # keys of the decoding network in the null
    words: int = 80_000  # keys of the words for each of them: more than 3e6 in all
    quick: bool = False
    goals_only: bool = False  # only attacks for which a goal was set: for more clips of those


QUICK_SIZE = Size(programmes=1, clips=1, alone=0, peers=1, episodes=10_000, networks=3, words=20_000, quick=True)


@dataclass(slots=True)
class Bench:
    """One run. Sound and systems are made when a part first asks for them."""

    folder: Path  # for results, marked sound and recordings; outside version control
    store: Store
    size: Size
    console: Console = field(default_factory=Console)
    _keyed: dict[int, Keyed] = field(default_factory=dict)
    _programmes: dict[str, list[Programme]] = field(default_factory=dict)
    _material: Material | None = None
    _audioseal: AudioSeal | None = None

    @property
    def recordings(self) -> Path:
        """Where the recordings lie."""
        return self.folder.parent / "recordings"

    @property
    def material(self) -> Material:
        """Music and foreign speech."""
        if self._material is None:
            self._material = material(self.recordings)
        return self._material

    @property
    def attacks(self) -> tuple[Attack, ...]:
        """The suite, or the part of it that a quick run tries."""
        suite = all_attacks(self.material)
        if self.size.goals_only:
            suite = tuple(attack for attack in suite if attack.goal is not Goal.OPEN)
        return tuple(attack for attack in suite if attack.name in QUICK) if self.size.quick else suite

    def programmes(self, kind: str, count: int | None = None) -> list[Programme]:
        """The programmes of one kind."""
        if kind not in self._programmes:
            self._programmes[kind] = programmes(kind, self.size.programmes, self.recordings, self.material)
        return self._programmes[kind][: self.size.programmes if count is None else count]

    def every_programme(self, count: int | None = None) -> list[Programme]:
        """The programmes of all kinds."""
        return [programme for kind in KINDS for programme in self.programmes(kind, count)]

    @property
    def audioseal(self) -> AudioSeal:
        """Our AudioSeal."""
        if self._audioseal is None:
            self._audioseal = AudioSeal()
        return self._audioseal

    def keyed(self, episodes: int | None = None) -> Keyed:
        """The keyed mark before a registry of `episodes`, in which all programmes are hidden."""
        size = self.size.episodes if episodes is None else episodes
        if size not in self._keyed:
            true_ids = tuple(f"bench-{kind}-{number}" for kind in KINDS for number in range(16))
            self._keyed[size] = Keyed(Haystack(size).registry(true_ids))
        return self._keyed[size]

    def marked(self, systems: tuple[System, ...], programme: Programme, seconds: int = 0) -> Samples:
        """Return the programme with the marks of `systems` in this order; kept on disk, for optimising is slow."""
        names = "+".join(f"{system.name} {system.version}" for system in systems)
        if any(isinstance(system, AudioSeal | Keyed) for system in systems):
            names += f" code {code_digest()}"
        digest = zlib.crc32(programme.samples.tobytes())
        name = f"{zlib.crc32(names.encode()):08x}-{programme.episode_id}-{digest:08x}-{seconds}.npy"
        path = self.folder / "marked" / name
        if path.exists():
            kept: Samples = np.load(path)
            return kept
        samples = programme.samples[: seconds * 16_000] if seconds else programme.samples
        for system in systems:
            samples = system.embed(samples, programme.episode_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, samples)
        return samples

    def found(self, *start: str) -> Iterator[tuple[Key, Any]]:
        """Yield what was measured with the versions at hand under keys that begin with `start`."""
        ours = (self.audioseal, self.keyed(), self.keyed(min(SMALL_REGISTRY, self.size.episodes)))
        current = {version_of(*some) for some in ((ours[0],), (ours[1],), (ours[2],), ours[:2])}
        for key, value in self.store.find(*start):
            if all(part in current for part in key if part.startswith(OURS)):
                yield key, value

    def each(self, items: Iterable[Item], title: str) -> Iterator[Item]:
        """Go through `items` with a progress bar."""
        listed = list(items)
        columns = (
            TextColumn("[bold]{task.description:44}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=len(listed))
            for item in listed:
                yield item
                progress.advance(task)


def version_of(*systems: System) -> str:
    """Return what made a number, for its key: changed attacks, weights, keys or registries make new numbers."""
    versions = [
        f"{system.version}@{len(system.registry)}" if isinstance(system, Keyed) else system.version
        for system in systems
    ]
    ours = any(isinstance(system, AudioSeal | Keyed) for system in systems)
    made = f"suite {SUITE}, {' '.join(versions)}"
    return f"{OURS}{made}, code {code_digest()}" if ours else made


def code_digest() -> str:
    """Return 8 hexadecimal digits that change with the code of our marks.

    A mark's own version does not change while it is being worked on, and numbers of two states must not be mixed.
    """
    files = [
        *sorted((MARKS / "keyed").glob("*.py")),
        MARKS / "adapters" / "keyed.py",
        MARKS / "adapters" / "audioseal.py",
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def cuts(samples: Samples, count: int, seconds: float, seed: int) -> list[tuple[float, Samples]]:
    """Return `count` clips of `seconds` from random samples on, each with the second at which it was cut out.

    Of a programme that has not more, the whole.
    """
    rng = np.random.default_rng([20, seed])
    length = min(len(samples), round(seconds * 16_000))
    starts = rng.integers(0, len(samples) - length + 1, count)
    return [(start / 16_000, samples[start : start + length]) for start in starts]
