"""The AudioSeal layer: AudioSeal 0.2.0 models with weights and a card from a directory of files.

Source: R. San Roman et al., "Proactive Detection of Voice Cloning with Localized Watermarking", ICML 2024
(arXiv 2401.17264), package `audioseal` (MIT).  Sizes, message length, contract and thresholds come from `card.toml`, so
other weights, for example converted official ones, work with the same code.  The few bits of a message are a hint which
episode this could be, never an identity: `Detection.episode_id` is always None.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.adapters.audioseal_decision import FRAMES_PER_SECOND, Windows, judge, windows
from synth.adapters.audioseal_layers import plan, run, streams
from synth.adapters.audioseal_stream import SHORTEST_SECONDS, Marker, MarkStream, Player
from synth.adapters.audioseal_weights import BUNDLED_WEIGHTS, Weights
from synth.audio import Samples, check_samples
from synth.errors import MarkUnavailableError
from synth.watermark import Detection, Payload

__all__ = ["BUNDLED_WEIGHTS", "AudioSealMark"]

EMBED_SECONDS: Final = 10
"""Audio is marked in pieces of this length, which bounds the memory whatever the length of the file."""
BLOCK_SECONDS: Final = 60
"""Audio is read, and by models that do not stream also marked, in blocks of this length, for the same reason."""
CONTEXT_SECONDS: Final = 5
"""Audio before and after a block that is computed and thrown away.  Whole seconds keep the latent frames aligned; the
detector of our weights hears 2.3 s either way."""


class AudioSealMark:
    """AudioSeal as a `synth.watermark.Watermark`; holds no mutable state, so threads may share it."""

    def __init__(self, *, weights: Path = BUNDLED_WEIGHTS) -> None:
        """Load `card.toml` and the two files it names; `MarkUnavailableError` if one is missing or altered."""
        loaded = Weights.load(weights)
        self._weights, self._contract, self._decision = loaded, loaded.contract, loaded.decision
        self._player = Player(plan(loaded.generator.encoder.model), plan(loaded.generator.decoder.model), loaded.hop)
        encoder, last = loaded.detector.detector
        self._hearing = plan(encoder.model)
        # The detector ends in two linear layers that spread every frame over its samples.  Their mean over a frame's
        # samples is taken here, which gives the frame's mean logit in a fraction of the time.
        spread, out = encoder.reverse_convolution, last.weight[:, :, 0]
        self._reading = (out @ spread.weight.mean(-1).T)[:, :, None]
        self._lean = out @ spread.bias + last.bias

    @property
    def name(self) -> str:
        """Return "audioseal"."""
        return "audioseal"

    @property
    def version(self) -> str:
        """Version of the weights and the start of the generator's SHA-256."""
        return self._weights.version

    @property
    def message_bits(self) -> int:
        """Bits that the loaded weights carry."""
        return self._contract.nbits

    @property
    def gain(self) -> float:
        """Factor on the generator's output."""
        return self._contract.gain

    @property
    def streams(self) -> bool:
        """True if these weights can mark a programme piece by piece."""
        steps = (*self._player.encoder, *self._player.decoder)
        return self._contract.shaping is not None and streams(steps)

    def stream(self, sample_rate: int, payload: Payload) -> MarkStream:
        """Return a stream that marks one programme at `sample_rate` hertz for `payload`.

        Raises `MarkUnavailableError` if the weights look ahead without bound, as the official ones do.
        """
        if not self.streams:
            raise MarkUnavailableError(
                f"The AudioSeal weights {self.version} are not causal and cannot mark a stream; "
                "mark whole programmes with them, or use the weights that come with the package."
            )
        bits = torch.tensor([self._bits(payload)])
        latent = torch.zeros(1, self._weights.generator.msg_processor.hidden_size, 1)
        with torch.inference_mode():
            message = self._weights.generator.msg_processor(latent, bits)
        return MarkStream(Marker(self._contract, self._player, message), sample_rate)

    def marking(self, sample_rate: int, payload: Payload) -> MarkStream:
        """Return a stream of marked sound; see `stream`."""
        return self.stream(sample_rate, payload)

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Return float32 samples of shape (T,) at the same rate with the mark of `payload` added.

        The mark is computed at 16 kHz and only the mark is resampled, so sound above 8 kHz is untouched.  Audio below
        0.1 s is returned as it is.  Peaks stay within full scale, or within the sample's own size if that was higher.
        Raises `AudioError` for samples that are not finite mono float32.
        """
        marked = samples.copy()
        self.embed_in_place(marked, sample_rate, payload)
        return marked

    def embed_in_place(self, samples: Samples, sample_rate: int, payload: Payload) -> None:
        """Write over `samples` what `embed` would return; errors as there."""
        check_samples(samples, sample_rate)
        if not self.streams:
            samples[:] = self._embed_blocks(samples, sample_rate, payload)
            return
        block = EMBED_SECONDS * sample_rate
        stream, done = self.stream(sample_rate, payload), 0
        for start in range(0, len(samples), block):
            # A copy, because what comes out lies behind what is read, and the stream may still look back at it.
            piece = stream.push(samples[start : start + block].copy())
            samples[done : done + len(piece)] = piece
            done += len(piece)
        samples[done:] = stream.finish()

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:  # noqa: ARG002
        """Look for the mark in samples (T,); `candidates` are not used, because the message is no identity.

        `spans` are seconds.  Audio without a whole window of sound, too short or too quiet, is inconclusive.
        Raises `AudioError` for samples that are not finite mono float32.
        """
        check_samples(samples, sample_rate)
        return self.judge(self.windows(samples, sample_rate))

    def judge(self, found: Windows) -> Detection:
        """Decide from the windows of one piece of audio; see `detect`."""
        return judge(found, self._decision, layer=self.name, message_bits=self._contract.nbits)

    def windows(self, samples: Samples, sample_rate: int) -> Windows:
        """Presence margin and bit logits of every window that is not quiet."""
        logits, power = self.frames(samples, sample_rate)
        return windows(logits, power, self._decision)

    @torch.inference_mode()
    def frames(self, samples: Samples, sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (F, 2 + bits) and mean square (F,) of every whole frame of 20 ms."""
        logits: list[NDArray[np.float32]] = []
        power: list[NDArray[np.float32]] = []
        block, context = BLOCK_SECONDS * sample_rate, CONTEXT_SECONDS * sample_rate
        for start in range(0, len(samples), block):
            low = max(0, start - context)
            sound = _resample(samples[low : start + block + context], sample_rate, SAMPLE_RATE)
            first = (start - low) // sample_rate * FRAMES_PER_SECOND
            whole = len(sound) // self._weights.hop
            chosen = slice(first, min(first + BLOCK_SECONDS * FRAMES_PER_SECOND, whole))
            if chosen.start >= whole:
                continue
            audio = torch.from_numpy(sound[: whole * self._weights.hop])[None]
            heard = self.frame_logits(self._contract.to_detector(audio))
            logits.append(heard[0].T.numpy()[chosen])
            power.append(audio.reshape(-1, self._weights.hop).square().mean(-1).numpy()[chosen])
        if not logits:
            return np.zeros((0, 2 + self.message_bits), np.float32), np.zeros(0, np.float32)
        return np.concatenate(logits), np.concatenate(power)

    def frame_logits(self, heard: Tensor) -> Tensor:
        """Mean of the detector's logits over every frame: (B, 1, T) to (B, 2 + bits, T / hop)."""
        return functional.conv1d(run(self._hearing, heard), self._reading, self._lean)

    def _bits(self, payload: Payload) -> list[int]:
        number = payload.message(self._contract.nbits)
        return [number >> place & 1 for place in reversed(range(self._contract.nbits))]

    def _embed_blocks(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """`embed` for weights that look ahead: overlapping blocks of the whole."""
        if len(samples) < SHORTEST_SECONDS * sample_rate:
            return samples.copy()
        bits = torch.tensor([self._bits(payload)])
        marked = samples.copy()
        block, context = BLOCK_SECONDS * sample_rate, CONTEXT_SECONDS * sample_rate
        for start in range(0, len(samples), block):
            low, end = max(0, start - context), min(len(samples), start + block)
            mark = self._mark(samples[low : min(len(samples), end + context)], sample_rate, bits)
            marked[start:end] += mark[start - low : end - low]
        peak = max(1.0, float(np.abs(samples).max()))
        return np.clip(marked, -peak, peak, out=marked)

    @torch.inference_mode()
    def _mark(self, samples: Samples, sample_rate: int, bits: Tensor) -> Samples:
        """The signal to add to `samples`, at their rate and of their length, by the models' own forward pass."""
        sound = _resample(samples, sample_rate, SAMPLE_RATE)
        length = len(sound)
        audio = functional.pad(torch.from_numpy(sound)[None], (0, -length % self._weights.hop))
        level = self._contract.level(audio)
        generator: Any = self._weights.generator
        played = generator.get_watermark(self._contract.to_generator(audio, level), message=bits)[:, 0]
        mark = self._contract.to_mark(played, audio, level)
        out = _resample(mark[0, :length].numpy(), SAMPLE_RATE, sample_rate)[: len(samples)]
        return np.pad(out, (0, len(samples) - len(out)))


def _resample(samples: Samples, source: int, target: int) -> Samples:
    if source == target or not len(samples):
        return samples.astype(np.float32)
    resampled: Samples = soxr.resample(samples, source, target).astype(np.float32)
    return resampled
