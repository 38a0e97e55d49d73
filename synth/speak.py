"""Speaks a script: sentence by sentence, with even voices, gaps, pauses, and the exact time of every sentence.

Deterministic: the same script, voices and pacing give the same samples, whatever the number of workers, because each
sentence has its own seed, made from its words and its voice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import soxr

from synth.audio import ChapterMark, Cue, Samples, Speech, check_samples
from synth.casting import cast_voices
from synth.errors import AudioError, VoiceError
from synth.loudness import VOICE_LUFS, LoudnessMeter
from synth.mix import Room
from synth.reminders import Reminder, reminder_places
from synth.script import Script
from synth.sentences import split_sentences
from synth.voice import Voice, VoiceCatalogue

SAMPLE_RATE = 44_100  # Hz of every programme: what podcast directories expect
MAX_VOICE_GAIN_DB = 30.0  # more would lift the noise of a broken engine to full level
MAX_SECONDS = 4 * 3600.0  # the longest programme that verification reads back
DISCLOSURE_CHAPTER = "About this audio"
DISCLOSURE_SPEAKER = "Announcement"

EDGE_SILENCE = 10.0 ** (-60.0 / 20.0)  # of a sentence's peak; below it, its first and last samples are not speech
EDGE_BEFORE = 0.03  # seconds kept before the first sound
EDGE_AFTER = 0.08  # and after the last one, where a voice fades
FADE = 0.005  # seconds, so that no cut clicks


@dataclass(frozen=True, slots=True)
class Pacing:
    """Seconds of silence; a script's own pauses come on top."""

    sentence: float = 0.38  # between sentences of one turn
    paragraph: float = 0.6  # between two turns of the same speaker
    speaker: float = 0.5  # where another speaker takes over
    chapter: float = 1.4  # before a chapter
    end: float = 0.6  # after the last word


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, where it belongs and how much silence comes before it."""

    speaker: str
    voice: Voice
    text: str
    gap: float
    chapter: str | None  # title of the chapter that begins here
    utterance: int | None = None  # index into `Script.utterances`; None for what the script does not hold
    begins_turn: bool = False
    written: str = ""  # what readers see of it, where that is not `text`


def speak(
    script: Script,
    catalogue: VoiceCatalogue,
    *,
    disclosure: str | None = None,
    reminder: Reminder | None = None,
    room: Room | None = None,
    pacing: Pacing | None = None,
    workers: int = 2,
    max_seconds: float = MAX_SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Speech:
    """Return the programme at 44.1 kHz, each voice near -16 LUFS, with a cue per sentence and its chapters.

    `disclosure` is spoken first, at t = 0, by the voice of the first speaker, as a chapter of its own, and `reminder`
    now and then between sentences. `room` is left silent for music. `progress` is called in this thread with
    (sentences done, sentences in all). Raises `VoiceError` for a voice that is not allowed,
    speaks another language or fails, `ScriptError` for text that a voice cannot speak, and `AudioError` if the result
    is longer than `max_seconds`.
    """
    voices = cast_voices(script, catalogue)
    pace = Pacing() if pacing is None else pacing
    lines = list(lines_of(script, voices, pace, disclosure, room))
    if sum(line.gap for line in lines) > max_seconds:
        raise _too_long(max_seconds)
    levels = _Levels()
    sentences = _synthesise(lines, workers, max_seconds, progress, levels)
    if reminder is not None:
        lines, sentences = _with_reminders(lines, sentences, reminder, next(iter(voices.values())), pace)
    gains = levels.even_gains()
    trailing = pace.end + (script.utterances[-1].pause_after if script.utterances else 0.0)
    trailing += room.after if room is not None else 0.0
    return _assemble(lines, sentences, gains, trailing, max_seconds)


def lines_of(
    script: Script, voices: Mapping[str, Voice], pace: Pacing, disclosure: str | None, room: Room | None = None
) -> Iterator[Line]:
    """Yield the sentences in their order; `disclosure` comes first."""
    first = True
    said = -1
    if disclosure is not None:
        yield from _announcement(disclosure, next(iter(voices.values())), pace, DISCLOSURE_CHAPTER)
        first = False
    previous: str | None = None
    pause = 0.0
    for chapter in script.chapters:
        title = chapter.title or script.title
        for position, utterance in enumerate(chapter.utterances):
            if first:
                gap = 0.0
            elif position == 0:
                gap = pace.chapter
            else:
                gap = pace.paragraph if utterance.speaker == previous else pace.speaker
            said += 1
            gap += room.before.get(said, 0.0) if room is not None else 0.0
            place = 0
            for number, sentence in enumerate(split_sentences(utterance.text)):
                written = utterance.written(place, place + len(sentence)) if utterance.respelled else ""
                place += len(sentence) + 1
                yield Line(
                    utterance.speaker,
                    voices[utterance.speaker],
                    sentence,
                    gap + pause if number == 0 else pace.sentence,
                    title if position == 0 and number == 0 else None,
                    said,
                    number == 0,
                    written,
                )
            first, previous, pause = False, utterance.speaker, utterance.pause_after


def _announcement(text: str, voice: Voice, pace: Pacing, chapter: str | None) -> Iterator[Line]:
    """Yield the sentences of what the script does not hold."""
    if found := voice.unspeakable(text):
        raise VoiceError(f"voice '{voice.id}' cannot speak the disclosure: {found.reason}")
    for number, sentence in enumerate(split_sentences(" ".join(text.split()))):
        yield Line(
            DISCLOSURE_SPEAKER,
            voice,
            sentence,
            0.0 if number == 0 else pace.sentence,
            chapter if number == 0 else None,
            begins_turn=number == 0,
        )


def _with_reminders(
    lines: list[Line], sentences: list[Samples], reminder: Reminder, voice: Voice, pace: Pacing
) -> tuple[list[Line], list[Samples]]:
    """Return lines and sentences with the reminder in its places."""
    ends, at = [], 0.0
    for line, samples in zip(lines, sentences, strict=True):
        at += line.gap + len(samples) / SAMPLE_RATE
        ends.append(at)
    since = max((end for line, end in zip(lines, ends, strict=True) if line.utterance is None), default=0.0)
    said = [replace(line, gap=line.gap or pace.speaker) for line in _announcement(reminder.text, voice, pace, None)]
    places = set(
        reminder_places(ends, [line.begins_turn for line in lines], since=since, every_seconds=reminder.every_seconds)
    )
    sounds = [speak_line(line) for line in said] if places else []
    all_lines: list[Line] = []
    all_sentences: list[Samples] = []
    for number, (line, samples) in enumerate(zip(lines, sentences, strict=True)):
        if number in places:
            all_lines += said
            all_sentences += sounds
            line = replace(line, gap=max(line.gap, pace.speaker))
        all_lines.append(line)
        all_sentences.append(samples)
    return all_lines, all_sentences


def _synthesise(
    lines: list[Line],
    workers: int,
    max_seconds: float,
    progress: Callable[[int, int], None] | None,
    levels: _Levels,
) -> list[Samples]:
    """Speak all lines at `SAMPLE_RATE`, in order, on `workers` threads, and measure them for `levels`."""
    sentences: list[Samples] = []
    length = 0.0
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="speak")
    try:
        for done, (line, (native, samples)) in enumerate(zip(lines, pool.map(_spoken, lines), strict=True), start=1):
            levels.add(line.voice, native)
            sentences.append(samples)
            length += len(samples) / SAMPLE_RATE
            if length > max_seconds:
                raise _too_long(max_seconds)
            if progress is not None:
                progress(done, len(lines))
    finally:
        # After an error the remaining sentences are not spoken; after success there are none.
        pool.shutdown(wait=True, cancel_futures=True)
    return sentences


def speak_line(line: Line, sample_rate: int = SAMPLE_RATE) -> Samples:
    """Speak one sentence, cut the silence at its edges, and bring it to `sample_rate`."""
    return _spoken(line, sample_rate)[1]


def _spoken(line: Line, sample_rate: int = SAMPLE_RATE) -> tuple[Samples, Samples]:
    """Return a sentence without the silence at its edges, at the voice's rate and at `sample_rate`."""
    voice = line.voice
    samples = voice.speak(line.text, seed=seed_of(voice, line.text))
    check_samples(samples, voice.sample_rate)
    trimmed = _trim(samples, voice.sample_rate)
    if trimmed is None:
        raise VoiceError(f"voice '{voice.id}' spoke a sentence of {len(line.text)} characters as silence; reword it")
    resampled: Samples = soxr.resample(trimmed, voice.sample_rate, sample_rate, quality="HQ")
    return trimmed, resampled


