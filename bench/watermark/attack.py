"""What an attack is: a named, seeded change of sound, and what was expected of it before anything was measured."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Change = Callable[[Samples, np.random.Generator], Samples]

RATE = 16_000  # Hz, of all sound in this benchmark


class Severity(StrEnum):
    """How much of the sound is lost; decided by what the attack is, never by what it did to a mark."""

    NONE = "none"
    MILD = "mild"  # what distribution, players and telephones do, and a listener hardly minds
    STRONG = "strong"  # clearly audible, or made to remove a mark


class Goal(StrEnum):
    """The row of the table of goals for the keyed mark that an attack belongs to."""

    NINETY_NINE = "99 %"
    NINETY = "90 %"
    OPEN = "none set"


@dataclass(frozen=True, slots=True)
class Material:
    """Sound of others that some attacks mix in; 16 kHz mono, each at least half a minute."""

    music: tuple[Samples, ...]
    speech: tuple[Samples, ...]  # unmarked, of speakers who are in no programme

    def a_piece_of(self, pool: tuple[Samples, ...], length: int, rng: np.random.Generator) -> Samples:
        """Return `length` samples from a random place of a random recording, repeated if it is shorter."""
        recording = pool[int(rng.integers(len(pool)))]
        if len(recording) < length:
            recording = np.tile(recording, -(-length // len(recording)))
        start = int(rng.integers(len(recording) - length + 1))
        return recording[start : start + length]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a clip comes from, and how it is played: what a detector is asked to find out."""

    start: float  # seconds of the episode at the clip's first sample
    rate: float = 1.0
    tempo: float = 1.0


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: `apply(samples, rng)` takes float32 mono at 16 kHz, shape (T,), and returns the same kind.

    The length may change; `moves` says that sound is not where it was any more. `rate` and `tempo` are what a detector
    should find undone: the factors on frequencies and on the pace.
    """

    name: str
    family: str
    severity: Severity
    apply: Change
    goal: Goal = Goal.OPEN
    rate: float = 1.0
    tempo: float = 1.0
    moves: bool = False

    def __call__(self, samples: Samples, *, seed: int) -> Samples:
        """Apply with randomness that depends on the attack's name and `seed` alone."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        changed = np.ascontiguousarray(self.apply(samples, rng), dtype=np.float32)
        if not np.isfinite(changed).all():
            raise ValueError(f"attack '{self.name}' returned samples that are not finite; mend it in bench/watermark")
        return changed

    def place(self, start: float) -> Place | None:
        """Return the place of an attacked clip that began `start` seconds into its episode; None if it `moves`."""
        return None if self.moves else Place(start, self.rate, self.tempo)


def level(samples: Samples) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def mixed(samples: Samples, other: Samples, ratio: float) -> Samples:
    """Return `samples` plus `other`, of the same length, scaled to lie `ratio` decibels below."""
    loudness = level(other)
    if loudness == 0.0:
        return samples
    return (samples + other * np.float32(level(samples) / loudness * 10 ** (-ratio / 20))).astype(np.float32)


def fitted(samples: Samples, length: int) -> Samples:
    """Cut or pad with zeros to `length`."""
    return np.pad(samples[:length], (0, max(0, length - len(samples)))).astype(np.float32)
