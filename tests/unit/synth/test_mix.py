"""Music under and between words: where it plays, how loud, and that words keep their place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from synth.audio import Samples, Speech
from synth.formats import parse_script
from synth.loudness import measure_loudness
from synth.mix import LEAD_SECONDS, LIFT_DB, TAIL_SECONDS, VOICE_LUFS, Room, mix
from synth.script import Script
from synth.speak import SAMPLE_RATE, speak
from synth.tone import ToneVoice
from synth.voice import VoiceCatalogue

HEAD = "---\ntitle: T\nvoices:\n  ANNA: low\n"
RATE = SAMPLE_RATE


def hum(seconds: float, *, frequency: float = 700.0) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.1 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


SOUNDS: Mapping[str, Samples] = {"long": hum(60.0), "short": hum(5.0), "bell": hum(1.5, frequency=1_500.0)}


def spoken(source: str) -> tuple[Script, Speech]:
    script = parse_script(source)
    room = Room.of(script, {name: len(sound) / RATE for name, sound in SOUNDS.items()})
    catalogue = VoiceCatalogue({"low": ToneVoice(id="low", frequency=90)})
    return script, speak(script, catalogue, room=room)


def mixed(source: str) -> tuple[Speech, Samples]:
    """Return the programme, and what the music alone adds."""
    script, speech = spoken(source)
    before = speech.samples.copy()
    after = mix(speech, script, SOUNDS)
    return after, after.samples - before


def level(music: Samples, start: float, end: float) -> float:
    """Return decibels relative to voices."""
    return measure_loudness(music[round(start * RATE) : round(end * RATE)], RATE) - VOICE_LUFS


def test_bed_plays_at_its_level_under_words_and_comes_up_between_them() -> None:
    source = (
        HEAD + "bed: long -20dB\n---\n" + "One two three four five six seven eight nine ten.\n[pause 6s]\n" * 2 + "End."
    )
    speech, music = mixed(source)
    first, second, _ = speech.cues
    assert level(music, first.start, first.end) == pytest.approx(-20.0, abs=0.3)
    assert level(music, first.end + 1.0, second.start - 0.6) == pytest.approx(-20.0 + LIFT_DB, abs=0.3)
    assert level(music, second.start, second.end) == pytest.approx(-20.0, abs=0.3)


def test_bed_begins_before_the_first_word_from_nothing_and_ends_in_nothing() -> None:
    speech, music = mixed(HEAD + "bed: long\n---\nOne two three four five.")
    assert speech.cues[0].start == pytest.approx(LEAD_SECONDS, abs=0.01)
    assert speech.duration - speech.cues[0].end >= TAIL_SECONDS
    assert np.abs(music[:20]).max() < 1e-4
    end = round((speech.cues[0].end + TAIL_SECONDS) * RATE)
    assert np.abs(music[end - 20 : end]).max() < 1e-3
    assert not music[end:].any()


def test_bed_of_one_chapter_is_not_heard_in_another() -> None:
    source = HEAD + "---\n# A\nOne two three.\n\n# B\n[bed long]\nFour five six.\n\n# C\nSeven eight nine."
    speech, music = mixed(source)
    one, two, three = speech.cues
    assert not music[: round(one.end * RATE)].any()
    assert music[round(two.start * RATE) : round(two.end * RATE)].any()
    assert not music[round(three.start * RATE) :].any()


def test_short_bed_is_repeated_without_a_hole_or_a_click() -> None:
    speech, music = mixed(HEAD + "bed: short\n---\n" + "One two three four five six seven eight nine ten. " * 12)
    words = music[round((speech.cues[0].start + 0.1) * RATE) : round(speech.cues[-1].end * RATE)]
    assert len(words) > 4 * 5.0 * RATE
    # Between the words the bed may be up, never gone: half a second of it is never softer than half its level.
    size = RATE // 20
    levels = np.sqrt(np.mean(words[: len(words) // size * size].reshape(-1, size) ** 2, axis=1))
    assert levels.min() > 0.3 * np.median(levels)
    # A sine of 700 Hz moves a tenth of its height from one sample to the next; a seam would jump.
    assert np.abs(np.diff(words)).max() < 0.2 * np.abs(words).max()


def test_long_bed_is_cut_where_the_words_end() -> None:
    speech, music = mixed(HEAD + "bed: long\n---\nOne two three.")
    assert speech.duration < 20.0
    assert len(music) == len(speech.samples)


def test_stinger_has_a_place_of_its_own() -> None:
    speech, music = mixed(HEAD + "---\nOne two three.\n[pause 500ms]\n[stinger bell]\nFour five six.")
    before, after = speech.cues
    heard = np.flatnonzero(np.abs(music) > 1e-4) / RATE
    assert before.end + 0.5 <= heard[0]
    assert heard[-1] <= after.start - 0.35
    assert heard[-1] - heard[0] == pytest.approx(1.5, abs=0.01)
    assert measure_loudness(music, RATE) == pytest.approx(VOICE_LUFS, abs=1.0)  # its edges share blocks with silence


def test_two_stingers_and_a_bed_follow_each_other() -> None:
    source = HEAD + "---\nOne.\n[stinger bell]\n[stinger bell -6dB]\n[bed long]\nTwo two two."
    speech, music = mixed(source)
    one, two = speech.cues
    between = np.abs(music[round(one.end * RATE) : round(two.start * RATE)]) > 1e-3
    runs = np.flatnonzero(np.diff(np.concatenate([[False], np.convolve(between, np.ones(2_000)) > 0])))
    assert len(runs) >= 5  # on, off, on, off, and the bed


def test_stinger_may_end_the_programme() -> None:
    speech, music = mixed(HEAD + "---\nOne two three.\n[stinger bell]\n")
    heard = np.flatnonzero(np.abs(music) > 1e-4) / RATE
    assert heard[0] > speech.cues[-1].end
    assert heard[-1] < speech.duration


def test_words_keep_their_samples() -> None:
    script, speech = spoken(HEAD + "bed: long\n---\nOne two three.\n[stinger bell]\nFour.")
    words = [speech.samples[round(cue.start * RATE) : round(cue.end * RATE)].copy() for cue in speech.cues]
    after = mix(speech, script, SOUNDS)
    for cue, before in zip(after.cues, words, strict=True):
        now = after.samples[round(cue.start * RATE) : round(cue.end * RATE)]
        assert np.corrcoef(now, before)[0, 1] > 0.95


def test_script_without_music_needs_no_room() -> None:
    room = Room.of(parse_script(HEAD + "---\nOne."), {})
    assert (dict(room.before), room.after) == ({}, 0.0)
