"""Measures the mark on held-out speakers, sentences and music, through the adapter and through attacks."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from synth.adapters.audioseal import AudioSealMark
from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.training import attacks, codecs, corpus, recordings
from synth.watermark import Payload, Presence

Samples = NDArray[np.float32]
PROGRAMME_RATE: Final = 44_100
CLIP_SECONDS: Final = 5.0
WORKING: Final = attacks.MILD | attacks.HARSH


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Audio at 16 kHz that no model has heard: real speech, synthetic speech and music, one array per source."""

    human: tuple[Samples, ...]
    tts: tuple[Samples, ...]
    music: tuple[Samples, ...]

    @classmethod
    def load(cls, cache: Path, folder: Path) -> HeldOut:
        """Read what `voices.prepare_held_out` (24 kHz) and `recordings.prepare` wrote."""
        with np.load(cache) as arrays:
            tts = tuple(_level(soxr.resample(arrays[n].astype(np.float32), 24_000, SAMPLE_RATE)) for n in arrays.files)
        human, music = (
            tuple(track.samples for track in recordings.load(folder, kind, "held_out")) for kind in ("speech", "music")
        )
        return cls(human, tts, music)

    def speech(self) -> dict[str, tuple[Samples, ...]]:
        """Both kinds of speech by name."""
        return {"human": self.human, "tts": self.tts}

    def half(self, number: int) -> HeldOut:
        """The first (0) or the second (1) half of every source."""

        def cut(tracks: tuple[Samples, ...]) -> tuple[Samples, ...]:
            return tuple(t[: t.size // 2] if number == 0 else t[t.size // 2 :] for t in tracks)

        return HeldOut(cut(self.human), cut(self.tts), cut(self.music))


@dataclass(slots=True)
class Tally:
    """Counts over trials."""

    trials: int = 0
    detected: int = 0
    messages: int = 0
    right_bits: int = 0
    bits: int = 0
    scores: list[float] = field(default_factory=list)

    def add(self, mark: AudioSealMark, samples: Samples, rate: int, payload: Payload) -> None:
        """Add one trial; bits count as decoded even where presence was refused."""
        windows = mark.windows(samples, rate)
        detection = mark.judge(windows)
        number = payload.message(mark.message_bits)
        wanted = [number >> place & 1 for place in reversed(range(mark.message_bits))]
        logits = np.mean(windows.bits, axis=0) if windows.bits else np.zeros(mark.message_bits)
        found = detection.presence is Presence.DETECTED
        self.trials += 1
        self.detected += found
        self.messages += found and detection.message == number
        self.bits += mark.message_bits
        self.right_bits += sum(int(logit > 0) == bit for logit, bit in zip(logits, wanted, strict=True))
        self.scores.append(detection.score)

    def table(self) -> dict[str, float | int]:
        """Rates with their number of trials, for the card."""
        trials = max(1, self.trials)
        return {
            "trials": self.trials,
            "detected": round(self.detected / trials, 4),
            "message": round(self.messages / trials, 4),
            "bit_accuracy": round(self.right_bits / max(1, self.bits), 4),
        }


def attacked(mark: AudioSealMark, tracks: tuple[Samples, ...], *, trials: int, seed: int) -> dict[str, Tally]:
    """Mark `trials` clips, each with a message of its own, cut 5 s out anywhere, and read them after every attack."""
    rng = np.random.default_rng(seed)
    tallies = {name: Tally() for name in ("clean", *WORKING)}
    length = int(CLIP_SECONDS * SAMPLE_RATE)
    for number in range(trials):
        payload = Payload(f"clip-{seed}-{number}")
        sound = corpus.part((tracks[number % len(tracks)],), length + SAMPLE_RATE, rng)
        start = int(rng.integers(SAMPLE_RATE))
        marked = mark.embed(sound, SAMPLE_RATE, payload)[start : start + length]
        for name, tally in tallies.items():
            copy = marked if name == "clean" else WORKING[name](marked, rng)
            tally.add(mark, copy.astype(np.float32), SAMPLE_RATE, payload)
    return tallies


def negatives(held_out: HeldOut, *, seed: int, most: int) -> Iterator[tuple[str, Samples]]:
    """Clips of 5 s without a mark, by kind; those of one kind do not overlap, at most `most` of each.

    Speech and music as they are, speech after an attack, speech over music, speech cut off sharply somewhere between
    100 Hz and 1.2 kHz, speech with mains hum, whose odd harmonics are the mark's frequencies, noise and chords.
    """
    rng = np.random.default_rng(seed)
    length = int(CLIP_SECONDS * SAMPLE_RATE)
    cut = {
        kind: _clips(tracks, length, rng, most)
        for kind, tracks in (("human", held_out.human), ("tts", held_out.tts), ("music", held_out.music))
    }
    for kind, clips in cut.items():
        for sound in clips:
            yield kind, sound
    names = list(attacks.MILD)
    for number, sound in enumerate(cut["human"]):
        yield "human_attacked", attacks.MILD[names[number % len(names)]](sound, rng).astype(np.float32)
    for sound in cut["human"]:
        yield "human_highpassed", sharp_highpass(sound, rng.uniform(100, 1_200))
    for number, sound in enumerate(cut["human"]):
        bed = cut["music"][number % len(cut["music"])]
        scale = corpus.rms(sound) / corpus.rms(bed) * 10 ** (-rng.uniform(0, 20) / 20)
        yield "human_over_music", sound + (scale * bed).astype(np.float32)
    for sound in cut["human"][: most // 4]:
        yield "human_with_hum", sound + corpus.hum(length, rng) * corpus.rms(sound) * 10 ** (-rng.uniform(10, 30) / 20)
    for _ in range(most // 4):
        yield "noise_and_chords", corpus.not_speech(1, length, rng)[0].numpy()


def sharp_highpass(sound: Samples, hertz: float) -> Samples:
    """Nothing at all below `hertz`."""
    spectrum = np.fft.rfft(sound)
    spectrum[: int(hertz * sound.size / SAMPLE_RATE)] = 0
    return np.fft.irfft(spectrum, n=sound.size).astype(np.float32)


def quality(mark: AudioSealMark, tracks: tuple[Samples, ...], *, trials: int, seed: int) -> dict[str, float | int]:
    """PESQ-WB (ITU-T P.862.2, package `pesq`) and SNR in dB of 6 s clips that were only marked."""
    pesq = importlib.import_module("pesq").pesq  # measuring needs it, nothing else does
    rng = np.random.default_rng(seed)
    scores, ratios = [], []
    for number in range(trials):
        sound = corpus.part((tracks[number % len(tracks)],), 6 * SAMPLE_RATE, rng)
        marked = mark.embed(sound, SAMPLE_RATE, Payload(f"quality-{number}"))
        scores.append(float(pesq(SAMPLE_RATE, sound, marked, "wb")))
        ratios.append(10 * np.log10(np.sum(sound**2) / np.sum((marked - sound) ** 2)))
    return {
        "trials": trials,
        "pesq_wb_mean": round(float(np.mean(scores)), 3),
        "pesq_wb_min": round(min(scores), 3),
        "snr_db_mean": round(float(np.mean(ratios)), 2),
        "snr_db_min": round(float(min(ratios)), 2),
    }


def published(mark: AudioSealMark, held_out: HeldOut, *, trials: int, seconds: float) -> Tally:
    """Programmes at 44.1 kHz, marked and encoded as MP3 at 64 kbit/s, as the product reads them back."""
    rng = np.random.default_rng(81)
    tally = Tally()
    tracks = held_out.human + held_out.tts
    for number in range(trials):
        payload = Payload(f"programme-{number}")
        sound = corpus.part((tracks[number % len(tracks)],), int(seconds * SAMPLE_RATE), rng)
        clean = soxr.resample(_level(sound), SAMPLE_RATE, PROGRAMME_RATE)
        marked = mark.embed(clean, PROGRAMME_RATE, payload)
        decoded, rate = codecs.mp3(marked, PROGRAMME_RATE, 64)
        tally.add(mark, decoded, rate, payload)
    return tally


def summary(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Table per attack, and the mean over the mild ones."""
    tables: dict[str, Any] = {name: tally.table() for name, tally in tallies.items()}
    mild = [tables[name] for name in attacks.MILD]
    tables["mild_mean"] = {
        "attacks": len(mild),
        "trials": sum(row["trials"] for row in mild),
        **{
            key: round(float(np.mean([row[key] for row in mild])), 4) for key in ("detected", "message", "bit_accuracy")
        },
    }
    return tables


def _clips(tracks: tuple[Samples, ...], length: int, rng: np.random.Generator, most: int) -> list[Samples]:
    pieces = [track[at : at + length] for track in tracks for at in range(0, track.size - length + 1, length)]
    loud = [piece for piece in pieces if corpus.rms(piece) > 0.005]
    return [loud[index] for index in rng.permutation(len(loud))[:most]]


def _level(sound: Samples) -> Samples:
    """RMS -20 dBFS, less where peaks would pass -1.5 dBFS."""
    gain = min(0.1 / corpus.rms(sound), 0.84 / max(float(np.abs(sound).max()), 1e-6))
    return (sound * gain).astype(np.float32)