def seed_of(voice: Voice, text: str) -> int:
    """Return the seed of a sentence: 64 bits of SHA-256 over the voice, its version and the words."""
    material = "\n".join((voice.id, voice.version, text)).encode()
    return int.from_bytes(hashlib.sha256(material).digest()[:8], "big")


def _trim(samples: Samples, sample_rate: int) -> Samples | None:
    """Return `samples` without the silence at both ends, faded; None if nothing is left."""
    magnitude = np.abs(samples)
    peak = float(magnitude.max(initial=0.0))
    if peak == 0.0:
        return None
    loud = np.flatnonzero(magnitude > peak * EDGE_SILENCE)
    start = max(int(loud[0]) - round(EDGE_BEFORE * sample_rate), 0)
    end = min(int(loud[-1]) + 1 + round(EDGE_AFTER * sample_rate), len(samples))
    trimmed = samples[start:end].copy()
    fade = min(round(FADE * sample_rate), len(trimmed) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(fade, 1))).astype(np.float32)
    trimmed[:fade] *= ramp
    trimmed[len(trimmed) - fade :] *= ramp[::-1]
    return trimmed


class _Levels:
    """How loud each voice speaks, measured sentence by sentence while others are still being spoken.

    At the voice's own rate: a resampled sentence is as loud, and costs twice as much to measure.
    """

    def __init__(self) -> None:
        self._meters: dict[str, LoudnessMeter] = {}
        self._energies: dict[str, tuple[float, int]] = {}

    def add(self, voice: Voice, samples: Samples) -> None:
        """Take the next sentence of a voice, at its rate."""
        self._meters.setdefault(voice.id, LoudnessMeter(voice.sample_rate)).add(samples)
        energy, count = self._energies.get(voice.id, (0.0, 0))
        self._energies[voice.id] = (energy + float(np.dot(samples, samples)), count + len(samples))

    def even_gains(self) -> dict[str, np.float32]:
        """Return one factor per voice that brings all it says to `VOICE_LUFS`; sentences keep their own dynamics."""
        gains = {}
        for voice_id, meter in self._meters.items():
            loudness = meter.integrated()
            if loudness is None:
                # A voice that says one short word has no loudness in the sense of BS.1770; its plain level serves.
                energy, count = self._energies[voice_id]
                loudness = 10.0 * math.log10(energy / count)
            gain = VOICE_LUFS - loudness
            if gain > MAX_VOICE_GAIN_DB:
                raise VoiceError(f"voice '{voice_id}' spoke at {loudness:.0f} LUFS, next to nothing; check its engine")
            gains[voice_id] = np.float32(10.0 ** (gain / 20.0))
        return gains


