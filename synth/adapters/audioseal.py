"""The AudioSeal layer: AudioSeal 0.2.0 models with weights and a card from a directory of files.

Source: R. San Roman et al., "Proactive Detection of Voice Cloning with Localized Watermarking", ICML 2024
(arXiv 2401.17264), package `audioseal` (MIT).  Sizes, message length, gain and thresholds come from `card.toml`, so
other weights, for example converted official ones, work with the same code.  The few bits of a message are a hint which
episode this could be, never an identity: `Detection.episode_id` is always None.
"""

from __future__ import annotations

import hashlib
import math
import os
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("NO_TORCH_COMPILE", "1")  # read when audioseal is imported; compiling needs a C++ compiler

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor
from torch.nn import functional

from synth.audio import Samples, check_samples
from synth.errors import MarkUnavailableError
from synth.watermark import Detection, Payload, Presence

with warnings.catch_warnings():
    # audioseal 0.2.0 uses torch.jit.script at import, which torch 2.13 calls deprecated; nothing here depends on it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from audioseal.builder import (
        AudioSealDetectorConfig,
        AudioSealWMConfig,
        DecoderConfig,
        SEANetConfig,
        create_detector,
        create_generator,
    )

__all__ = [
    "BUNDLED_WEIGHTS",
    "AudioSealDetectorConfig",
    "AudioSealMark",
    "AudioSealWMConfig",
    "DecoderConfig",
    "SEANetConfig",
    "create_detector",
    "create_generator",
]
"""The builders are passed on, because importing them elsewhere would skip what this module does before it does."""

BUNDLED_WEIGHTS: Final = Path(__file__).resolve().parent.parent / "weights" / "audioseal"
SAMPLE_RATE: Final = 16_000
BLOCK_SECONDS: Final = 30
"""Audio is worked on in blocks of this length: about 300 MB of memory, whatever the length of the file."""
CONTEXT_SECONDS: Final = 2
"""Audio before and after a block that is computed and thrown away.  Whole seconds keep the latent frames aligned; the
generator of our weights sees 0.6 s back, so its blocks join exactly."""
SHORTEST_SECONDS: Final = 0.1
"""Shorter audio is returned unmarked."""
WINDOWS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Contract:
    """How speech and mark meet the models; part of the weights, because they were trained so."""

    envelope: bool  # divide the envelope out of every input, and multiply the generator's output by it
    envelope_samples: int
    envelope_floor: float
    block_rms: float
    gain: float
    nbits: int

    def level(self, audio: Tensor) -> Tensor:
        """Causal RMS envelope of audio (B, T)."""
        size = self.envelope_samples
        power = functional.pad(audio.double().square(), (size, 0)).cumsum(-1)
        return ((power[..., size:] - power[..., :-size]) / size).clamp_min(0).sqrt().to(audio.dtype)

    def to_generator(self, audio: Tensor, level: Tensor) -> Tensor:
        """Input of the generator, (B, 1, T)."""
        return (audio / (level + self.envelope_floor) if self.envelope else audio).unsqueeze(1)

    def to_detector(self, audio: Tensor) -> Tensor:
        """Input of the detector, (B, 1, T)."""
        if not self.envelope:
            return audio.unsqueeze(1)
        loudness = audio.square().mean(-1, keepdim=True).sqrt()
        audio = audio * (self.block_rms / (loudness + 1e-5))
        return (audio / (self.level(audio) + self.envelope_floor)).unsqueeze(1)


