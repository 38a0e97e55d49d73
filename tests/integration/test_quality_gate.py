"""Engines that fail without an error: what they say is put into a programme, encoded, heard, and goes to a person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gateway.app import build_screener
from gateway.intake import manuscript_of
from gateway.settings import Settings
from policies.adapters.whisper import WhisperListener
from policies.decision import Verdict
from policies.soundness import PlannedSentence
from policies.spoken import Hearing, SpokenCheck
from policies.transcript import LISTENING_RATE
from synth.adapters.hibari import HibariEngine, hibari_catalogue
from synth.assets import EMBEDDED, AssetCatalogue, read_assets
from synth.audio import Samples, Speech
from synth.decode import decode
from synth.encode import encode_mp3
from synth.formats import parse_script
from synth.master import master
from synth.mix import Room, mix
from synth.reminders import Reminder
from synth.speak import SAMPLE_RATE, speak
from synth.voice import Unspeakable, Voice, VoiceCatalogue

pytestmark = pytest.mark.slow
SENTENCES = (
    "The council met on Tuesday evening to talk about the bridge.",
    "It will be closed from Monday, and the ferry runs every half hour.",
    "Residents may send their comments until the end of the month.",
    "The harbour master was pleased with the result and thanked everybody.",
)
HEAD = "---\ntitle: Harbour News\nvoices:\n  ANNA: hibari-heart\n"
SOURCE = HEAD + "---\n\nANNA: " + " ".join(SENTENCES) + "\n"
DISCLOSURE = "This programme was made with artificial intelligence."
REMINDER = "A reminder: the voices you hear are synthetic."
Fault = Callable[[Voice, str, Samples], Samples]


class FaultyVoice:
    """The embedded voice, which spoils one sentence."""

    def __init__(self, voice: Voice, fault: Fault, *, spoils: str = SENTENCES[1]) -> None:
        self._voice, self._fault, self._spoils = voice, fault, spoils
        self.id, self.language = voice.id, voice.language
        self.sample_rate, self.version = voice.sample_rate, voice.version

    def unspeakable(self, text: str) -> Unspeakable | None:
        return self._voice.unspeakable(text)

    def speak(self, text: str, *, seed: int) -> Samples:
        samples = self._voice.speak(text, seed=seed)
        return self._fault(self._voice, text, samples) if text == self._spoils else samples


def noise(voice: Voice, text: str, samples: Samples) -> Samples:
    return (0.05 * np.random.default_rng(1).standard_normal(len(samples))).astype(np.float32)


def hum(voice: Voice, text: str, samples: Samples) -> Samples:
    return (0.1 * np.sin(np.arange(len(samples)) / 30)).astype(np.float32)


def drops_words(voice: Voice, text: str, samples: Samples) -> Samples:
    return samples[: len(samples) // 3]


def repeats(voice: Voice, text: str, samples: Samples) -> Samples:
    return np.concatenate([samples, samples])


def stops(voice: Voice, text: str, samples: Samples) -> Samples:
    half = len(samples) // 2
    return np.concatenate([samples[:half], np.zeros(3 * voice.sample_rate, np.float32), samples[half:]])


def clips(voice: Voice, text: str, samples: Samples) -> Samples:
    return np.clip(8.0 * samples / np.abs(samples).max(), -0.5, 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return hibari_catalogue(HibariEngine()).get("hibari-heart")


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> SpokenCheck:
    screener = build_screener(Settings(home=tmp_path_factory.mktemp("home")))
    settings = screener.policy.rules.spoken
    assert settings is not None
    return SpokenCheck(screener=screener, listener=WhisperListener.packaged(threads=2), settings=settings)


def hear(check: SpokenCheck, voice: Voice, source: str = SOURCE, *, reminder: Reminder | None = None) -> Hearing:
    """Return what is heard in the finished MP3 of a script."""
    return heard(check, voice, source, reminder=reminder)[0]


def heard(
    check: SpokenCheck, voice: Voice, source: str, *, reminder: Reminder | None = None
) -> tuple[Hearing, Speech, Samples]:
    """Return the same with the programme, and its sound as a player decodes it."""
    script = parse_script(source)
    catalogue = AssetCatalogue(read_assets(EMBEDDED))
    sounds = {card.name: catalogue.sound(card.name, SAMPLE_RATE) for card in catalogue.require(script)}
    speech = speak(
        script,
        VoiceCatalogue({voice.id: voice}),
        disclosure=DISCLOSURE,
        reminder=reminder,
        room=Room.of(script, {name: len(sound) / SAMPLE_RATE for name, sound in sounds.items()}),
    )
    speech = master(mix(speech, script, sounds))
    plan = [PlannedSentence(cue.start, cue.end, cue.text, cue.utterance) for cue in speech.cues]
    samples = decode(encode_mp3(speech.samples, speech.sample_rate), target_rate=LISTENING_RATE).samples
    voices = dict(script.voices)
    return check.check(manuscript_of(script), samples, disclosure=DISCLOSURE, voices=voices, plan=plan), speech, samples


def categories(hearing: Hearing) -> set[str]:
    return {finding.category for finding in hearing.decision.findings}


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (noise, "unheard_sound"),
        (hum, "unheard_sound"),
        (drops_words, "different_speech"),
        (repeats, "repeated_speech"),
        (stops, "long_silence"),
        (clips, "clipping"),
    ],
)
def test_engine_that_fails_without_an_error_sends_the_episode_to_a_person(
    check: SpokenCheck, voice: Voice, fault: Fault, category: str
) -> None:
    hearing = hear(check, FaultyVoice(voice, fault))
    assert hearing.decision.verdict is Verdict.REVIEW
    assert category in categories(hearing)
    (finding, *_) = [one for one in hearing.decision.findings if one.category == category]
    assert finding.time_start is not None
    assert finding.time_end is not None
    assert 3.0 < finding.time_start < finding.time_end  # behind the disclosure


def test_sound_engine_is_no_question_to_anybody(check: SpokenCheck, voice: Voice) -> None:
    hearing = hear(check, voice)
    assert hearing.decision.verdict is Verdict.ALLOW, hearing.decision.findings
    assert hearing.errors <= 1


@pytest.mark.parametrize("bed", ["morning-light", "evening-harbour"])
def test_words_over_music_are_heard(check: SpokenCheck, voice: Voice, bed: str) -> None:
    source = SOURCE.replace("---\n\nANNA", f"bed: {bed}\n---\n\nANNA") + "\n[stinger three-notes]\n\nANNA: Goodbye.\n"
    hearing = hear(check, voice, source)
    assert hearing.decision.verdict is Verdict.ALLOW, hearing.decision.findings
    assert hearing.errors <= 2


def test_reminder_of_the_disclosure_is_expected_where_it_is_said(check: SpokenCheck, voice: Voice) -> None:
    paragraphs = "\n\n".join("ANNA: " + " ".join(SENTENCES) for _ in range(6))
    hearing = hear(check, voice, HEAD + "---\n\n" + paragraphs, reminder=Reminder(REMINDER, 60.0))
    assert hearing.transcript.text.count("reminder") >= 1
    assert hearing.decision.verdict is Verdict.ALLOW, hearing.decision.findings


def test_times_of_sentences_are_where_words_are_heard(check: SpokenCheck, voice: Voice) -> None:
    """Within 100 ms: each sentence begins with its first sound, and all words that a recogniser hears lie within it."""
    hearing, speech, samples = heard(check, voice, SOURCE)
    size = LISTENING_RATE // 100
    levels = np.sqrt(np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, axis=1))
    loud = np.flatnonzero(levels > 0.01) / 100
    words = list(hearing.transcript.words)
    for cue in speech.cues:
        assert loud[loud > cue.start - 0.15][0] == pytest.approx(cue.start, abs=0.1)
        said, words = words[: len(cue.text.split())], words[len(cue.text.split()) :]
        assert said[0].start >= cue.start - 0.1
        assert said[-1].end <= cue.end + 0.1
