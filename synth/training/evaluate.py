"""Measures the shipped mark on held-out sentences and voices, through the adapter and through real codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from synth.adapters.audioseal import AudioSealMark
from synth.training import architecture, codecs, corpus
from synth.watermark import Payload, Presence

Samples = NDArray[np.float32]
PROGRAMME_RATE = 44_100


def programme(speech: NDArray[np.float16], seconds: float, rng: np.random.Generator) -> Samples:
    """A random part of held-out `speech` (24 kHz) as a mastered programme at 44.1 kHz: -20 dBFS RMS, peaks limited."""
    length = int(seconds * 24_000)
    start = int(rng.integers(speech.size - length))
    sound = soxr.resample(speech[start : start + length].astype(np.float32), 24_000, PROGRAMME_RATE)
    sound = sound * (0.1 / np.sqrt(np.mean(sound**2)))
    knee, ceiling = 0.6, 0.84  # -1.5 dBFS
    size = np.abs(sound)
    over = knee + (ceiling - knee) * np.tanh((size - knee) / (ceiling - knee))
    limited: Samples = np.where(size > knee, np.sign(sound) * over, sound).astype(np.float32)
    return limited


class QuickMark(AudioSealMark):
    """The same mark with the training shortcut for reading: equal logits (to 1e-4), several times faster."""

    @torch.inference_mode()
    def _mean_logits(self, windows: torch.Tensor) -> torch.Tensor:
        return architecture.frame_logits(self._detector, windows).mean(-1)


@dataclass(slots=True)
class Tally:
    """Counts over trials."""

    trials: int = 0
    detected: int = 0
    messages: int = 0
    bits: int = 0
    right_bits: int = 0

    def table(self) -> dict[str, float | int]:
        """Rates with their number of trials, for the card."""
        trials = max(1, self.trials)
        return {
            "trials": self.trials,
            "detected": round(self.detected / trials, 4),
            "message": round(self.messages / trials, 4),
            "bit_accuracy": round(self.right_bits / max(1, self.bits), 4),
        }


def count(tally: Tally, mark: AudioSealMark, samples: Samples, rate: int, payload: Payload) -> None:
    """Add one trial to `tally`; bits count as decoded even where presence was refused."""
    windows = mark.windows(samples, rate)
    detection = mark.judge(windows)
    logits = np.mean(windows.bits, axis=0) if windows.bits else np.zeros(mark.nbits)
    number = payload.message(mark.nbits)
    wanted = [number >> place & 1 for place in reversed(range(mark.nbits))]
    tally.trials += 1
    tally.detected += detection.presence is Presence.DETECTED
    tally.messages += detection.presence is Presence.DETECTED and detection.message == number
    tally.bits += mark.nbits
    tally.right_bits += sum(int(logit > 0) == bit for logit, bit in zip(logits, wanted, strict=True))


Edit = Callable[[Samples, int], tuple[Samples, int]]

EDITS: dict[str, Edit] = {
    "wav16": codecs.wav,
    "mp3_128": lambda x, r: codecs.mp3(x, r, 128),
    "mp3_64": lambda x, r: codecs.mp3(codecs.mp3(x, r, 128)[0], r, 64),
    "aac_64": lambda x, r: codecs.aac(codecs.mp3(x, r, 128)[0], r, 64),
    "mp3_32": lambda x, r: codecs.mp3(codecs.mp3(x, r, 128)[0], r, 32),
    "opus_24": lambda x, r: codecs.opus(soxr.resample(codecs.mp3(x, r, 128)[0], r, 48_000), 48_000, 24),
    "telephone_8k": lambda x, r: (soxr.resample(codecs.mp3(x, r, 128)[0], r, 8_000), 8_000),
    "noise_20db": lambda x, r: (x + 0.01 * np.random.default_rng(0).standard_normal(x.size).astype(np.float32), r),
    "crop_5s": lambda x, r: (codecs.mp3(x, r, 128)[0][3 * r + 77 : 8 * r + 77], r),
}
"""Every row but the first two goes through the published MP3 first, as a copy would."""


def copies(
    mark: AudioSealMark,
    speech: Iterable[NDArray[np.float16]],
    cache: Path,
    *,
    trials: int,
    seconds: float,
    edits: Iterable[str],
) -> None:
    """Mark `trials` programmes, a new message and a new part of speech each, and write every edited copy at 16 kHz.

    A file is named after generator, gain, edit and number, and is not made again: with the same generator another
    detector is measured on the same copies.
    """
    voices = list(speech)
    cache.mkdir(parents=True, exist_ok=True)
    for number in range(trials):
        wanted = {name: copy_file(mark, cache, name, number) for name in edits}
        missing = {name: file for name, file in wanted.items() if not file.exists()}
        if not missing:
            continue
        rng = np.random.default_rng([77, number])
        clean = programme(voices[number % len(voices)], seconds, rng)
        marked = mark.embed(clean, PROGRAMME_RATE, Payload(f"trial-{number}"))
        for name, file in missing.items():
            edited, rate = EDITS[name](marked, PROGRAMME_RATE)
            part = file.with_suffix(".part.npy")
            np.save(part, soxr.resample(edited, rate, 16_000).astype(np.float16))
            part.replace(file)


def copy_file(mark: AudioSealMark, cache: Path, edit: str, number: int) -> Path:
    """Where the copy of one trial is kept."""
    return cache / f"{mark.version.split('+')[1]}-{mark.gain:.4f}-{edit}-{number:04d}.npy"


def measure(
    mark: AudioSealMark, cache: Path, *, trials: int, edits: Iterable[str]
) -> dict[str, dict[str, float | int]]:
    """Read the copies that `copies` wrote."""
    tallies = {name: Tally() for name in edits}
    for name, tally in tallies.items():
        for number in range(trials):
            samples = np.load(copy_file(mark, cache, name, number)).astype(np.float32)
            count(tally, mark, samples, 16_000, Payload(f"trial-{number}"))
    return {name: tally.table() for name, tally in tallies.items()}


def clean_clips(mark: AudioSealMark, speech: Iterable[NDArray[np.float16]], *, trials: int) -> dict[str, float | int]:
    """Bit accuracy on 5 s clips that were only marked."""
    voices = list(speech)
    tally = Tally()
    rng = np.random.default_rng(78)
    for number in range(trials):
        payload = Payload(f"clip-{number}")
        clip = programme(voices[number % len(voices)], 5.0, rng)
        count(tally, mark, mark.embed(clip, PROGRAMME_RATE, payload), PROGRAMME_RATE, payload)
    return tally.table()


def false_alarms(mark: AudioSealMark, speech: Iterable[NDArray[np.float16]], *, trials: int) -> dict[str, int]:
    """Detections in audio without a mark: speech, filtered speech, coded speech, noise and chords; 15 s each."""
    voices = list(speech)
    rng = np.random.default_rng(79)
    counts = {"speech": 0, "speech_mp3_64": 0, "speech_highpass": 0, "noise_and_chords": 0, "trials_each": trials}
    for number in range(trials):
        clean = programme(voices[number % len(voices)], 15.0, rng)
        high = np.fft.rfft(clean)
        high[: (500 * 15)] = 0
        other = corpus.not_speech(1, 15 * 16_000, rng)[0].numpy()
        cases = {
            "speech": (clean, PROGRAMME_RATE),
            "speech_mp3_64": codecs.mp3(clean, PROGRAMME_RATE, 64),
            "speech_highpass": (np.fft.irfft(high, n=clean.size).astype(np.float32), PROGRAMME_RATE),
            "noise_and_chords": (other, 16_000),
        }
        for name, (samples, rate) in cases.items():
            counts[name] += mark.detect(samples, rate, ()).presence is Presence.DETECTED
    return counts


def quality(mark: AudioSealMark, speech: Iterable[NDArray[np.float16]], *, trials: int) -> dict[str, float | int]:
    """Level of the mark re speech in dB over 10 s parts: mean and the worst; SI-SNR equals it to 0.1 dB."""
    voices = list(speech)
    rng = np.random.default_rng(80)
    ratios = []
    for number in range(trials):
        clean = programme(voices[number % len(voices)], 10.0, rng)
        added = mark.embed(clean, PROGRAMME_RATE, Payload(f"quality-{number}")) - clean
        ratios.append(10 * np.log10(np.sum(clean**2) / np.sum(added**2)))
    return {
        "trials": trials,
        "snr_db_mean": round(float(np.mean(ratios)), 2),
        "snr_db_min": round(float(min(ratios)), 2),
    }


def load_speech(cache: Path) -> list[NDArray[np.float16]]:
    """Held-out speech at 24 kHz, one array per voice."""
    with np.load(cache) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]
