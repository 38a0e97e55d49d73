"""The engine coqui at a distance: what it must be pinned to, and every way in which its process can fail."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from synth.adapters.coqui import CoquiEngine, CoquiVoice
from synth.alphabet import PlainAlphabet
from synth.errors import VoiceError
from synth.tone import ToneVoice

STAND_IN = Path(__file__).parents[2] / "coqui_stand_in.py"
TEXT = "Good morning from the harbour"


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pth").write_bytes(b"weights")
    (folder / "config.json").write_text(json.dumps({"model": "vits", "audio": {"sample_rate": 24_000}}))
    return folder


Build = Callable[..., CoquiVoice]


@pytest.fixture
def build(folder: Path) -> Iterator[Build]:
    engines: list[CoquiEngine] = []

    def make(mode: str = "speaks", timeout: float = 20.0) -> CoquiVoice:
        def command(folder: Path, threads: int) -> Sequence[str]:
            return (sys.executable, str(STAND_IN), mode, str(folder), str(threads))

        engine = CoquiEngine(folder=folder, files=digests(folder), timeout_seconds=timeout, command=command)
        engines.append(engine)
        return CoquiVoice(id="joe", engine=engine, language="en", alphabet=PlainAlphabet("en"))

    yield make
    for engine in engines:
        engine.close()


def starts(folder: Path) -> int:
    return len((folder.parent / "starts").read_text())


def test_samples_arrive_as_the_process_made_them(build: Build) -> None:
    samples = build().speak(TEXT, seed=7)
    assert np.array_equal(samples, ToneVoice(id="tone").speak(TEXT, seed=7))


def test_threads_take_turns_with_one_process(build: Build, folder: Path) -> None:
    voice = build()
    texts = [f"{TEXT} {word}" for word in ("one", "two", "three", "four")]
    with ThreadPoolExecutor(4) as pool:
        spoken = list(pool.map(lambda text: voice.speak(text, seed=1), texts))
    assert all(np.array_equal(a, ToneVoice(id="t").speak(t, seed=1)) for a, t in zip(spoken, texts, strict=True))
    assert starts(folder) == 1


def test_an_engine_that_hangs_is_replaced(build: Build, folder: Path) -> None:
    voice = build(timeout=1.0)
    voice.speak(TEXT, seed=1)
    began = time.monotonic()
    with pytest.raises(VoiceError, match=r"did not answer in time .* \(limit 1 s\)"):
        voice.speak("now hang please", seed=1)
    assert time.monotonic() - began < 5.0
    assert len(voice.speak(TEXT, seed=1))
    assert starts(folder) == 2


@pytest.mark.parametrize("text", ["please die", "it stops halfway"])
def test_an_engine_that_dies_is_an_error_and_is_replaced(build: Build, folder: Path, text: str) -> None:
    voice = build()
    with pytest.raises(VoiceError, match="ended while it spoke"):
        voice.speak(text, seed=1)
    assert len(voice.speak(TEXT, seed=1))
    assert starts(folder) == 2


def test_an_error_of_the_engine_is_one_sentence_and_the_process_lives_on(build: Build, folder: Path) -> None:
    voice = build()
    with pytest.raises(VoiceError, match=r"IndexError") as caught:
        voice.speak("this must fail", seed=1)
    assert "this must fail" not in str(caught.value)
    assert len(voice.speak(TEXT, seed=1))
    assert starts(folder) == 1


def test_what_an_abandoned_sentence_still_says_is_never_heard_in_the_next(build: Build) -> None:
    voice = build()
    stream = voice.stream(TEXT, seed=1)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert np.array_equal(voice.speak("Other words", seed=2), ToneVoice(id="t").speak("Other words", seed=2))


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("noise", "noise"),
        ("hum", "noise or hum"),
        ("silence", "silence"),
        ("nothing", "no samples"),
        ("not a number", "no sound"),
        ("minutes", "no reader would take"),
        ("blip", "no reader would take"),
    ],
)
def test_what_is_no_speech_is_refused(build: Build, mode: str, said: str) -> None:
    with pytest.raises(VoiceError, match=said):
        build(mode).speak("Good morning, this is the news from the harbour.", seed=1)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("dies at start", "code 3 while it loaded"),
        ("cannot load", "size mismatch"),
        ("babbles at start", "no frame"),
        ("other rate", "16000 Hz"),
    ],
)
def test_a_process_that_does_not_come_up_says_why(build: Build, mode: str, said: str) -> None:
    with pytest.raises(VoiceError, match=said):
        build(mode).speak(TEXT, seed=1)


def test_text_without_punctuation_goes_in_pieces_that_the_engine_can_take(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[str] = []
    speak = CoquiEngine.speak

    def watched(self: CoquiEngine, text: str, **keywords: object) -> object:
        pieces.append(text)
        return speak(self, text, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(CoquiEngine, "speak", watched)
    text = " ".join(["harbour"] * 1250)  # ten thousand characters
    samples = build().speak(text, seed=1)
    assert " ".join(pieces) == text
    assert max(len(piece) for piece in pieces) <= 400
    assert len(samples) > 200 * 24_000


@pytest.mark.parametrize(
    "text", ["hello 世界", "привет", "ok 🙂", "a\u0301", "5 euros", "<b>", "[[x]]", "x" * 41, "a_b"]
)
def test_what_the_voice_may_misread_is_refused_before_the_engine_is_asked(
    build: Build, folder: Path, text: str
) -> None:
    voice = build()
    assert voice.unspeakable(text) is not None
    with pytest.raises(VoiceError, match="cannot speak this text"):
        voice.speak(text, seed=1)
    assert not (folder.parent / "starts").exists()


def test_the_process_gets_no_secrets(build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_JUDGE_API_KEY", "secret")
    monkeypatch.setenv("COQUI_TOS_AGREED", "1")
    voice = build()
    voice.speak(TEXT, seed=1)
    process = voice._engine._process
    assert process is not None
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"COQUI" not in environment


def test_a_changed_file_is_refused(folder: Path) -> None:
    files = digests(folder)
    (folder / "model.pth").write_bytes(b"other weights")
    with pytest.raises(VoiceError, match=r"model\.pth has SHA-256 .* not the pinned"):
        CoquiEngine(folder=folder, files=files, command=lambda *_: ())


def test_a_file_that_nobody_pinned_is_refused(folder: Path) -> None:
    files = digests(folder)
    (folder / "speaker_ids.json").write_text("{}")
    with pytest.raises(VoiceError, match=r"without a pin: speaker_ids\.json"):
        CoquiEngine(folder=folder, files=files, command=lambda *_: ())


def test_a_pin_never_leads_out_of_the_folder(folder: Path) -> None:
    with pytest.raises(VoiceError, match="no file name"):
        CoquiEngine(folder=folder, files={**digests(folder), "../x": "0" * 64}, command=lambda *_: ())


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(VoiceError, match=r"lacks the pinned file vocab\.json"):
        CoquiEngine(folder=folder, files={**digests(folder), "vocab.json": "0" * 64}, command=lambda *_: ())


@pytest.mark.parametrize(
    "document", ['{"model": "bark", "audio": {"sample_rate": 24000}}', "[]", "{", '{"model": "vits"}']
)
def test_other_kinds_of_models_are_refused(folder: Path, document: str) -> None:
    (folder / "config.json").write_text(document)
    with pytest.raises(VoiceError, match=r"bark|no configuration"):
        CoquiEngine(folder=folder, files=digests(folder), command=lambda *_: ())


def test_a_recording_is_for_xtts_alone_and_is_pinned(folder: Path, tmp_path: Path) -> None:
    recording = tmp_path / "me.wav"
    recording.write_bytes(b"sound")
    pin = hashlib.sha256(b"sound").hexdigest()
    engine = CoquiEngine(folder=folder, files=digests(folder), command=lambda *_: ())
    with pytest.raises(VoiceError, match="only XTTS"):
        CoquiVoice(id="me", engine=engine, language="en", alphabet=PlainAlphabet("en"), recording=recording)
    document = {"model": "xtts", "audio": {"sample_rate": 22_050, "output_sample_rate": 24_000}}
    (folder / "config.json").write_text(json.dumps(document))
    cloning = CoquiEngine(folder=folder, files=digests(folder), command=lambda *_: ())
    common = {"id": "me", "engine": cloning, "language": "en", "alphabet": PlainAlphabet("en")}
    with pytest.raises(VoiceError, match="needs a speaker or a recording"):
        CoquiVoice(**common)  # type: ignore[arg-type]
    with pytest.raises(VoiceError, match="not the pinned"):
        CoquiVoice(**common, recording=recording, recording_sha256="0" * 64)  # type: ignore[arg-type]
    voice = CoquiVoice(**common, recording=recording, recording_sha256=pin)  # type: ignore[arg-type]
    assert pin in voice.version
    assert cloning.digest in voice.version
