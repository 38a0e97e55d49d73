"""Speech for training: many sentences spoken by the bundled hibari voice and voices derived from it.

Source of the derivation: pitch is multiplied and the spectral envelopes are warped along frequency between the
acoustic model and the vocoder of hibari-tts 0.2.1 (Apache-2.0).  Text is used only as something to say.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from hibari import Hibari, dsp
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Hertz; the rate AudioSeal works at."""

BASE_VOICE = (1.0, 1.0)
TRAINING_VOICES: tuple[tuple[float, float], ...] = (
    BASE_VOICE, (0.60, 0.85), (0.85, 0.95), (1.20, 1.08), (0.78, 0.97), (1.08, 1.00), (0.62, 0.94), (0.92, 1.04),
)  # fmt: skip
HELD_OUT_VOICES: tuple[tuple[float, float], ...] = ((0.70, 0.90), BASE_VOICE, (0.85, 0.95))
"""(pitch factor, formant factor).  The first never occurs in training; all speak held-out sentences."""


class DerivedVoice(Hibari):  # type: ignore[misc]
    """The bundled voice with another pitch and another vocal tract length."""

    def __init__(self, pitch: float, formant: float, **options: Any) -> None:
        super().__init__(**options)
        self.pitch, self.formant = pitch, formant

    def from_ids(self, ids: list[int], speed: float = 1.0, rng: np.random.Generator | None = None) -> NDArray[Any]:
        """Phoneme ids to a float32 waveform at 24 kHz."""
        if len(ids) < 3:
            return np.zeros(0, np.float32)
        feed = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([speed], np.float32)}
        harmonic, theta, noise, free, phase, f0 = (output[0] for output in self.sess.run(None, feed))
        if self.formant != 1.0:
            bins = np.arange(601)
            position = np.clip(bins / self.formant, 0, 600)
            low = np.floor(position).astype(int)
            high = np.minimum(low + 1, 600)
            part = (position - low)[:, None].astype(np.float32)
            harmonic, noise, free = ((1 - part) * m[low] + part * m[high] for m in (harmonic, noise, free))
            nearest = np.rint(position).astype(int)
            theta, phase = theta[nearest], phase[nearest]
            if self.formant < 1.0:
                for magnitude in (harmonic, noise, free):
                    magnitude[int(601 * self.formant) :] -= 6.0  # these bins have no source: 52 dB down
        voiced = f0 >= 40.0
        f0 = np.where(voiced, np.maximum(f0 * self.pitch, 41.0), f0).astype(np.float32)
        f0 = np.where(~voiced, np.minimum(f0, 39.0), f0).astype(np.float32)
        waveform: NDArray[Any] = dsp.synth(
            harmonic.astype(np.float32), theta, noise.astype(np.float32), free.astype(np.float32), phase, f0,
            rng or np.random.default_rng(0),
        )  # fmt: skip
        return waveform


def read_sentences(path: Path) -> list[str]:
    """Sentences of a JSON-lines file (plain or gzip), field `claim` or `text`; order of the file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    texts = [str(record.get("claim") or record.get("text") or "") for record in records]
    return [text for text in texts if 20 <= len(text) <= 200]


def speak(sentences: list[str], voice: tuple[float, float], *, pause: float, seed: int) -> NDArray[np.float32]:
    """All sentences in one waveform at 16 kHz, each scaled to RMS 0.1, with pauses of about `pause` seconds."""
    engine = DerivedVoice(*voice)
    rng = np.random.default_rng(seed)
    pieces: list[NDArray[np.float32]] = []
    for number, sentence in enumerate(sentences):
        spoken = engine(sentence, speed=float(rng.uniform(0.85, 1.15)), seed=seed + number)
        if spoken.size < 12_000:
            continue
        wave = soxr.resample(spoken, 24_000, SAMPLE_RATE).astype(np.float32)
        wave *= 0.1 / max(float(np.sqrt(np.mean(wave**2))), 1e-6)
        pieces += [wave, np.zeros(int(SAMPLE_RATE * pause * rng.uniform(0.3, 1.7)), np.float32)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def prepare(sentences_file: Path, cache: Path, *, per_voice: int = 120, held_out: int = 200, seed: int = 11) -> None:
    """Write `cache` (npz): arrays `train_<n>` and `test_<n>`, float16 at 16 kHz; sentences never overlap."""
    sentences = read_sentences(sentences_file)
    order = np.random.default_rng(seed).permutation(len(sentences))
    shuffled = [sentences[index] for index in order]
    arrays: dict[str, NDArray[np.float16]] = {}
    test, train = shuffled[:held_out], shuffled[held_out:]
    for number, voice in enumerate(HELD_OUT_VOICES):
        arrays[f"test_{number}"] = speak(test, voice, pause=0.25, seed=9_000 + number).astype(np.float16)
    for number, voice in enumerate(TRAINING_VOICES):
        part = train[number * per_voice : (number + 1) * per_voice]
        arrays[f"train_{number}"] = speak(part, voice, pause=0.25, seed=1_000 * (number + 1)).astype(np.float16)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, **arrays)  # type: ignore[arg-type]


def prepare_held_out(sentences_file: Path, cache: Path, *, held_out: int = 200, seed: int = 11) -> None:
    """Write `cache` (npz): `test_<n>` at 24 kHz, the held-out sentences as the product would speak them."""
    sentences = read_sentences(sentences_file)
    chosen = [sentences[index] for index in np.random.default_rng(seed).permutation(len(sentences))[:held_out]]
    arrays: dict[str, NDArray[np.float16]] = {}
    for number, voice in enumerate(HELD_OUT_VOICES):
        engine, rng = DerivedVoice(*voice), np.random.default_rng(5)
        pieces: list[NDArray[np.float32]] = []
        for place, sentence in enumerate(chosen):
            pieces += [engine(sentence, seed=place), np.zeros(int(24_000 * rng.uniform(0.1, 0.4)), np.float32)]
        arrays[f"test_{number}"] = np.concatenate(pieces).astype(np.float16)
    np.savez(cache, **arrays)  # type: ignore[arg-type]
