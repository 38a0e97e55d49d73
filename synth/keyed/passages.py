"""Which seconds of a recording are which seconds of an episode: the map of its cuts (pure numpy).

Once an episode is known, windows of six blocks are compared with it alone, everywhere, so that much shorter pieces are
certain. Neighbouring windows that agree on what they are become a passage; its ends are trimmed to blocks that agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.keyed.bound import false_match_bound, log_chance, threshold
from synth.keyed.hearing import Heard
from synth.keyed.spectrum import BLOCK, SAMPLE_RATE, Array
from synth.keyed.words import LANE_BITS
from synth.watermark import Passage

WINDOW = 6  # blocks
AGREEING = 2.5  # z of a single block from which it agrees (a clean marked block has 6, chance reaches it once in 160)
SAME_PLACE = 1.0  # seconds by which neighbouring windows of one passage may differ in where they are in the episode
_BLOCK_SECONDS = BLOCK / SAMPLE_RATE
_HOP_SECONDS = 256 / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class _Window:
    """A window that agrees with the episode."""

    heard: int
    first: int  # index of its first row of soft bits
    start: float  # seconds of the recording
    offset: int  # block of the episode that its first block is
    z: float
    log_chance: float

    def place(self, tempo: float) -> float:
        """Return which second of the episode the recording's second 0 would be."""
        return self.offset * _BLOCK_SECONDS - self.start * tempo


def passages(
    heard: Sequence[Heard], numbers: Sequence[int], words: Array, episode_id: str, *, alpha: float
) -> tuple[Passage, ...]:
    """Return the passages of one episode; `numbers` are the assumptions under which it was found.

    `words` are the episode's own part, shape (positions, 48); the lane's is no evidence of an episode. Each passage
    carries the bound for its own window among all that were tried; only those within `alpha` are reported.
    """
    positions = len(words)
    tried = sum(max(0, len(heard[number].bits) - 1) for number in numbers) * (positions + WINDOW - 1)
    if tried == 0:
        return ()
    needed = threshold(tried, alpha)
    windows = [window for number in numbers for window in _agreeing(heard[number], number, words, needed)]
    found: list[Passage] = []
    runs = _runs(heard, windows)
    for run in sorted(runs, key=lambda run: -max(window.z for window in run)):
        bound = false_match_bound(min(window.log_chance for window in run), tried)
        for piece in _pieces(heard, run, words, episode_id, bound):
            # A second is one second of the episode: the clearest run has it.
            if all(min(piece.end, one.end) - max(piece.start, one.start) < _BLOCK_SECONDS for one in found):
                found.append(piece)
    return tuple(sorted(found, key=lambda passage: passage.start))


def whole(one: Heard, first: int, offset: int, blocks: int, words: Array, episode_id: str, bound: float) -> Passage:
    """Return the passage of a mark so weak that only all blocks together show it, trimmed to blocks that agree."""
    phases = one.playing.phases
    bits = one.bits[first::phases, LANE_BITS:][:blocks]
    agreeing = np.flatnonzero(_block_z(bits, words, offset) >= 1.0)
    head, tail = (int(agreeing[0]), int(agreeing[-1]) + 1) if len(agreeing) else (0, blocks)
    return _passage(one, first + head * phases, offset + head, tail - head, episode_id, bound)


