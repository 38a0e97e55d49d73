"""Random training clips from speech, music and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.training import recordings

SHARES = {"human": 0.38, "synthetic": 0.28, "bed": 0.08, "hum": 0.06, "music": 0.15, "other": 0.05}
"""How often each kind of clip is drawn."""
NO_SPEECH = ("hum", "music", "other")
"""Kinds that are hard to tell from a mark, or nothing to put one on."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Speech and music at 16 kHz, one long array per voice or piece."""

    synthetic: tuple[NDArray[np.float16], ...]
    human: tuple[NDArray[np.float16], ...]
    music: tuple[NDArray[np.float16], ...]

    @classmethod
    def load(cls, cache: Path, recordings_folder: Path) -> Corpus:
        """Read what `voices.prepare` and `recordings.prepare` wrote; only what may be trained on."""
        with np.load(cache) as arrays:
            synthetic = tuple(arrays[name] for name in sorted(arrays.files) if name.startswith("train"))
        human, music = (
            tuple(track.samples.astype(np.float16) for track in recordings.load(recordings_folder, kind, "train"))
            for kind in ("speech", "music")
        )
        return cls(synthetic, human, music)

    def draw(self, count: int, length: int, rng: np.random.Generator) -> tuple[Tensor, list[str]]:
        """`count` clips of `length` samples, coloured, (count, length), and what each is.

        38 % human speech, 28 % synthetic, 8 % speech over music, 6 % speech with hum, 15 % music, 5 % noise and chords.
        """
        rows, kinds = np.zeros((count, length), np.float32), []
        for row in range(count):
            kind = str(rng.choice(tuple(SHARES), p=tuple(SHARES.values())))
            kinds.append(kind)
            if kind == "other":
                rows[row] = not_speech(1, length, rng)[0].numpy()
                continue
            family = {"synthetic": self.synthetic, "music": self.music}.get(kind, self.human)
            rows[row] = part(family, length, rng)
            if kind == "hum":
                rows[row] += hum(length, rng) * (rms(rows[row]) * 10 ** (-rng.uniform(5, 30) / 20))
            if kind == "bed":
                bed = part(self.music, length, rng)
                rows[row] += bed * (rms(rows[row]) / rms(bed) * 10 ** (-rng.uniform(3, 25) / 20))
        return colour(torch.from_numpy(rows), rng), kinds


def part(family: Sequence[NDArray[np.floating[Any]]], length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random part with sound in it (RMS > 0.02) of a random member of `family`."""
    source = family[int(rng.integers(len(family)))]
    for _ in range(20):
        start = int(rng.integers(source.size - length))
        out = source[start : start + length].astype(np.float32)
        if rms(out) > 0.02:
            break
    return out


def hum(length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Odd harmonics of 50 Hz up to 4 kHz, the mark's frequencies among them, at random levels and phases; RMS 1."""
    time = np.arange(length) / SAMPLE_RATE
    wave = np.zeros(length)
    for harmonic in range(1, 80, 2):
        size = rng.uniform(0, 1) / harmonic ** rng.choice((0.3, 1.0))
        wave += size * np.sin(2 * np.pi * (50 * harmonic * time + rng.random()))
    scaled: NDArray[np.float32] = (wave / np.sqrt(np.mean(wave**2))).astype(np.float32)
    return scaled


def rms(sound: NDArray[np.float32]) -> float:
    """Root mean square, at least 1e-6."""
    return max(float(np.sqrt(np.mean(sound**2))), 1e-6)


def colour(clips: Tensor, rng: np.random.Generator) -> Tensor:
    """Random gain (-12..+9 dB), spectral tilt and two broad resonances, and now and then soft limiting."""
    count, length = clips.shape
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(hertz, 60) / 1000)
    curve = rng.uniform(-2.5, 2.5, (count, 1)) * octaves
    for _ in range(2):
        centre = rng.uniform(-3, 2.7, (count, 1))
        curve = curve + rng.uniform(-6, 6, (count, 1)) * np.exp(-((octaves - centre) ** 2) / 0.5)
    shape = torch.from_numpy((10 ** (np.clip(curve, -15, 15) / 20)).astype(np.float32))
    out = torch.fft.irfft(torch.fft.rfft(clips) * shape, n=length)
    rms = out.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-4)
    out = out / rms * torch.from_numpy(10 ** (rng.uniform(-32, -14, (count, 1)).astype(np.float32) / 20))
    limited = torch.tanh(out * 3) / 3
    choose = torch.from_numpy(rng.random((count, 1)) < 0.3)
    return torch.where(choose, limited, out)


def not_speech(count: int, length: int, rng: np.random.Generator) -> Tensor:
    """White and coloured noise, hum and simple chords: audio that never carries the mark; (count, length)."""
    time = np.arange(length) / SAMPLE_RATE
    rows = []
    for _ in range(count):
        if rng.random() < 0.4:
            spectrum = np.fft.rfft(rng.standard_normal(length))
            hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
            wave = np.fft.irfft(spectrum / np.maximum(hertz, 40) ** rng.uniform(0, 1.2), n=length)
        else:
            wave = np.zeros(length)
            step = int(rng.integers(2_000, 16_000))
            for start in range(0, length, step):
                root = 55 * 2 ** (rng.integers(0, 36) / 12)
                for ratio in (1, 2 ** (rng.integers(3, 5) / 12), 2 ** (7 / 12)):
                    for harmonic in range(1, int(rng.integers(2, 12))):
                        pitch = root * ratio * harmonic
                        if pitch < 7_500:
                            part = time[start : start + step]
                            wave[start : start + step] += np.sin(2 * np.pi * (pitch * part + rng.random())) / harmonic
                wave[start : start + step] *= np.exp(-np.arange(len(wave[start : start + step])) / 8_000)
        rows.append(0.1 * wave / max(float(np.sqrt(np.mean(wave**2))), 1e-6))
    return torch.from_numpy(np.stack(rows).astype(np.float32))
