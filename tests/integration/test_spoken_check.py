"""Real voices, a real codec, the real recogniser and the default policy: what is heard is what counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from gateway.app import build_screener
from gateway.manuscripts import manuscript_of
from gateway.settings import Settings
from policies.adapters.whisper import PACKAGED_ID, WhisperListener, _without_words
from policies.decision import Verdict
from policies.errors import ModelUnavailableError
from policies.screen import Screener
from policies.spoken import Hearing, SpokenCheck
from policies.transcript import LISTENING_RATE, HeardWord, Transcript
from synth.adapters.hibari import HibariEngine, hibari_catalogue
from synth.audio import Samples
from synth.decode import decode
from synth.encode import encode_mp3
from synth.formats import parse_script
from synth.sentences import split_sentences
from synth.voice import VoiceCatalogue

pytestmark = pytest.mark.slow
PROGRAMME_RATE = 44_100
NEWS = (
    "The council met on Tuesday evening. It approved a budget of $5 million for the new bridge. Margaret Ellison said "
    "the work will take fourteen months. The old bridge is not safe for lorries."
)
Say = Callable[..., Samples]


@pytest.fixture(scope="module")
def engine() -> HibariEngine:
    return HibariEngine()


@pytest.fixture(scope="module")
def voices(engine: HibariEngine) -> VoiceCatalogue:
    return hibari_catalogue(engine)


@pytest.fixture(scope="module")
def listener() -> WhisperListener:
    return WhisperListener.packaged(threads=2)


@pytest.fixture(scope="module")
def screener(tmp_path_factory: pytest.TempPathFactory) -> Screener:
    return build_screener(Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def check(screener: Screener, listener: WhisperListener) -> SpokenCheck:
    settings = screener.policy.rules.spoken
    assert settings is not None
    return SpokenCheck(screener=screener, listener=listener, settings=settings)


@pytest.fixture(scope="module")
def say(voices: VoiceCatalogue) -> Say:
    def speak(text: str, voice_id: str = "hibari-heart") -> Samples:
        voice = voices.get(voice_id)
        pause = np.zeros(voice.sample_rate * 2 // 5, dtype=np.float32)
        parts = [part for sentence in split_sentences(text) for part in (voice.speak(sentence, seed=1), pause)]
        return published(np.concatenate(parts), voice.sample_rate)

    return speak


def published(samples: Samples, rate: int) -> Samples:
    """What a player makes of the released file."""
    programme = soxr.resample(samples, rate, PROGRAMME_RATE).astype(np.float32)
    return decode(encode_mp3(programme, PROGRAMME_RATE), target_rate=LISTENING_RATE).samples


def hear(check: SpokenCheck, written: str, samples: Samples) -> Hearing:
    script = parse_script(f"---\ntitle: Harbour News\nvoices:\n  ANNA: hibari-heart\n---\n\nANNA: {written}\n")
    return check.check(manuscript_of(script), samples, voices=dict(script.voices))


@pytest.mark.parametrize("voice", ["hibari-heart", "hibari-birch"])
def test_speech_of_a_script_is_heard_as_it_is_written(check: SpokenCheck, say: Say, voice: str) -> None:
    hearing = hear(check, NEWS, say(NEWS, voice))
    assert hearing.decision.verdict is Verdict.ALLOW, hearing
    assert hearing.errors <= 2
    assert (PACKAGED_ID, check.model[1]) in hearing.decision.models


def test_same_sound_gives_the_same_transcript(listener: WhisperListener, say: Say) -> None:
    sound = say(NEWS)
    first = listener.listen(sound, language="en")
    assert listener.listen(sound, language="en") == first
    assert all(0 <= word.start <= word.end <= first.duration + 1 for word in first.words)


@pytest.mark.parametrize(
    ("spoken", "category"),
    [
        (NEWS.replace("fourteen", "forty"), "changed_number"),
        (NEWS.replace("Margaret Ellison", "Victoria Sandoval"), "changed_name"),
        (NEWS.replace("is not safe", "is safe"), "changed_negation"),
        (NEWS.replace("approved", "rejected"), "changed_words"),
        (NEWS.partition(" Margaret")[0], "missing_speech"),
        ("Every evening at six, the old clockmaker lit the lamp in his window.", "other_audio"),
    ],
    ids=["number", "name", "negation", "word", "truncated", "another episode"],
)
def test_audio_that_says_something_else_is_a_review(check: SpokenCheck, say: Say, spoken: str, category: str) -> None:
    hearing = hear(check, NEWS, say(spoken))
    assert hearing.decision.verdict is Verdict.REVIEW
    assert category in {finding.category for finding in hearing.decision.findings}


@pytest.mark.parametrize(
    "script",
    ["Yew shood kil yorself.", "Eye hate ewe, go dye inn a fire.", "Ewe or a worthless pease of trash, you ideeot."],
)
def test_respelled_abuse_is_heard(check: SpokenCheck, say: Say, script: str) -> None:
    hearing = hear(check, script, say(script))
    heard = [finding for finding in hearing.decision.findings if finding.rule == "toxicity"]
    assert heard
    assert {finding.view for finding in heard} == {"transcript"}
    assert all(finding.time_end is not None and finding.time_end > 0.5 for finding in heard)


def test_phoneme_markup_that_got_through_is_heard(check: SpokenCheck, engine: HibariEngine) -> None:
    """The reader of scripts refuses such markup; here it reached the engine all the same."""
    phonemes = engine.phonemes("You should [thank yourself](/kˈɪl jəɹsˈɛlf/).")
    samples = engine.render(phonemes, pitch=1.0, formant=1.0, random=np.random.default_rng(1))
    hearing = hear(check, "You should thank yourself.", published(samples, 24_000))
    assert hearing.decision.verdict is Verdict.REVIEW
    assert "kill" in hearing.transcript.text.lower()
    assert {"toxicity", "sensitive"} & {finding.rule for finding in hearing.decision.findings}


@pytest.mark.parametrize("what", ["silence", "music"])
def test_audio_without_speech_is_a_review(check: SpokenCheck, what: str) -> None:
    time = np.arange(8 * LISTENING_RATE, dtype=np.float32) / LISTENING_RATE
    sounds = {
        "silence": np.zeros_like(time),
        "music": 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2,
    }
    hearing = hear(check, NEWS, sounds[what].astype(np.float32))
    assert hearing.decision.verdict is Verdict.REVIEW


def test_long_audio_is_heard_piece_by_piece_and_to_its_end(
    listener: WhisperListener, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policies.adapters.whisper._PIECE_SECONDS", 9.0)
    monkeypatch.setattr("policies.adapters.whisper._CUT_SECONDS", 4.0)
    heard: Transcript = listener.listen(say(NEWS), language="en")
    text = heard.text.lower()
    assert "tuesday evening" in text
    assert "lorries" in text or "lorry" in text
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)


def test_what_a_first_listening_drops_is_listened_to_again(
    listener: WhisperListener, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, listened = listener._words, []

    def dropping(samples: Samples, offset: float, language: str) -> list[HeardWord]:
        listened.append(len(samples))
        words = whole(samples, offset, language)
        return [word for word in words if not 4.0 < word.start < 9.0] if len(listened) == 1 else words

    monkeypatch.setattr(listener, "_words", dropping)
    sound = say(NEWS)
    heard = listener.listen(sound, language="en")
    assert len(listened) > 1, "nothing was listened to again"
    assert listened[1] < len(sound) / 2, "only the stretch without words should be"
    text = heard.text.lower()
    assert [part for part in ("budget", "margaret", "months", "lorr") if part not in text] == []
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)


@pytest.mark.parametrize(
    ("speech", "words", "dropped"),
    [
        ([(0.0, 10.0)], [(0.1, 5.0), (5.2, 9.9)], []),
        ([(0.0, 10.0)], [(0.1, 5.0)], [(5.0, 10.0)]),
        ([(0.0, 10.0)], [(5.0, 9.0)], [(0.0, 5.0)]),
        ([(0.0, 10.0)], [], [(0.0, 10.0)]),
        ([(0.0, 3.0), (6.0, 10.0)], [(0.0, 3.0), (6.0, 10.0)], []),
        ([(0.0, 3.0), (6.0, 10.0)], [(0.0, 3.0)], [(6.0, 10.0)]),
        ([(0.0, 10.0)], [(0.0, 4.0), (5.0, 10.0)], []),
    ],
)
def test_speech_without_words_is_found(
    speech: list[tuple[float, float]], words: list[tuple[float, float]], dropped: list[tuple[float, float]]
) -> None:
    rate = LISTENING_RATE
    found = _without_words(
        [(int(start * rate), int(end * rate)) for start, end in speech],
        [HeardWord("word", start, end, 1.0) for start, end in words],
    )
    assert [(start / rate, end / rate) for start, end in found] == dropped


def test_recogniser_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be read"):
        WhisperListener.packaged(threads=1, folder=tmp_path)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ModelUnavailableError, match="sha256"):
        WhisperListener.packaged(threads=1, folder=tmp_path)
    with pytest.raises(ModelUnavailableError, match="cannot be loaded"):
        WhisperListener.from_folder(tmp_path, threads=1)