def _agreeing(one: Heard, number: int, words: Array, needed: float) -> list[_Window]:
    """Return for every beginning the best place in the episode, if it is beyond chance."""
    found: list[_Window] = []
    phases = one.playing.phases
    for phase in range(phases):
        bits = one.bits[phase::phases, LANE_BITS:]
        size = min(WINDOW, len(bits))
        if size == 0:
            continue
        padded = np.pad(words, ((size - 1, size - 1), (0, 0))).astype(np.float32)
        places = np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), size * words.shape[1])[:: words.shape[1]]
        rows = np.lib.stride_tricks.sliding_window_view(bits, size, axis=0).transpose(0, 2, 1)
        flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
        norm = np.linalg.norm(flat, axis=1)
        for start in range(0, len(flat), 256):
            scores = flat[start : start + 256] @ places.T
            best = scores.argmax(axis=1)
            for row, column in enumerate(best):
                index = start + row
                z = float(scores[row, column] / (norm[index] + 1e-9))
                if z >= needed:
                    first = index * phases + phase
                    seconds = one.playing.start(first) * _HOP_SECONDS
                    chance = log_chance(flat[index], float(scores[row, column]))
                    found.append(_Window(number, first, seconds, int(column) - size + 1, z, chance))
    return found


def _runs(heard: Sequence[Heard], windows: list[_Window]) -> list[list[_Window]]:
    """Return windows in runs that agree on rate, tempo and place; of windows that begin together the best counts."""
    slots: dict[int, _Window] = {}
    for window in windows:
        slot = round(window.start / (_BLOCK_SECONDS / 2))
        if slot not in slots or window.z > slots[slot].z:
            slots[slot] = window
    runs: list[list[_Window]] = []
    for slot in sorted(slots):
        window = slots[slot]
        previous = runs[-1][-1] if runs else None
        if previous is not None and _continues(heard, previous, window):
            runs[-1].append(window)
        else:
            runs.append([window])
    return runs


def _continues(heard: Sequence[Heard], before: _Window, after: _Window) -> bool:
    tempo = heard[before.heard].playing.tempo
    length = WINDOW * heard[before.heard].playing.block_seconds
    near = after.start <= before.start + length
    return near and abs(after.place(tempo) - before.place(tempo)) <= SAME_PLACE


def _pieces(heard: Sequence[Heard], run: list[_Window], words: Array, episode_id: str, bound: float) -> list[Passage]:
    """Return the stretches of a run whose blocks agree; two blocks in a row that do not end a stretch."""
    best = max(run, key=lambda window: window.z)
    one = heard[best.heard]
    phases, seconds = one.playing.phases, one.playing.block_seconds
    before = round((best.start - run[0].start) / seconds)
    after = round((run[-1].start - best.start) / seconds) + WINDOW
    before = min(before, best.first // phases)
    first, offset = best.first - before * phases, best.offset - before
    bits = one.bits[first::phases, LANE_BITS:][: before + after]
    agreeing = _block_z(bits, words, offset) >= AGREEING
    pieces: list[Passage] = []
    start = None
    last = 0
    for block in np.flatnonzero(agreeing):
        if start is not None and block - last > 2:
            pieces.append(_passage(one, first + start * phases, offset + start, last + 1 - start, episode_id, bound))
            start = None
        start = int(block) if start is None else start
        last = int(block)
    if start is not None:
        pieces.append(_passage(one, first + start * phases, offset + start, last + 1 - start, episode_id, bound))
    return pieces


def _block_z(bits: Array, words: Array, offset: int) -> Array:
    """Return the z of every block by itself; 0 where it has no partner."""
    index = np.arange(len(bits)) + offset
    partnered = (index >= 0) & (index < len(words))
    match = (bits * words[index.clip(0, len(words) - 1)]).sum(axis=1) * partnered
    z: Array = match / (np.linalg.norm(bits, axis=1) + 1e-9)
    return z


def _passage(one: Heard, first: int, offset: int, blocks: int, episode_id: str, bound: float) -> Passage:
    start = one.playing.start(first) * _HOP_SECONDS
    return Passage(
        episode_id=episode_id,
        start=round(start, 3),
        end=round(start + blocks * one.playing.block_seconds, 3),
        episode_start=round(max(0, offset) * _BLOCK_SECONDS, 3),
        episode_end=round((offset + blocks) * _BLOCK_SECONDS, 3),
        rate=round(one.playing.rate, 4),
        tempo=round(one.playing.tempo, 4),
        false_match_bound=bound,
    )
