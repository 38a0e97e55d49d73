"""Chooses the decision thresholds from held-out audio without a mark, and takes the lean out of the bit logits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from audioseal.models import AudioSealDetector
from numpy.typing import NDArray

from synth.adapters.audioseal import AudioSealMark
from synth.training import codecs, corpus, evaluate


@dataclass(frozen=True, slots=True)
class Evidence:
    """Window results on audio without a mark; `margins` (n,), `bits` (n, bits), `pairs` (m,) see `thresholds`."""

    margins: NDArray[np.float64]
    bits: NDArray[np.float64]
    pairs: NDArray[np.float64]


def unmarked(mark: AudioSealMark, speech: Iterable[NDArray[np.float16]], *, files: int, seed: int) -> Evidence:
    """Windows of `files` minutes of speech, some of it coded or high-passed, and of noise and chords (1 in 4)."""
    rng = np.random.default_rng(seed)
    voices = list(speech)
    margins: list[float] = []
    bits: list[NDArray[np.float32]] = []
    pairs: list[float] = []
    for number in range(files):
        samples, rate = evaluate.programme(voices[number % len(voices)], 60.0, rng), evaluate.PROGRAMME_RATE
        if number % 4 == 1:
            samples, rate = codecs.mp3(samples, rate, 64)
        elif number % 4 == 2:
            spectrum = np.fft.rfft(samples)
            cut = rng.uniform(498, 502) if number % 8 == 2 else rng.uniform(100, 800)  # hardest at the lowest tone
            spectrum[: int(cut * 60)] = 0
            samples = np.fft.irfft(spectrum, n=samples.size).astype(np.float32)
        elif number % 4 == 3:
            samples, rate = corpus.not_speech(1, 60 * 16_000, rng)[0].numpy(), 16_000
        windows = mark.windows(samples, rate)
        if number % 4 != 2:
            margins += windows.margin
        bits += windows.bits
        logits = np.asarray(windows.bits)
        pairs += np.abs((logits[1:] + logits[:-1]) / 2).mean(1).tolist()
    return Evidence(np.asarray(margins), np.asarray(bits, np.float64), np.asarray(pairs))


def thresholds(evidence: Evidence) -> dict[str, float]:
    """A window counts above the 99.8 % point of unmarked ones; bits must be a quarter clearer than any unmarked pair.

    High-passed speech is left out of the first and is the hardest case of the second.
    """
    return {
        "window_threshold": round(float(np.quantile(evidence.margins, 0.998)), 4),
        "bit_threshold": round(1.25 * float(evidence.pairs.max()), 4),
    }


@torch.no_grad()
def centre(model: AudioSealDetector, lean: NDArray[np.float64]) -> None:
    """Subtract the mean logit that unmarked speech gives every bit from the last bias."""
    last: Any = model.detector[1]
    last.bias[2:] -= torch.from_numpy(lean).to(last.bias.dtype)
