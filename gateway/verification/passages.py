"""Which seconds of a file are which seconds of an episode, as the public may know it (pure).

Places are told no finer than a block of the keyed mark, speed and pitch in round words: enough for a person who wants
to compare, too little for a forger who wants to know where and how the reader listens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.verification.marks import Confidence
from synth.placement import Placement
from synth.watermark import Passage

BLOCK_SECONDS = 2.5  # places are rounded to it
AS_PUBLISHED = 0.025  # factor up to which speed and pitch are called as published: noisy passages tell no finer


@dataclass(frozen=True, slots=True)
class ReportedPassage:
    """One stretch of the file and where it comes from; times in seconds."""

    episode_id: str
    start: float  # of the file
    end: float
    episode_start: float  # of the episode as published
    episode_end: float
    speed: str  # in words
    pitch: str
    confidence: Confidence
    placement: Placement

    def to_dict(self) -> dict[str, str | float]:
        """Return the JSON form."""
        return {
            "episode_id": self.episode_id,
            "start": self.start,
            "end": self.end,
            "episode_start": self.episode_start,
            "episode_end": self.episode_end,
            "speed": self.speed,
            "pitch": self.pitch,
            "confidence": self.confidence.value,
            "placement": self.placement.value,
        }


def report_passage(passage: Passage, placement: Placement) -> ReportedPassage:
    """Return the public form of a passage."""
    return ReportedPassage(
        episode_id=passage.episode_id,
        start=_rounded(passage.start),
        end=_rounded(passage.end),
        episode_start=_rounded(passage.episode_start),
        episode_end=_rounded(passage.episode_end),
        speed=describe_speed(passage.tempo),
        pitch=describe_pitch(passage.rate),
        confidence=Confidence.of(passage.false_match_bound),
        placement=placement,
    )


def describe_speed(tempo: float) -> str:
    """Return "as published", "about 10 % faster" or "about 10 % slower"."""
    if abs(tempo - 1) <= AS_PUBLISHED:
        return "as published"
    return f"about {abs(tempo - 1):.0%} {'faster' if tempo > 1 else 'slower'}".replace("%", " %")


def describe_pitch(rate: float) -> str:
    """Return "as published", or the distance in half semitones, for example "about 1.5 semitones lower"."""
    if abs(rate - 1) <= AS_PUBLISHED:
        return "as published"
    semitones = max(0.5, round(2 * abs(12 * math.log2(rate))) / 2)
    unit = "semitone" if semitones <= 1 else "semitones"
    return f"about {semitones:g} {unit} {'higher' if rate > 1 else 'lower'}"


def _rounded(seconds: float) -> float:
    return max(0.0, round(seconds / BLOCK_SECONDS) * BLOCK_SECONDS)
