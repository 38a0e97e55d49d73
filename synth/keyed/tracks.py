"""Which sequences of blocks a search compares with episodes: stretches of a recording, read in several ways (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.keyed.hearing import Heard
from synth.keyed.search import Track

SHORT, SHORT_STEP = 10, 5  # blocks of a short stretch (25 s), and from one to the next: finds a short excerpt
PIECE, PIECE_STEP = 5, 2  # the same within a recording of up to twelve blocks: finds a piece beside other sound
LONGER, LONGER_STEP = 48, 24  # the same of a long one (2 min): adds up what is left of a badly damaged mark
READINGS = 8  # of a long recording's stretch that are searched besides those "as published"


def stretches(heard: Sequence[Heard]) -> list[Track]:
    """Return the tracks to search.

    A recording of up to twelve blocks is one stretch, read in every way, and is cut into pieces too. A longer one is
    cut into overlapping short stretches, and into long ones if it has more than sixty blocks. Of each piece or stretch
    the readings "as published" are taken, and the eight that look most like marked sound. That look does not depend on
    the words, so the words are as random to the readings chosen as to all others, and only those chosen count.
    """
    blocks = max((len(one.bits) // one.playing.phases for one in heard), default=0)
    if blocks <= SHORT + 2:
        whole = _whole(heard, 0)
        return whole + _cut(heard, PIECE, PIECE_STEP, 1) if blocks > PIECE + 1 else whole
    short = _cut(heard, SHORT, SHORT_STEP, 0)
    following = 1 + max((track.stretch for track in short), default=0)
    if blocks > LONGER + LONGER // 4:
        return short + _cut(heard, LONGER, LONGER_STEP, following)
    return short + _whole(heard, following)


def _whole(heard: Sequence[Heard], stretch: int) -> list[Track]:
    """Return every reading of a whole recording, as one stretch."""
    tracks = [
        Track(one.bits[phase :: one.playing.phases], number, phase, stretch)
        for number, one in enumerate(heard)
        for phase in range(one.playing.phases)
    ]
    return [track for track in tracks if len(track.bits)]


def _cut(heard: Sequence[Heard], length: int, step: int, numbered: int) -> list[Track]:
    """Return the chosen readings of every stretch; stretches are numbered from `numbered` on."""
    chosen: list[Track] = []
    published = heard[0]
    seconds = step * published.playing.block_seconds
    count = max(1, (len(published.bits) // published.playing.phases - length) // step + 2)
    for stretch in range(count):
        readings: list[tuple[float, Track]] = []
        for number, one in enumerate(heard):
            playing = one.playing
            rows = len(one.bits) // playing.phases
            if rows < length:
                continue
            first = min(round(stretch * seconds / playing.block_seconds), rows - length)
            for phase in range(playing.phases):
                start = first * playing.phases + phase
                bits = one.bits[start :: playing.phases][:length]
                if len(bits) == length and bits.any():
                    always = 1.0 if number == 0 else 0.0
                    readings.append((always + _looks_marked(bits), Track(bits, number, start, numbered + stretch)))
        readings.sort(key=lambda reading: -reading[0])
        chosen += [track for _, track in readings[: published.playing.phases + READINGS]]
    return chosen


def _looks_marked(bits: np.typing.NDArray[np.float32]) -> float:
    """Return 0..1: soft bits of a mark lie near ±1, those of unmarked sound near 0."""
    return float(np.mean(np.square(bits)))
