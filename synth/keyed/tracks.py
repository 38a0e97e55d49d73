"""Which sequences of blocks a reader compares with an episode: whole recordings, and minutes within them (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.keyed.spectrum import BLOCK, SAMPLE_RATE, Array

PHASES = 5  # beginnings of a block that are tried, half a second apart
STEP = BLOCK // PHASES  # samples from window to window
STRETCH = 24  # blocks (one minute) that are also examined by themselves, so that a short excerpt is not diluted
STRETCH_STEP = 12  # blocks from one such minute to the next

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """The soft bits of windows half a second apart, of audio as it was before it was played `rate` times as fast."""

    bits: Array  # shape (windows, 16), each in -1..1; rows of zeros say nothing
    rate: float

    def without(self, spans: Spans) -> Heard:
        """Return the same with every window that lies inside one of `spans` (seconds as played) silenced.

        Windows across an edge stay: the edge is known to a block only, and the block beyond it may be another part's.
        """
        starts = np.arange(len(self.bits)) * STEP / SAMPLE_RATE / self.rate
        stops = starts + BLOCK / SAMPLE_RATE / self.rate
        bits = self.bits.copy()
        for start, stop in spans:
            bits[(starts > start - 1e-3) & (stops < stop + 1e-3)] = 0
        return Heard(bits=bits, rate=self.rate)


@dataclass(frozen=True, slots=True)
class Track:
    """Soft bits of consecutive blocks under one assumption about speed and about where the blocks begin."""

    bits: Array  # shape (blocks, 16)
    start: float = 0.0  # seconds, as played, at which the first block of the whole recording begins
    block_seconds: float = BLOCK / SAMPLE_RATE  # as played
    first: int = 0  # number of blocks of the whole recording that come before
    whole: int = 0  # index of the track of the whole recording with the same assumption

    @property
    def reachable(self) -> float:
        """The highest z that these soft bits could give to any words."""
        energy = float(np.sum(np.square(self.bits, dtype=np.float64)))
        return float(np.sum(np.abs(self.bits, dtype=np.float64))) / math.sqrt(energy) if energy > 0 else 0.0

    def spans(self, inside: np.typing.NDArray[np.bool_]) -> Spans:
        """Return the runs of chosen blocks in seconds as played; `inside` has shape (blocks,)."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], inside.astype(np.int8), [0]))))
        return tuple(
            (
                round(self.start + float(first) * self.block_seconds, 3),
                round(self.start + float(last) * self.block_seconds, 3),
            )
            for first, last in zip(edges[::2], edges[1::2], strict=True)
        )


def whole_tracks(recordings: Sequence[Heard]) -> list[Track]:
    """Return one track for each recording and each beginning of a block."""
    tracks: list[Track] = []
    for heard in recordings:
        seconds = BLOCK / SAMPLE_RATE / heard.rate
        for phase in range(PHASES):
            bits = heard.bits[phase::PHASES]
            tracks.append(Track(bits, start=phase * seconds / PHASES, block_seconds=seconds, whole=len(tracks)))
    return tracks


def stretches(tracks: Sequence[Track]) -> list[Track]:
    """Return the overlapping minutes of every track that is longer than a minute and a half."""
    return [
        Track(track.bits[first : first + STRETCH], track.start, track.block_seconds, first, track.whole)
        for track in tracks
        if len(track.bits) > STRETCH + STRETCH_STEP
        for first in range(0, len(track.bits) - STRETCH_STEP, STRETCH_STEP)
    ]
