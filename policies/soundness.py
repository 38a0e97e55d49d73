"""Whether finished audio sounds as it was planned: silence, noise and clipping where words should be (pure).

The engine's own output was examined before it was put together; this looks at the file that listeners get, sentence by
sentence, because where each one lies is known. Music between and under words is no fault, so nothing else is judged.

1. Silence inside a sentence: an engine that stopped, or a part that was lost.
2. Sound without words: next to no word was heard in a sentence that is not silent. Noise, hum, another language.
3. Clipping: the waveform stands at its highest value for a share of the time that no voice reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.rule_settings import SpokenRule
from policies.transcript import LISTENING_RATE, HeardWord

CATEGORIES = ("clipping", "long_silence", "unheard_sound")
FRAME_SECONDS = 0.05
SILENT_DB = -55.0  # of full scale, RMS of a frame: mastered speech is above -45 between its words, its pauses below -60
LOUD_DB = -35.0  # frames that are asked for clipping
FEWEST_LOUD_FRAMES = 12  # in a sentence, before their shape means anything
NEAR_PEAK = 0.9  # of the highest value in a frame
CLIPPED_PERCENTILE = 90  # frames of vowels reach it first
SHORTEST_SENTENCE = 1.2  # seconds; a recogniser may well miss one that is shorter
FEWEST_WORDS = 3  # likewise
HEARD_SHARE = 0.25  # of a sentence's words; times of recognisers are off by some tenths of a second, so none is too few

Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlannedSentence:
    """A sentence that should be heard, and when; seconds from the start of the audio."""

    start: float
    end: float
    text: str
    turn: int | None  # index into the manuscript's turns, in their order; None for what the manuscript does not hold


@dataclass(frozen=True, slots=True)
class Fault:
    """Sentence `sentence` of the plan does not sound as it should, from `start` to `end` seconds."""

    category: str
    sentence: int
    start: float
    end: float
    score: float  # 0..1
    threshold: float
    explanation: str


def faults(
    samples: Sound, plan: Sequence[PlannedSentence], words: Sequence[HeardWord], limits: SpokenRule
) -> Iterator[Fault]:
    """Yield the faults of audio, mono float32 of shape (T,) at `LISTENING_RATE`, in the order of the plan."""
    size = round(FRAME_SECONDS * LISTENING_RATE)
    middles = np.asarray([(word.start + word.end) / 2 for word in words])
    for number, sentence in enumerate(plan):
        first, last = int(sentence.start * LISTENING_RATE), int(sentence.end * LISTENING_RATE)
        frames = samples[first:last]
        frames = frames[: len(frames) // size * size].reshape(-1, size)
        levels = 10.0 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12)
        # 1.
        at, length = _longest_run(levels < SILENT_DB)
        if (silent := length * FRAME_SECONDS) > limits.longest_silence:
            begins = sentence.start + at * FRAME_SECONDS
            said = f"There are {silent:.1f} seconds of silence inside a sentence."
            score = min(1.0, silent / (sentence.end - sentence.start))
            yield Fault("long_silence", number, begins, begins + silent, score, limits.longest_silence, said)
        # 2.
        heard = int(np.sum((middles > sentence.start) & (middles < sentence.end)))
        expected = len(sentence.text.split())
        sounding = sentence.end - sentence.start - silent
        if sounding >= SHORTEST_SENTENCE and expected >= FEWEST_WORDS and heard < HEARD_SHARE * expected:
            said = f"There is sound for {sounding:.1f} seconds, in which {heard} of {expected} words are heard."
            score = 1.0 - heard / expected
            yield Fault("unheard_sound", number, sentence.start, sentence.end, score, 1.0 - HEARD_SHARE, said)
        # 3.
        share = _near_peak(frames[levels > LOUD_DB])
        if share > limits.clipped:
            said = f"The sound is clipped: its waveform stands at its highest value {100 * share:.0f} % of the time."
            yield Fault("clipping", number, sentence.start, sentence.end, share, limits.clipped, said)


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Return where the longest run of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    return int(edges[2 * longest]), int(lengths[longest])


def _near_peak(frames: Sound) -> float:
    """Return the share of samples near the highest one of their frame, for frames that have most of them."""
    if len(frames) < FEWEST_LOUD_FRAMES:
        return 0.0
    magnitudes = np.abs(frames)
    near = np.mean(magnitudes > NEAR_PEAK * magnitudes.max(axis=1, keepdims=True), axis=1)
    return float(np.percentile(near, CLIPPED_PERCENTILE))