@dataclass(frozen=True, slots=True)
class Decision:
    """Calibrated on held-out audio without a mark; see the card for counts."""

    window_seconds: float
    hop_seconds: float
    quietest_rms: float  # windows below this level are not judged
    window_threshold: float  # presence margin above which one window counts as marked
    run: int  # marked windows in a row that count; a single one may be chance
    bit_threshold: float  # mean size of the averaged bit logits that marked audio exceeds


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that are not quiet: start in seconds, presence margin, mean logit of every bit (MSB first)."""

    start: list[float]
    margin: list[float]
    bits: list[NDArray[np.float32]]


class AudioSealMark:
    """AudioSeal as a `synth.watermark.Watermark`; holds no mutable state, so threads may share it."""

    def __init__(self, *, weights: Path = BUNDLED_WEIGHTS) -> None:
        """Load `card.toml` and the two files it names; `MarkUnavailableError` if one is missing or altered."""
        card = _read_card(weights)
        try:
            self._contract = Contract(**card["contract"])
            self._decision = Decision(**card["decision"])
            bits = self._contract.nbits
            generator = create_generator(
                AudioSealWMConfig(
                    nbits=bits,
                    seanet=SEANetConfig(**card["generator"]["seanet"]),
                    decoder=DecoderConfig(
                        final_activation=card["generator"]["final_activation"] or None,
                        final_activation_params=None,
                        trim_right_ratio=1.0,
                    ),
                )
            )
            detector = create_detector(
                AudioSealDetectorConfig(nbits=bits, seanet=SEANetConfig(**card["detector"]["seanet"]))
            )
            self._hop = math.prod(card["generator"]["seanet"]["ratios"])
            self._version = f"{card['model']['version']}+{card['generator']['sha256'][:16]}"
            for model, part in ((generator, "generator"), (detector, "detector")):
                tensors = load_tensors(_verified(weights / card[part]["file"], card[part]["sha256"]))
                model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=True)
                model.eval().requires_grad_(requires_grad=False)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise MarkUnavailableError(
                f"The AudioSeal weights in {weights} do not match their card ({type(error).__name__}: {error}). "
                "Restore the directory from the release, or point the setting at a complete one."
            ) from error
        self._generator, self._detector = generator, detector

    @property
    def name(self) -> str:
        """Return "audioseal"."""
        return "audioseal"

    @property
    def version(self) -> str:
        """Version of the weights and the start of the generator's SHA-256."""
        return self._version

    @property
    def message_bits(self) -> int:
        """Bits that the loaded weights carry: 8 for ours, 16 for the official ones."""
        return self._contract.nbits

    @property
    def nbits(self) -> int:
        """Length of the message."""
        return self._contract.nbits

    @property
    def gain(self) -> float:
        """Factor on the generator's output."""
        return self._contract.gain

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Return float32 samples of shape (T,) at the same rate with the mark of `payload` added.

        The mark is computed at 16 kHz and only the mark is resampled, so sound above 8 kHz is untouched.  Audio below
        0.1 s is returned as it is.  Peaks stay within full scale, or within the input's own peak if that was higher.
        Raises `AudioError` for samples that are not finite mono float32.
        """
        check_samples(samples, sample_rate)
        if len(samples) < SHORTEST_SECONDS * sample_rate:
            return samples.copy()
        number = payload.message(self._contract.nbits)
        bits = torch.tensor([[number >> place & 1 for place in reversed(range(self._contract.nbits))]])
        marked = samples.copy()
        block, context = BLOCK_SECONDS * sample_rate, CONTEXT_SECONDS * sample_rate
        for start in range(0, len(samples), block):
            low, end = max(0, start - context), min(len(samples), start + block)
            mark = self._mark(samples[low : min(len(samples), end + context)], sample_rate, bits)
            marked[start:end] += mark[start - low : end - low]
        peak = max(1.0, float(np.abs(samples).max()))
        return np.clip(marked, -peak, peak, out=marked)

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:  # noqa: ARG002
        """Look for the mark in samples (T,); `candidates` are not used, because the message is no identity.

        Presence is judged per window; the message is read from the bit logits averaged over the marked windows.
        `spans` are seconds.  Audio without a whole window of sound, too short or too quiet, is inconclusive.
        Raises `AudioError` for samples that are not finite mono float32.
        """
        check_samples(samples, sample_rate)
        return self.judge(self.windows(samples, sample_rate))

    def judge(self, windows: Windows) -> Detection:
        """Decide from the windows of one piece of audio; see `detect`."""
        rule = self._decision
        if not windows.start:
            return Detection(layer=self.name, presence=Presence.INCONCLUSIVE)
        margins = np.asarray(windows.margin)
        score = float(margins.mean())
        marked = _runs(margins > rule.window_threshold, min(rule.run, len(margins)))
        logits = np.asarray(windows.bits)[marked].mean(axis=0) if marked.any() else np.zeros(self._contract.nbits)
        if float(np.abs(logits).mean()) < rule.bit_threshold:
            return Detection(layer=self.name, presence=Presence.NOT_DETECTED, score=score)
        return Detection(
            layer=self.name,
            presence=Presence.DETECTED,
            message=int("".join("1" if logit > 0 else "0" for logit in logits), 2),
            message_bits=self._contract.nbits,
            spans=_spans(np.asarray(windows.start)[marked].tolist(), rule.window_seconds),
            score=score,
        )

    def windows(self, samples: Samples, sample_rate: int) -> Windows:
        """Presence margin and bit logits of every window that is not quiet."""
        found = Windows([], [], [])
        for start, batch in self._batches(samples, sample_rate):
            logits = self._mean_logits(self._contract.to_detector(batch))
            found.margin.extend((logits[:, 1] - logits[:, 0]).tolist())
            found.bits.extend(logits[:, 2:].numpy())
            found.start.extend(start)
        return found

    @torch.inference_mode()
    def _mark(self, samples: Samples, sample_rate: int, bits: Tensor) -> Samples:
        """The signal to add to `samples`, at their rate and of their length."""
        sound = _resample(samples, sample_rate, SAMPLE_RATE)
        length = len(sound)
        audio = functional.pad(torch.from_numpy(sound)[None], (0, -length % self._hop))
        level = self._contract.level(audio)
        played = self._generator.get_watermark(self._contract.to_generator(audio, level), message=bits)[:, 0]
        mark = self._contract.gain * (played * level if self._contract.envelope else played)
        out = _resample(mark[0, :length].numpy(), SAMPLE_RATE, sample_rate)[: len(samples)]
        return np.pad(out, (0, len(samples) - len(out)))

    @torch.inference_mode()
    def _mean_logits(self, windows: Tensor) -> Tensor:
        """Mean over time of `detector(windows)`, (B, 1, T) to (B, 2 + bits), for T a multiple of the hop.

        The detector ends in two linear layers that spread every frame over its samples.  The mean is taken before them,
        which gives the same number in a tenth of the time.
        """
        layers: Any = self._detector.detector
        encoder, last = layers
        spread = encoder.reverse_convolution
        frame: Tensor = encoder.model(windows).mean(-1)
        return functional.linear(frame @ spread.weight.mean(-1) + spread.bias, last.weight[:, :, 0], last.bias)

    def _batches(self, samples: Samples, sample_rate: int) -> Iterator[tuple[list[float], Tensor]]:
        """Starts in seconds, and windows (B, T) at 16 kHz, of all audio that is loud enough."""
        rule = self._decision
        size, hop = (round(seconds * SAMPLE_RATE) for seconds in (rule.window_seconds, rule.hop_seconds))
        block, tail = BLOCK_SECONDS * sample_rate, math.ceil(rule.window_seconds) * sample_rate
        for first in range(0, len(samples), block):
            sound = _resample(samples[first : first + block + tail], sample_rate, SAMPLE_RATE)
            starts = [s for s in range(0, BLOCK_SECONDS * SAMPLE_RATE, hop) if s + size <= len(sound)]
            starts = [s for s in starts if np.sqrt(np.mean(sound[s : s + size] ** 2)) >= rule.quietest_rms]
            for number in range(0, len(starts), WINDOWS_AT_ONCE):
                chosen = starts[number : number + WINDOWS_AT_ONCE]
                windows = np.stack([sound[s : s + size] for s in chosen])
                yield [first / sample_rate + s / SAMPLE_RATE for s in chosen], torch.from_numpy(windows)


def _runs(marked: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Only those true values that stand in a row of at least `length`."""
    kept = np.zeros_like(marked)
    for start in range(len(marked) - length + 1):
        if marked[start : start + length].all():
            kept[start : start + length] = True
    return kept


def _spans(starts: Sequence[float], length: float) -> tuple[tuple[float, float], ...]:
    """Join windows that touch."""
    spans: list[tuple[float, float]] = []
    for start in starts:
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], start + length)
        else:
            spans.append((start, start + length))
    return tuple(spans)


def _resample(samples: Samples, source: int, target: int) -> Samples:
    if source == target or not len(samples):
        return samples.astype(np.float32)
    resampled: Samples = soxr.resample(samples, source, target).astype(np.float32)
    return resampled


def _read_card(weights: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((weights / "card.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise MarkUnavailableError(
            f"No AudioSeal card could be read at {weights / 'card.toml'} ({error}). Nothing may be produced without "
            "the mark: reinstall the package, or configure a directory with card.toml and its two weight files."
        ) from error


def _verified(file: Path, sha256: str) -> bytes:
    """The bytes of `file` if they have the digest of the card; read once, so what is checked is what is loaded."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MarkUnavailableError(
            f"AudioSeal weights {file} cannot be read ({error}). Reinstall the package or fetch the weights again."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise MarkUnavailableError(
            f"AudioSeal weights {file} have SHA-256 {found}, but the card says {sha256}: they are damaged or were "
            "exchanged. Restore both from the same release."
        )
    return data
