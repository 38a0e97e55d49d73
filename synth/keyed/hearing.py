"""Soft bits of a recording under every assumption about how it was played (pure numpy).

Three families are assumed: the whole was played faster or slower (frequencies and pace change together), its pitch was
shifted (frequencies alone), or it was stretched (pace alone). Windows begin a fifth of a block apart; in long
recordings, where there is more to hear than is needed, assumptions other than "as published" get two beginnings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import soxr

from synth.audio import Samples
from synth.keyed.decoder import Decoder
from synth.keyed.key import BITS
from synth.keyed.spectrum import BLOCK, FRAME, FRAMES_PER_BLOCK, HOP, SAMPLE_RATE, Array, mel_matrix, spectra

STEP = 0.02  # relative distance of neighbouring rates; a hundredth off, the mark is read nearly as well
RATES = tuple(float(rate) for rate in np.exp(STEP * np.arange(-11, 12)))  # 0.80 .. 1.25
PHASES = 5  # beginnings of a block that are tried
LONG = 150.0  # seconds from which a recording is heard more coarsely
LONG_PHASES = 2  # the same, in long recordings, for other assumptions than "as published"
LONG_EVERY = 2  # frames from frame to frame in long recordings
CHUNK_FRAMES = 60 * SAMPLE_RATE // HOP  # a minute at a time: bounds memory at about 50 MB per thread
WORKERS = min(4, os.cpu_count() or 1)
_MARGIN = 2_048  # samples at 16 kHz on either side of a chunk that hide the ends of its resampling


@dataclass(frozen=True, slots=True)
class Playing:
    """An assumption: all frequencies are `rate` times, and the pace is `tempo` times what was published."""

    rate: float
    tempo: float
    phases: int

    @property
    def block_seconds(self) -> float:
        """How long a block lasts in the recording."""
        return BLOCK / SAMPLE_RATE / self.tempo

    def start(self, window: int) -> float:
        """Return where a window begins, in frames of the recording."""
        return window * FRAMES_PER_BLOCK / self.tempo / self.phases


@dataclass(frozen=True, slots=True)
class Heard:
    """The soft bits of all windows of a recording under one assumption; row w begins at `playing.start(w)`."""

    playing: Playing
    bits: Array  # shape (windows, 64), each in -1..1; rows of zeros say nothing


def assumptions(seconds: float) -> list[Playing]:
    """Return what to assume of a recording of so many seconds, "as published" first."""
    phases = PHASES if seconds <= LONG else LONG_PHASES
    changed = [rate for rate in RATES if abs(rate - 1) > STEP / 2]
    pairs = [(rate, rate) for rate in changed] + [(rate, 1.0) for rate in changed] + [(1.0, rate) for rate in changed]
    return [Playing(1.0, 1.0, PHASES), *(Playing(rate, tempo, phases) for rate, tempo in pairs)]


def listen(decoder: Decoder, samples: Samples, sample_rate: int, playings: Sequence[Playing]) -> list[Heard]:
    """Return what is heard in `samples` (T,) under each of `playings`; bounded memory whatever the length."""
    seconds = len(samples) / sample_rate
    every = 1 if seconds <= LONG else LONG_EVERY
    frames = max(0, int(seconds * SAMPLE_RATE) - FRAME) // HOP + 1
    matrices = {playing.rate: mel_matrix(playing.rate) for playing in playings}

    def hear(first: int) -> list[Array]:
        """Return the soft bits of the windows that begin in one chunk, for every assumption."""
        ahead = round(FRAMES_PER_BLOCK / min(RATES)) + 1
        magnitudes = np.abs(_frames(samples, sample_rate, first, CHUNK_FRAMES + ahead))
        mels = {rate: magnitudes @ matrix for rate, matrix in matrices.items()}
        return [
            soften(decoder.read(mels[one.rate], _starts(one, first, frames), tempo=one.tempo, every=every))
            for one in playings
        ]

    with ThreadPoolExecutor(WORKERS) as threads:
        chunks = list(threads.map(hear, range(0, frames, CHUNK_FRAMES)))
    if not chunks:
        return [Heard(playing, np.zeros((0, BITS), dtype=np.float32)) for playing in playings]
    return [
        Heard(playing, np.concatenate(parts))
        for playing, parts in zip(playings, zip(*chunks, strict=True), strict=True)
    ]


def soften(logits: Array) -> Array:
    """Return soft bits in -1..1 from logits (windows, 64): tanh of the logit over its window's mean size.

    No window outvotes the rest, and no bit outvotes its window; silent windows stay 0.
    """
    size = np.abs(logits).mean(axis=1, keepdims=True)
    soft: Array = np.tanh(np.divide(logits, size, out=np.zeros_like(logits), where=size > 0))
    return soft


def _starts(playing: Playing, first: int, frames: int) -> list[int]:
    """Return the windows that begin in the chunk from frame `first`, as frames within the chunk."""
    step = FRAMES_PER_BLOCK / playing.tempo / playing.phases
    stop = min(first + CHUNK_FRAMES, frames)
    starts = [round(number * step) for number in range(int(first / step), int(stop / step) + 2)]
    return [start - first for start in starts if first <= start < stop]


def _frames(samples: Samples, sample_rate: int, first: int, count: int) -> np.typing.NDArray[np.complex64]:
    """Return the spectra of `count` frames, or as many as there are, from frame `first`."""
    start, stop = first * HOP, (first + count - 1) * HOP + FRAME
    if sample_rate == SAMPLE_RATE:
        return spectra(samples[start:stop])
    # The first sample of the piece is the one nearest to a whole sample at 16 kHz: at most 31 µs off.
    before = min(start, _MARGIN)
    origin = round((start - before) * sample_rate / SAMPLE_RATE)
    piece = samples[origin : round((stop + _MARGIN) * sample_rate / SAMPLE_RATE)]
    sound = np.asarray(soxr.resample(piece, sample_rate, SAMPLE_RATE), dtype=np.float32)
    return spectra(sound[before : before + stop - start])
