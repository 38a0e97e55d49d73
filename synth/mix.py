"""Mixes music into a spoken programme: beds that step back under words, and stingers in the gaps left for them.

Everything is at the level of voices (`VOICE_LUFS`) before the programme is mastered, and before it is marked, so that
the marks lie on what is heard. Where words are is known to the sample, so the music is lowered before they begin
instead of after: ducking without a detector. Block by block; the programme's own samples are changed (no I/O).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.audio import Cue, Samples, Speech
from synth.loudness import BLOCK_SECONDS, VOICE_LUFS, measure_loudness
from synth.music import Bed, Stinger
from synth.script import Script

LEAD_SECONDS = 1.5  # of a bed before its first words ...
TAIL_SECONDS = 2.5  # ... and after its last ones, where it fades out
FADE_IN_SECONDS = 1.0
LIFT_DB = 6.0  # how far a bed comes up where nobody speaks
DOWN_SECONDS = 0.35  # it is down again when the words begin
UP_SECONDS = 0.8
LONG_GAP_SECONDS = DOWN_SECONDS + UP_SECONDS + 0.25  # a shorter one is no reason to come up
LOOP_SECONDS = 3.0  # of crossfade where a bed begins again
BEFORE_STINGER_SECONDS = 0.2
AFTER_STINGER_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Room:
    """Seconds of silence that music needs in a programme."""

    before: Mapping[int, float]  # before utterance
    after: float  # behind the last one

    @staticmethod
    def of(script: Script, lengths: Mapping[str, float]) -> Room:
        """Return the room that a script's music needs; `lengths` are the seconds of each stinger by asset name."""
        count = len(script.utterances)
        before: dict[int, float] = {}
        for stinger in script.stingers:
            slot = BEFORE_STINGER_SECONDS + lengths[stinger.asset.name] + AFTER_STINGER_SECONDS
            before[stinger.before] = before.get(stinger.before, 0.0) + slot
        for bed in script.beds:
            before[bed.first] = before.get(bed.first, 0.0) + LEAD_SECONDS
            if bed.end == count:
                before[count] = before.get(count, 0.0) + TAIL_SECONDS
        return Room({at: seconds for at, seconds in before.items() if at < count}, before.get(count, 0.0))


@dataclass(frozen=True, slots=True)
class _Span:
    """Where something is heard; samples, half open."""

    start: int
    end: int


def mix(speech: Speech, script: Script, sounds: Mapping[str, Samples]) -> Speech:
    """Return `speech` with the script's music in it; `sounds` are the assets by name, at the programme's rate.

    `speech` was spoken with the `Room` of this script. Its samples are those of the result: they are changed in place,
    because an hour of them has 640 MB.
    """
    rate = speech.sample_rate
    stingers = list(_place_stingers(speech, script, sounds))
    busy = [_Span(round(cue.start * rate), round(cue.end * rate)) for cue in speech.cues] + [
        span for span, _ in stingers
    ]
    busy.sort(key=lambda span: span.start)
    for bed in script.beds:
        span = _place_bed(speech, bed)
        factor = _factor(sounds[bed.asset.name], rate, bed.gain_db)
        _add_bed(speech.samples, rate, span, sounds[bed.asset.name], factor, busy)
    for span, stinger in stingers:
        sound = sounds[stinger.asset.name]
        speech.samples[span.start : span.end] += sound * _factor(sound, rate, stinger.gain_db)
    return speech


def _place_stingers(speech: Speech, script: Script, sounds: Mapping[str, Samples]) -> Iterator[tuple[_Span, Stinger]]:
    """Yield each stinger with its place: one after another, the last right before the words or the bed that follow."""
    rate = speech.sample_rate
    ends = {at: round(start * rate) for at, start in _beginnings(speech.cues).items()}
    ends[len(script.utterances)] = len(speech.samples)
    for bed in script.beds:
        ends[bed.first] -= round(LEAD_SECONDS * rate)
    for stinger in reversed(script.stingers):
        length = len(sounds[stinger.asset.name])
        end = max(ends[stinger.before] - round(AFTER_STINGER_SECONDS * rate), length)
        ends[stinger.before] = end - length - round(BEFORE_STINGER_SECONDS * rate)
        yield _Span(end - length, end), stinger