def _assemble(
    lines: list[Line], sentences: list[Samples], gains: Mapping[str, np.float32], trailing: float, max_seconds: float
) -> Speech:
    """Put the sentences in their places; empties `sentences` on the way, so that memory holds one copy."""
    gaps = [round(line.gap * SAMPLE_RATE) for line in lines]
    total = sum(gaps) + sum(len(samples) for samples in sentences) + round(trailing * SAMPLE_RATE)
    if total > max_seconds * SAMPLE_RATE:
        raise _too_long(max_seconds)
    programme: Samples = np.zeros(total, dtype=np.float32)
    cues: list[Cue] = []
    chapters: list[ChapterMark] = []
    place = 0
    sentences.reverse()
    for line, gap in zip(lines, gaps, strict=True):
        samples = sentences.pop()
        start = place + gap
        place = start + len(samples)
        programme[start:place] = samples * gains[line.voice.id]
        cues.append(
            Cue(start / SAMPLE_RATE, place / SAMPLE_RATE, line.speaker, line.written or line.text, line.utterance)
        )
        if line.chapter is not None:
            chapters.append(ChapterMark(start / SAMPLE_RATE, line.chapter))
    return Speech(programme, SAMPLE_RATE, tuple(cues), tuple(chapters))


def _too_long(max_seconds: float) -> AudioError:
    return AudioError(f"the programme is longer than {max_seconds / 60:.0f} minutes; split the script into episodes")
