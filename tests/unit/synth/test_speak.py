"""Speaking a script: order, times, gaps, evenness, and no word lost in silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from synth.audio import Samples
from synth.casting import cast_voices
from synth.errors import AudioError, ScriptError, VoiceError
from synth.formats import parse_script
from synth.loudness import measure_loudness
from synth.reminders import Reminder, reminder_places
from synth.script import Script
from synth.speak import DISCLOSURE_CHAPTER, DISCLOSURE_SPEAKER, SAMPLE_RATE, Pacing, speak
from synth.tone import ToneVoice
from synth.voice import VoiceCatalogue

DISCLOSURE = "Made with artificial intelligence: these voices are synthetic."
HEAD = "---\ntitle: Morning\nvoices:\n  ANNA: low\n  BEN: high\n---\n"
SOURCE = (
    HEAD + "# One\nANNA: First words. More words!\n[pause 700ms]\nAnd more.\n\nBEN: Yes.\n\n# Two\nANNA: The end.\n"
)


class QuietVoice(ToneVoice):
    """A tone 20 dB below the others, with long silences around it."""

    def speak(self, text: str, *, seed: int) -> Samples:
        silence = np.zeros(24_000, np.float32)
        return np.concatenate([silence, 0.1 * super().speak(text, seed=seed), silence]).astype(np.float32)


class BrokenVoice(ToneVoice):
    """Returns silence for everything, as engines do for scripts that they do not know."""

    def speak(self, text: str, *, seed: int) -> Samples:
        return np.zeros(24_000, np.float32)


def catalogue(**others: type[ToneVoice]) -> VoiceCatalogue:
    voices = {"low": ToneVoice(id="low", frequency=90), "high": ToneVoice(id="high", frequency=200)}
    return VoiceCatalogue({**voices, **{name: kind(id=name) for name, kind in others.items()}})


def script(source: str = SOURCE) -> Script:
    return parse_script(source)


def test_sentences_follow_each_other_with_the_promised_gaps() -> None:
    pace = Pacing(sentence=0.3, paragraph=0.5, speaker=0.4, chapter=1.1, end=0.6)
    speech = speak(script(), catalogue(), pacing=pace)
    assert [(cue.speaker, cue.text) for cue in speech.cues] == [
        ("ANNA", "First words."),
        ("ANNA", "More words!"),
        ("ANNA", "And more."),
        ("BEN", "Yes."),
        ("ANNA", "The end."),
    ]
    gaps = [later.start - earlier.end for earlier, later in zip(speech.cues, speech.cues[1:], strict=False)]
    assert gaps == pytest.approx([0.3, 0.5 + 0.7, 0.4, 1.1], abs=1e-4)
    assert speech.duration - speech.cues[-1].end == pytest.approx(0.6, abs=1e-4)


def test_cue_times_are_where_the_sound_is() -> None:
    speech = speak(script(), catalogue())
    loud = np.abs(speech.samples) > 1e-3
    heard = np.zeros(len(loud), bool)
    for cue in speech.cues:
        span = slice(round(cue.start * SAMPLE_RATE), round(cue.end * SAMPLE_RATE))
        assert loud[span].any()
        heard[span] = True
    assert not (loud & ~heard).any()


def test_chapters_begin_with_their_first_word() -> None:
    speech = speak(script(), catalogue())
    assert [(mark.start, mark.title) for mark in speech.chapters] == [
        (speech.cues[0].start, "One"),
        (speech.cues[4].start, "Two"),
    ]


def test_untitled_chapter_takes_the_title_of_the_script() -> None:
    speech = speak(script(HEAD + "ANNA: Hello.\n\nBEN: Hello."), catalogue())
    assert [mark.title for mark in speech.chapters] == ["Morning"]


def test_disclosure_is_heard_first_and_is_a_chapter() -> None:
    speech = speak(script(), catalogue(), disclosure=DISCLOSURE)
    assert (speech.cues[0].start, speech.cues[0].speaker, speech.cues[0].text) == (0.0, DISCLOSURE_SPEAKER, DISCLOSURE)
    assert (speech.chapters[0].start, speech.chapters[0].title) == (0.0, DISCLOSURE_CHAPTER)
    assert speech.chapters[1].start == pytest.approx(speech.cues[0].end + Pacing().chapter, abs=1e-4)
    assert np.abs(speech.samples[: SAMPLE_RATE // 5]).max() > 0.01


def test_number_of_workers_changes_nothing() -> None:
    one, four = (speak(script(), catalogue(), workers=workers, disclosure=DISCLOSURE) for workers in (1, 4))
    assert np.array_equal(one.samples, four.samples)
    assert one.cues == four.cues


def test_quiet_voice_is_brought_to_the_level_of_the_others() -> None:
    source = HEAD.replace("high", "quiet") + "ANNA: One two three four five six.\n\nBEN: One two three four five six."
    speech = speak(script(source), catalogue(quiet=QuietVoice))
    levels = []
    for cue in speech.cues:
        part = speech.samples[round(cue.start * SAMPLE_RATE) : round(cue.end * SAMPLE_RATE)]
        levels.append(measure_loudness(part, SAMPLE_RATE))
    assert levels == pytest.approx([-16.0, -16.0], abs=0.5)
    # The two seconds of silence that the engine puts around its words are gone.
    assert speech.cues[1].end - speech.cues[1].start < speech.cues[0].end - speech.cues[0].start + 0.2


def test_one_short_word_is_loud_enough() -> None:
    speech = speak(script("---\ntitle: x\nvoices:\n  A: low\n---\nI."), catalogue())
    assert 0.05 < np.sqrt(np.mean(speech.samples[: round(speech.cues[0].end * SAMPLE_RATE)] ** 2)) < 0.4


def test_progress_counts_every_sentence() -> None:
    seen: list[tuple[int, int]] = []
    speak(script(), catalogue(), disclosure=DISCLOSURE, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_a_voice_that_returns_silence_is_an_error() -> None:
    with pytest.raises(VoiceError, match="silence"):
        speak(script(HEAD.replace("high", "broken") + "ANNA: One.\n\nBEN: Two."), catalogue(broken=BrokenVoice))


def test_a_voice_that_is_not_allowed_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(VoiceError, match=r"'alien' is not allowed here; choose one of: high, low"):
        speak(script(SOURCE.replace("BEN: high", "BEN: alien")), catalogue())


def test_a_language_that_nobody_speaks_is_refused() -> None:
    with pytest.raises(VoiceError, match="no voice here speaks the language 'tlh'; languages that are spoken: en"):
        speak(script(SOURCE.replace("title: Morning", "title: Morning\nlanguage: tlh")), catalogue())


def test_a_voice_of_another_language_is_refused_with_the_able_ones() -> None:
    german = VoiceCatalogue({**catalogue().voices, "anke": ToneVoice(id="anke", language="de")})
    with pytest.raises(VoiceError, match=r"'low' speaks 'en', the script is in 'de'; choose one of: anke"):
        speak(script(SOURCE.replace("title: Morning", "title: Morning\nlanguage: de")), german)


def test_letters_that_a_voice_would_drop_are_refused_with_their_place() -> None:
    source = HEAD + "ANNA: Hello *to*\n the world 世界.\n\nBEN: Yes."
    with pytest.raises(ScriptError, match=r"line 8, column 12: voice 'low' cannot speak this: U\+4E16") as caught:
        cast_voices(script(source), catalogue())
    assert (caught.value.line, caught.value.column) == (8, 12)


def test_a_disclosure_that_the_voice_cannot_speak_is_refused() -> None:
    with pytest.raises(VoiceError, match="disclosure"):
        speak(script(), catalogue(), disclosure="人工智能生成")


def test_a_programme_over_the_limit_is_refused() -> None:
    with pytest.raises(AudioError, match="split the script"):
        speak(script(), catalogue(), max_seconds=2.0)


def test_a_programme_of_gaps_is_refused_before_anything_is_spoken() -> None:
    with pytest.raises(AudioError, match="split the script"):
        speak(
            script(HEAD.replace("high", "broken") + "ANNA: a\n\nBEN: b\n\n" * 20),
            catalogue(broken=BrokenVoice),
            max_seconds=10.0,
        )


def test_pauses_count_towards_the_limit() -> None:
    source = "---\ntitle: x\nvoices:\n  A: low\n---\nHi.\n[pause 30s]\n"
    with pytest.raises(AudioError, match="split the script"):
        speak(script(source), catalogue(), max_seconds=20.0)


def test_an_error_in_progress_stops_the_work() -> None:
    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speak(script(), catalogue(), progress=cancel)


REMINDER = "These voices are synthetic."


def long_script(turns: int) -> Script:
    return parse_script(
        HEAD + "\n\n".join(f"{'ANNA' if n % 2 else 'BEN'}: " + "Word after word. " * 8 for n in range(turns))
    )


def test_reminder_is_said_between_turns_again_and_again() -> None:
    speech = speak(long_script(40), catalogue(), disclosure=DISCLOSURE, reminder=Reminder(REMINDER, 60.0))
    announced = [cue for cue in speech.cues if cue.utterance is None]
    assert announced[0].text == DISCLOSURE
    said = announced[1:]
    assert len(said) >= 2
    assert {cue.text for cue in said} == {REMINDER}
    starts = [cue.start for cue in announced]
    assert all(60.0 <= later - earlier < 60.0 + 45.0 for earlier, later in itertools.pairwise(starts))
    for cue in said:
        after = speech.cues[speech.cues.index(cue) + 1]
        before = speech.cues[speech.cues.index(cue) - 1]
        assert before.utterance != after.utterance
        assert cue.start - before.end >= 0.49
        assert after.start - cue.end >= 0.49


def test_reminder_changes_no_other_word() -> None:
    plain = speak(long_script(20), catalogue(), disclosure=DISCLOSURE)
    reminded = speak(long_script(20), catalogue(), disclosure=DISCLOSURE, reminder=Reminder(REMINDER, 60.0))
    assert [cue.text for cue in reminded.cues if cue.text != REMINDER] == [cue.text for cue in plain.cues]
    assert len(reminded.cues) > len(plain.cues)


def test_turn_that_never_ends_is_interrupted_between_sentences() -> None:
    ends = [10.0 * number for number in range(1, 31)]
    never = [True] + [False] * 29
    assert list(reminder_places(ends, never, since=0.0, every_seconds=60.0)) == [11, 22]


def test_reminder_is_not_said_when_all_is_said() -> None:
    assert not list(reminder_places([100.0], [True], since=0.0, every_seconds=60.0))
