"""Which episode, and where in it: the search of a registry for the words that a recording seems to carry (pure numpy).

1. Lanes: every track is compared with the first parts of the words of all 32 lanes at all positions.
2. Episodes: the best alignments with a lane are compared with the second parts of the words of that lane's episodes.

Only step 2 is a test. What step 1 chooses depends on the sound and on the first parts, to which the second parts are
independent coins; so the hypotheses are the pairs of an alignment and an episode that step 2 tries, and no others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.keyed.bound import log_chance
from synth.keyed.spectrum import Array
from synth.keyed.words import EPISODE_BYTES, LANE_BITS, LANES, Codes, Crowd, WordBook, signs

LANE_CUT = 3.5  # z of the lane's part below which an alignment is not looked at further
MOST = 1_024  # alignments with lanes that are looked at further, shared by the stretches by their number of tracks,
MOST_PER_STRETCH, LEAST_PER_STRETCH = 768, 3  # within these bounds
TRACKS_AT_ONCE = 512
WORDS_AT_ONCE = 1 << 21  # bits of lanes' words that are compared at a time, 8 MB: few lanes of long episodes, or all
FINALISTS = 16  # episodes of a lane whose soft bits are compared
HOPELESS = 4.5  # z that no search accepts: a single hypothesis at alpha / 4 needs 5.5


@dataclass(frozen=True, slots=True)
class Track:
    """Soft bits of consecutive blocks under one assumption, and where they are in the recording."""

    bits: Array  # shape (blocks, 64)
    heard: int  # index of the assumption
    first: int  # index of the first window; the next blocks are `playing.phases` windows apart
    stretch: int  # number of the stretch of the recording that this is one reading of


@dataclass(frozen=True, slots=True)
class Alignment:
    """One hypothesis: block i of a track is block i + `offset` of an episode."""

    track: int
    episode: int  # index in the codes that were searched
    offset: int
    z: float  # of the episode's part of the words
    log_chance: float  # logarithm of the bound on the probability of this one hypothesis; 0 if z is hopeless


class Shelf:
    """Episodes sorted by lane; made once per search."""

    def __init__(self, *, book: WordBook, codes: Codes) -> None:
        self.book = book
        self.codes = codes
        lanes = book.lanes(codes) if len(codes) else np.zeros(0, dtype=np.int64)
        self._order = np.argsort(lanes, kind="stable")
        self._bounds = np.searchsorted(lanes[self._order], np.arange(LANES + 1))

    def members(self, lane: int) -> NDArray[np.int64]:
        """Return the indices of the episodes in `lane`."""
        return self._order[self._bounds[lane] : self._bounds[lane + 1]]

    def lanes(self) -> list[int]:
        """Return the lanes that have episodes."""
        return [lane for lane in range(LANES) if len(self.members(lane))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found, and how much it tried."""

    alignments: tuple[Alignment, ...]  # the best episode of each alignment with a lane that was tried, highest z first
    hypotheses: int  # pairs of an alignment and an episode that were tried


