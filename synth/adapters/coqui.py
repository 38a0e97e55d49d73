"""Voices of coqui-tts (MPL-2.0, optional extra `coqui`): VITS models and XTTS v2 from a local folder.

The engine runs in a process of its own (`coqui_worker.py`), started at the first sentence and replaced when it hung or
died. Trust: every file of the model is pinned by SHA-256 before that process sees it; checkpoints are read without
running code; the process cannot reach the network. Nothing is ever downloaded here.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np

from synth.adapters.coqui_frames import FrameError, read_frame
from synth.adapters.coqui_import import ENGINE_VERSION
from synth.audio import Samples
from synth.errors import VoiceError
from synth.sentences import split_pieces
from synth.soundcheck import check_speech
from synth.voice import Unspeakable

LOAD_SECONDS = 300.0  # XTTS has 1.9 GB; a VITS model takes seven seconds
MAX_WORDS = {"vits": 60, "xtts": 30}  # per call: attention grows with the square of the text
MAX_CHARACTERS = {"vits": 400, "xtts": 200}  # XTTS cuts off what is longer than about 200, depending on the language
CHECKPOINTS = ("model.pth", "model_file.pth")
KINDS = ("vits", "xtts")

Command = Callable[[Path, int], Sequence[str]]


def worker_command(folder: Path, threads: int) -> Sequence[str]:
    """Return the command line of the process that speaks."""
    return (sys.executable, "-m", "synth.adapters.coqui_worker", str(folder), str(threads))


class CoquiEngine:
    """One model in one process; sentences of all its voices take turns. Safe to use from several threads."""

    def __init__(
        self,
        *,
        folder: Path,
        files: Mapping[str, str],
        timeout_seconds: float = 120.0,
        threads: int = 2,
        command: Command = worker_command,
    ) -> None:
        """Check the folder against `files` (name: SHA-256 in hex), which must pin every file that is in it.

        `timeout_seconds` is for one piece of a sentence. Raises `VoiceError` for a missing, changed or unpinned file,
        a kind of model that is not spoken here, or when the extra is not installed.
        """
        self._folder = folder.resolve()
        self._files = {name: digest.lower() for name, digest in files.items()}
        self._timeout = timeout_seconds
        self._threads = threads
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        if command is worker_command:
            _check_installed()
        self._check_files()
        self.kind, self.sample_rate, self.phonemizer = self._read_configuration()

    @property
    def digest(self) -> str:
        """SHA-256 over the names and digests of all files."""
        lines = "".join(f"{name} {digest}\n" for name, digest in sorted(self._files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def speak(
        self, text: str, *, seed: int, speaker: str | None, language: str | None, recording: Path | None
    ) -> Iterator[Samples]:
        """Yield the samples of one piece of text as they come; raises `VoiceError` if the engine fails in any way.

        The engine is held until the last samples were taken; whoever stops early ends its process.
        """
        request = {"text": text, "seed": seed, "speaker": speaker, "language": language}
        if recording is not None:
            request["speaker_wav"] = str(recording)
        with self._lock:
            finished = False
            try:
                process = self._running()
                assert process.stdin is not None  # both are pipes
                assert process.stdout is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                while True:
                    head, samples = read_frame(process.stdout, deadline=time.monotonic() + self._timeout)
                    if "error" in head:
                        finished = True
                        raise VoiceError(f"the engine coqui failed on a sentence ({head['error']}); reword it")
                    if head.get("done"):
                        finished = True
                        return
                    yield samples
            except (FrameError, OSError) as error:
                reason = error.reason if isinstance(error, FrameError) else "ended"
                raise VoiceError(
                    f"the engine coqui {reason} while it spoke a sentence of {len(text)} characters "
                    f"(limit {self._timeout:g} s); its process is replaced"
                ) from error
            finally:
                if not finished:
                    self._stop()  # what it still has to say belongs to nobody

    def prove(self) -> tuple[str, ...]:
        """Load the model now, and return the names of its speakers; raises `VoiceError` if it cannot be loaded."""
        with self._lock:
            self._running()
            return self._speakers

    def close(self) -> None:
        """End the process; the next sentence starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started and loaded."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        root = str(Path(__file__).resolve().parent.parent.parent)
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # Nothing else of the environment: no keys, no proxies, no settings.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}
        self._process = process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            self._command(self._folder, self._threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the engine logs the text that it speaks
            env=environment,
            bufsize=0,
        )
        assert process.stdout is not None  # a pipe
        try:
            head, _ = read_frame(process.stdout, deadline=time.monotonic() + LOAD_SECONDS)
        except FrameError as error:
            ended = f" with code {_exit_code(process)}" if error.reason == "ended" else ""
            self._stop()
            raise VoiceError(
                f"the engine coqui {error.reason}{ended} while it loaded {self._folder}; see that coqui-tts is "
                "installed (make setup-coqui) and that there is memory for the model"
            ) from error
        if not head.get("ready"):
            self._stop()
            raise VoiceError(f"the engine coqui cannot load {self._folder}: {head.get('error', 'no reason given')}")
        if head.get("sample_rate") != self.sample_rate:
            self._stop()
            raise VoiceError(f"the engine coqui speaks at {head.get('sample_rate')} Hz, not at {self.sample_rate}")
        self._speakers = tuple(str(name) for name in head.get("speakers", ()))
        return process

    _speakers: tuple[str, ...] = ()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _check_files(self) -> None:
        try:
            found = {path.name for path in self._folder.iterdir() if path.is_file()}
        except OSError as error:
            raise VoiceError(f"the model folder {self._folder} cannot be read: {error.strerror}") from error
        found -= {"card.json"}  # ours, which the engine does not read
        if unpinned := sorted(found - self._files.keys()):
            raise VoiceError(f"{self._folder} holds files without a pin: {', '.join(unpinned)}; pin or remove them")
        for name, pinned in self._files.items():
            if Path(name).name != name:
                raise VoiceError(f"the pinned name '{name}' is no file name; name the files of the folder itself")
            if name not in found:
                raise VoiceError(f"{self._folder} lacks the pinned file {name}; fetch or make the model again")
            with (self._folder / name).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            if digest != pinned:
                raise VoiceError(f"{self._folder / name} has SHA-256 {digest}, not the pinned {pinned}")

    def _read_configuration(self) -> tuple[str, int, str | None]:
        """Return the kind of the model, its rate in Hz and the phonemizer that it names."""
        if not any(name in self._files for name in CHECKPOINTS) or "config.json" not in self._files:
            raise VoiceError(f"{self._folder} needs config.json and {' or '.join(CHECKPOINTS)}, both pinned")
        try:
            document = json.loads((self._folder / "config.json").read_text())
            kind = str(document["model"])
            audio = document["audio"]
            rate = int(audio["output_sample_rate"] if kind == "xtts" else audio["sample_rate"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise VoiceError(f"{self._folder}/config.json is no configuration of a Coqui model") from error
        if kind not in KINDS:
            raise VoiceError(
                f"{self._folder} holds a model of the kind '{kind}'; only {' and '.join(KINDS)} are spoken"
            )
        return kind, rate, document.get("phonemizer")


class CoquiVoice:
    """One speaker of a model: its only one, a named one, or the one of a recording (XTTS)."""

    def __init__(
        self,
        *,
        id: str,
        engine: CoquiEngine,
        language: str,
        alphabet: Callable[[str], Unspeakable | None],
        speaker: str | None = None,
        recording: Path | None = None,
        recording_sha256: str = "",
    ) -> None:
        """Take what the voice may be asked to speak (`alphabet`), and its speaker or recording with its SHA-256."""
        if recording is not None:
            if engine.kind != "xtts":
                raise VoiceError(f"voice '{id}' has a recording, but only XTTS speaks like one; name a speaker instead")
            recording = recording.resolve()
            found = _sha256(recording)
            if found != recording_sha256.lower():
                raise VoiceError(f"the recording {recording} has SHA-256 {found}, not the pinned {recording_sha256}")
        elif engine.kind == "xtts" and speaker is None:
            raise VoiceError(f"voice '{id}' of XTTS needs a speaker or a recording")
        self._id = id
        self._engine = engine
        self._language = language
        self._alphabet = alphabet
        self._speaker = speaker
        self._recording = recording
        self._recording_sha256 = recording_sha256.lower()

    @property
    def id(self) -> str:
        """Catalogue id."""
        return self._id

    @property
    def language(self) -> str:
        """BCP 47 primary tag."""
        return self._language

    @property
    def sample_rate(self) -> int:
        """As the model's configuration says."""
        return self._engine.sample_rate

    @property
    def version(self) -> str:
        """Engine, kind and digest of the model, and whose voice of it."""
        parts = [f"coqui-tts/{ENGINE_VERSION} {self._engine.kind} sha256:{self._engine.digest}"]
        if self._speaker is not None:
            parts.append(f"speaker={self._speaker}")
        if self._recording is not None:
            parts.append(f"recording=sha256:{self._recording_sha256}")
        return " ".join(parts)

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Return the first place that the voice would drop or misread."""
        return self._alphabet(text)

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return float32 samples that pass for speech of this length, or raise `VoiceError`."""
        samples = np.concatenate([np.zeros(0, dtype=np.float32), *self.stream(text, seed=seed)])
        check_speech(samples, self.sample_rate, text, voice_id=self._id)
        return samples

    def stream(self, text: str, *, seed: int) -> Iterator[Samples]:
        """Yield the samples as the engine makes them: XTTS within a sentence, VITS after each piece; unchecked."""
        if found := self.unspeakable(text):
            raise VoiceError(f"voice '{self._id}' cannot speak this text: {found.reason}")
        if not any(character.isalnum() for character in text):
            raise VoiceError(f"voice '{self._id}' was given no words to speak")
        kind = self._engine.kind
        language = self._language if kind == "xtts" else None
        for number, piece in enumerate(split_pieces(text, words=MAX_WORDS[kind], characters=MAX_CHARACTERS[kind])):
            yield from self._engine.speak(
                piece, seed=seed + number, speaker=self._speaker, language=language, recording=self._recording
            )


def _check_installed() -> None:
    try:
        found = installed_version("coqui-tts")
    except PackageNotFoundError as error:
        raise VoiceError("coqui-tts is not installed, so its voices cannot speak; run: make setup-coqui") from error
    if found != ENGINE_VERSION:
        raise VoiceError(f"coqui-tts {found} is installed, but {ENGINE_VERSION} is required; install that version")


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the code of a process that has closed its output, and so is about to end; None if it does not."""
    try:
        return process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        return None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise VoiceError(f"{path} cannot be read: {error.strerror}") from error
