"""Whether a mark sits on the sound it was made for (pure).

A mark is a signal, and a signal can be copied: cut out of an episode it may be added to any other speech. What cannot
be copied along is the sound itself. So the passage that a mark names is heard as it was published, speed and pitch
undone, and compared with the stored fingerprint at the very place the mark was made for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from synth.audio import Samples
from synth.fingerprint import HOP_SECONDS, Changes, Fingerprint, listen, sounds
from synth.watermark import Passage

PIECE = 50  # words (5 s) that are aligned by themselves: a tempo that is 2 % wrong shifts them by a tenth of a second
SLACK = 10  # words (1 s) by which a place may be off: marks tell it to a fraction of a block, not to a sample
LEAST_OVERLAP = 0.5  # share of a piece's sound that must lie within the stored fingerprint, or it says nothing
GENUINE_ERROR = 0.16  # weighted error rate up to which the sound is the episode's; distributions: docs/fingerprint.md
FOREIGN_ERROR = 0.41  # from which it is other sound; between the two, as where both are heard, nothing is claimed
GENUINE_SECONDS = 4.0  # of sound, to call it the episode's
FOREIGN_SECONDS = 10.0  # of sound, to call it other sound: an accusation needs more than a confirmation


class Placement(StrEnum):
    """What the sound under a mark is."""

    GENUINE = "genuine"  # the sound that the mark was made for, at its place
    TRANSPLANTED = "transplanted"  # clearly other sound: the mark was copied over, or the sound replaced
    INCONCLUSIVE = "inconclusive"  # too little sound, or too damaged, to tell
    NOT_FOUND = "not_found"  # there was no mark, so there is no place to compare


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a stretch of sound and its place in an episode are; internal, never shown to the public."""

    error_rate: float  # about 0 for the same sound, 0.45 for other sound at the best place within the slack
    seconds: float  # of sound that was compared

    @property
    def placement(self) -> Placement:
        """Return what may be claimed; a mark was found, so it is never NOT_FOUND."""
        if self.seconds >= GENUINE_SECONDS and self.error_rate <= GENUINE_ERROR:
            return Placement.GENUINE
        if self.seconds >= FOREIGN_SECONDS and self.error_rate >= FOREIGN_ERROR:
            return Placement.TRANSPLANTED
        return Placement.INCONCLUSIVE


def place(samples: Samples, sample_rate: int, passage: Passage, stored: Fingerprint) -> Placement:
    """Return whether the sound of `passage` is that of its episode, whose fingerprint is `stored`.

    `samples` is the whole examined audio, float32 (T,); raises `AudioError` if it is not finite mono float32.
    """
    return measure_likeness(samples, sample_rate, passage, stored).placement


def settle(samples: Samples, sample_rate: int, passage: Passage, stored: Fingerprint) -> tuple[Passage, Placement]:
    """Return the passage with the pace that its sound agrees with best, and what the sound is; errors as `place`.

    A mark tells the pace of a short or noisy passage only roughly. Besides what it says, two are usual: the pace of
    the original, and that of a plain change of speed. The middle of the passage stays where it is.
    """
    tried = []
    for tempo in dict.fromkeys((1.0, passage.rate, passage.tempo)):
        middle = (passage.episode_start + passage.episode_end) / 2
        reach = tempo * (passage.end - passage.start) / 2
        one = replace(passage, tempo=tempo, episode_start=middle - reach, episode_end=middle + reach)
        one = passage if tempo == passage.tempo else one
        tried.append((measure_likeness(samples, sample_rate, one, stored), one))
    likeness, best = min(tried, key=lambda pair: pair[0].error_rate)
    return best, likeness.placement


def measure_likeness(samples: Samples, sample_rate: int, passage: Passage, stored: Fingerprint) -> Likeness:
    """Return how alike the sound of `passage` and its place in the episode are.

    Every five seconds are aligned by themselves within the slack; their error rates are averaged by their sound.
    """
    # The middle of the passage is the surest point of it: an error of the tempo grows towards both ends.
    middle = (passage.start + passage.end) / 2
    begin = max(0, int(passage.start * sample_rate))
    part = samples[begin : max(begin, int(passage.end * sample_rate))]
    episode_middle = (passage.episode_start + passage.episode_end) / 2
    first = episode_middle - (middle - begin / sample_rate) * passage.tempo  # second of the episode at `begin`
    ahead = -first % HOP_SECONDS  # to the next word of the stored fingerprint
    heard = listen(part, sample_rate, rate=passage.rate, tempo=passage.tempo, start=ahead)
    at = round((first + ahead) / HOP_SECONDS)
    signs = stored.signs()
    errors, weights = [], []
    for start in range(0, len(heard), PIECE):
        piece = heard[start : start + PIECE]
        error, words = _nearest(piece, signs, at + start)
        errors.append(error)
        weights.append(words)
    total = sum(weights)
    if total == 0:
        return Likeness(error_rate=0.5, seconds=0.0)
    return Likeness(float(np.dot(errors, weights)) / total, total * HOP_SECONDS)


def _nearest(piece: Changes, signs: Changes, at: int) -> tuple[float, int]:
    """Return the lowest error rate of a piece near word `at` of the episode, and how many sounding words it rests on.

    Nothing to compare is an error rate of a half over no words.
    """
    sounding = int(sounds(piece).sum())
    best: tuple[float, int] = (0.5, 0)
    for shift in range(-SLACK, SLACK + 1):
        first = max(0, at + shift)
        stored = signs[first : max(first, at + shift + len(piece))]
        heard = piece[first - at - shift :][: len(stored)]
        both = sounds(stored[: len(heard)]) & sounds(heard)
        words = int(both.sum())
        if words < max(1, LEAST_OVERLAP * sounding):
            continue
        weight = float(np.abs(heard[both]).sum())
        error = 0.5 - float((heard[both] * stored[: len(heard)][both]).sum()) / (2 * weight)
        if best[1] == 0 or error < best[0]:
            best = (error, words)
    return best
