"""What the benchmark asks of a watermarking system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.watermark.attack import Place, Samples


class SystemMissingError(Exception):
    """A peer cannot run here; the message says why and how to install it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system said about one clip, judged against the truth."""

    detected: bool  # by the system's own rule
    right: bool | None = None  # it named the episode, or read its whole message; None if its mark carries none
    wrong: bool = False  # it named another episode, or read another message and believed it
    bit_accuracy: float | None = None  # share of its message bits that are right, whether or not it detected
    score: float | None = None
    threshold: float | None = None
    bound: float | None = None  # proven bound on the probability of a false match
    spans: tuple[tuple[float, float], ...] = ()  # seconds in which it says the mark is
    found: tuple[tuple[str, float, float, float], ...] = ()  # episode, start, end, seconds of the episode at start


class System(Protocol):
    """One watermark, with its key if it has one.

    `embed` returns as many samples as it was given, at 16 kHz. `detect` is told the episode, and the clip's place in
    it if there is one, only to judge the answer; "" means that the clip carries no mark.
    """

    name: str
    version: str
    rule: str  # when it counts as detected, in words, with the false-alarm rate if that is known

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Return the marked clip."""

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:
        """Look for the mark."""