def search(tracks: list[Track], shelf: Shelf, positions: int) -> Outcome:
    """Search the episodes of `shelf`; `positions` is the number of blocks of the longest one."""
    lengths: dict[int, list[int]] = {}
    for number, track in enumerate(tracks):
        if track.bits.any():
            lengths.setdefault(len(track.bits), []).append(number)
    promising: dict[int, list[tuple[float, int, int, int]]] = {}
    for group in lengths.values():
        for start in range(0, len(group), TRACKS_AT_ONCE):
            for z, number, lane, offset in _lanes(tracks, group[start : start + TRACKS_AT_ONCE], shelf, positions):
                promising.setdefault(tracks[number].stretch, []).append((z, number, lane, offset))
    sizes = Counter(tracks[number].stretch for group in lengths.values() for number in group)
    found: list[Alignment] = []
    hypotheses = 0
    for stretch, candidates in promising.items():
        lookup = _Lookup(shelf)
        most = min(MOST_PER_STRETCH, max(LEAST_PER_STRETCH, MOST * sizes[stretch] // sizes.total()))
        for _, number, lane, offset in heapq.nlargest(most, candidates):
            found.append(_best_episode(tracks[number].bits, number, lane, offset, lookup, positions))
            hypotheses += len(shelf.members(lane))
    return Outcome(tuple(sorted(found, key=lambda alignment: -alignment.z)), hypotheses)


def _lanes(
    tracks: list[Track], group: list[int], shelf: Shelf, positions: int
) -> Iterator[tuple[float, int, int, int]]:
    """Yield (z of the lane's part, track, lane, offset) for all alignments of the tracks in `group` above the cut."""
    blocks = len(tracks[group[0]].bits)
    size = blocks * LANE_BITS
    parts = np.stack([tracks[number].bits[:, :LANE_BITS] for number in group]).reshape(len(group), size)
    scaled = (parts / (np.linalg.norm(parts, axis=1, keepdims=True) + 1e-9)).T
    lanes, index = shelf.lanes(), np.arange(positions)
    places = positions + blocks - 1
    together = max(1, WORDS_AT_ONCE // (places * size))
    for start in range(0, len(lanes), together):
        chosen = lanes[start : start + together]
        words = signs(shelf.book.lanes_bytes(chosen, index)).astype(np.float32)
        padded = np.pad(words, ((0, 0), (blocks - 1, blocks - 1), (0, 0))).reshape(len(chosen), -1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::LANE_BITS]
        z = windows.reshape(len(chosen) * places, size) @ scaled
        for row, column in np.argwhere(z > LANE_CUT):
            lane, place = divmod(int(row), places)
            yield float(z[row, column]), group[column], chosen[lane], place - blocks + 1


class _Lookup:
    """Words of a lane's episodes at some positions; neighbouring alignments ask for the same ones."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._crowds: dict[int, Crowd] = {}
        self._kept: tuple[tuple[int, int, int], NDArray[np.uint64]] | None = None

    def words(self, lane: int, index: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the second parts as the high 48 bits of integers, shape (episodes of the lane, positions)."""
        place = (lane, int(index[0]), len(index))
        if self._kept is None or self._kept[0] != place:
            if lane not in self._crowds:
                self._crowds[lane] = self._shelf.book.crowd(self._shelf.codes[self._shelf.members(lane)])
            self._kept = place, self._crowds[lane].at(index)
        return self._kept[1]

    def member(self, lane: int, number: int) -> int:
        """Return the index of an episode of the lane."""
        return int(self._shelf.members(lane)[number])


def _best_episode(bits: Array, number: int, lane: int, offset: int, lookup: _Lookup, positions: int) -> Alignment:
    """Return the episode of the lane whose words agree best with track `number` at one offset.

    Hard bits are counted for all episodes, and soft bits are compared with the words of those that agree best.
    """
    index = np.arange(len(bits)) + offset
    partnered = (index >= 0) & (index < positions)
    heard, index = bits[partnered, LANE_BITS:], index[partnered]
    words = lookup.words(lane, index)
    differing = np.bitwise_count(words ^ _packed(heard)).sum(axis=1, dtype=np.uint16)
    nearest = np.argpartition(differing, FINALISTS)[:FINALISTS] if len(words) > FINALISTS else np.arange(len(words))
    octets = words[nearest].astype(">u8").view(np.uint8).reshape(len(nearest), len(index), 8)
    scores = (signs(octets[:, :, :EPISODE_BYTES]) * heard).sum(axis=(1, 2), dtype=np.float64)
    best = int(np.argmax(scores))
    score = float(scores[best])
    z = score / float(np.sqrt(np.sum(np.square(heard, dtype=np.float64))) + 1e-9)
    chance = log_chance(heard, score) if z > HOPELESS else 0.0
    return Alignment(number, lookup.member(lane, int(nearest[best])), offset, z, chance)


def _packed(heard: Array) -> NDArray[np.uint64]:
    """Return the signs of soft bits (blocks, 48) as the high bits of integers, shape (blocks,)."""
    octets = np.zeros((len(heard), 8), dtype=np.uint8)
    octets[:, :EPISODE_BYTES] = np.packbits(heard > 0, axis=1)
    return octets.view(">u8")[:, 0].astype(np.uint64)
