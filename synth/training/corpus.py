"""Random training clips from the prepared speech, with the cheap edits a published file may go through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.training import codecs
from synth.training.teacher import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Corpus:
    """Speech at 16 kHz, one long array per voice."""

    voices: tuple[NDArray[np.float16], ...]

    @classmethod
    def load(cls, cache: Path, split: str) -> Corpus:
        """Read the arrays of `split` ("train" or "test") from the file that `voices.prepare` wrote."""
        with np.load(cache) as arrays:
            names = sorted(name for name in arrays.files if name.startswith(split))
            return cls(tuple(arrays[name] for name in names))

    def clips(self, count: int, length: int, rng: np.random.Generator, *, voice: int | None = None) -> Tensor:
        """`count` clips of `length` samples with speech in them (RMS > 0.03); shape (count, length)."""
        out = np.zeros((count, length), np.float32)
        for row in range(count):
            source = self.voices[int(rng.integers(len(self.voices))) if voice is None else voice]
            for _ in range(20):
                start = int(rng.integers(source.size - length))
                out[row] = source[start : start + length]
                if np.sqrt(np.mean(out[row] ** 2)) > 0.03:
                    break
        return torch.from_numpy(out)


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


def edit(clips: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """Attack about `strength` of the rows: band limits, noise 12-40 dB, spectral holes."""
    count, length = clips.shape
    hertz = torch.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    response = torch.ones(count, hertz.numel())
    noise = torch.zeros(count, 1)
    rms = clips.detach().square().mean(-1, keepdim=True).sqrt()
    for row in range(count):
        if rng.random() > strength:
            continue
        kind = int(rng.integers(5))
        if kind == 0:
            response[row] = 1 / (1 + (hertz / rng.uniform(3_000, 7_000)) ** 12)
        elif kind == 1:
            response[row] = 1 / (1 + (rng.uniform(80, 800) / hertz.clamp_min(1)) ** 8)
        elif kind == 2:
            noise[row] = 10 ** (-rng.uniform(12, 40) / 20)
        elif kind == 3:
            centre, width = rng.uniform(400, 4_000), rng.uniform(100, 500)
            response[row] = 1 - 0.97 * torch.exp(-(((hertz - centre) / width) ** 2))
        else:
            noise[row] = 10 ** (-rng.uniform(20, 40) / 20)
            response[row] = 1 / (1 + (hertz / rng.uniform(3_400, 6_000)) ** 20)
    filtered: Tensor = torch.fft.irfft(torch.fft.rfft(clips) * response, n=length)
    return filtered + noise * rms * torch.randn_like(clips)


def coded(clips: Tensor, rng: np.random.Generator, count: int) -> Tensor:
    """Send the first `count` rows through MP3 at 16 kHz and 24-48 kbit/s (what 64 kbit/s is to 44.1 kHz, or worse)."""
    out = clips.clone()
    length = clips.shape[1]
    for row in range(count):
        decoded, _ = codecs.mp3(clips[row].numpy(), SAMPLE_RATE, int(rng.choice((24, 32, 48))))
        decoded = decoded[:length]
        out[row, : len(decoded)] = torch.from_numpy(decoded)
    return out