def _beginnings(cues: Sequence[Cue]) -> dict[int, float]:
    """Return when each utterance begins."""
    begins: dict[int, float] = {}
    for cue in cues:
        if cue.utterance is not None:
            begins.setdefault(cue.utterance, cue.start)
    return begins


def _place_bed(speech: Speech, bed: Bed) -> _Span:
    """Return where a bed is heard: from shortly before its first words to after its last, never under other words."""
    own = [
        at for at, cue in enumerate(speech.cues) if cue.utterance is not None and bed.first <= cue.utterance < bed.end
    ]
    first, last = own[0], own[-1]
    start = speech.cues[first].start - LEAD_SECONDS
    start = max(start, speech.cues[first - 1].end if first else 0.0)
    end = speech.cues[last].end + TAIL_SECONDS
    end = min(end, speech.cues[last + 1].start if last + 1 < len(speech.cues) else speech.duration)
    return _Span(round(start * speech.sample_rate), min(round(end * speech.sample_rate), len(speech.samples)))


def _factor(sound: Samples, rate: int, gain_db: float) -> np.float32:
    """Return what brings a sound to `gain_db` relative to voices."""
    return np.float32(10.0 ** ((VOICE_LUFS + gain_db - measure_loudness(sound, rate)) / 20.0))


def _add_bed(
    programme: Samples, rate: int, span: _Span, sound: Samples, factor: np.float32, busy: Sequence[_Span]
) -> None:
    """Add a bed to `programme` between the borders of `span`, looped or cut, faded and ducked."""
    length = span.end - span.start
    loop = sound if len(sound) >= length else _seamless(sound, rate)
    knots, levels = _envelope(span, rate, busy)
    for start in range(span.start, span.end, BLOCK_SECONDS * rate):
        end = min(start + BLOCK_SECONDS * rate, span.end)
        at = np.arange(start, end)
        level = np.interp(at, knots, levels).astype(np.float32)
        programme[start:end] += loop[(at - span.start) % len(loop)] * (factor * level)


def _seamless(sound: Samples, rate: int) -> Samples:
    """Return a sound that can be repeated without a seam: its end fades into its beginning, at constant power."""
    width = min(round(LOOP_SECONDS * rate), len(sound) // 4)
    angle = (np.arange(width) + 0.5) * (np.pi / 2 / width)
    loop = sound[: len(sound) - width].copy()
    loop[:width] = loop[:width] * np.sin(angle) + sound[len(sound) - width :] * np.cos(angle)
    return loop.astype(np.float32)


def _envelope(span: _Span, rate: int, busy: Sequence[_Span]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return samples and gains between which a bed's level runs straight: faded at the ends, down under words."""
    down, up, long = (round(seconds * rate) for seconds in (DOWN_SECONDS, UP_SECONDS, LONG_GAP_SECONDS))
    lift = 10.0 ** (LIFT_DB / 20.0)
    inside = [one for one in busy if one.end > span.start and one.start < span.end]
    knots: list[tuple[int, float]] = [(span.start, 0.0)]
    place = span.start
    for one in inside:
        if one.start - place >= long:
            rise = up if place > span.start else min(round(FADE_IN_SECONDS * rate), one.start - place - down)
            knots += [(place + rise, lift), (one.start - down, lift)]
        place = max(place, one.start)
        knots.append((place, 1.0))
        place = max(place, one.end)
        knots.append((place, 1.0))
    knots.append((span.end, 0.0))
    at, level = zip(*knots, strict=True)
    return np.asarray(at, dtype=np.float64), np.asarray(level, dtype=np.float64)
