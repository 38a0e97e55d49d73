"""How sound meets the AudioSeal models: what they see of it, and how loud the mark may be.

Part of the weights, because the models were trained so; every number comes from their card.  Frames are `frame` long
every `hop` samples, with a square-root Hann window for analysis and again for synthesis (hop = frame / 3, so that the
squared windows add up to a constant).  The local power of a bin is the mean over its neighbours with a triangle of
`width_bark` on either side (Bark scale of Zwicker and Terhardt, 1980).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE_RATE: Final = 16_000
LEAST_SHARE: Final = 0.02
"""Share of its frames that a bin must keep to be brought back to unit power: below, it stays as silent as it is."""
BAND_HERTZ: Final = 125.0
"""The level that a tone is held against is the power of the sound in a band of this width."""


def neighbours(frame: int, width_bark: float) -> Tensor:
    """Weights (F, F) that average the power of F = frame / 2 + 1 bins over `width_bark` on either side."""
    hertz = torch.arange(frame // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / frame
    bark = 13 * torch.atan(0.00076 * hertz) + 3.5 * torch.atan((hertz / 7500) ** 2)
    weights = (1 - (bark[:, None] - bark[None]).abs() / (2 * width_bark)).clamp_min(0)
    share: Tensor = weights / weights.sum(1, keepdim=True)
    return share.float()


def window_of(frame: int) -> Tensor:
    """Square root of a Hann window, (frame,)."""
    return torch.hann_window(frame).sqrt()


@dataclass(frozen=True, slots=True)
class Shaping:
    """Holds the mark in every bin and frame below the sound around it: min over this frame and its neighbours.

    The least of three frames keeps the mark from ringing into a pause after a word, and from sounding before one.
    """

    frame: int
    hop: int
    width_bark: float
    _matrix: Tensor = field(init=False, repr=False, compare=False)
    _window: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matrix", neighbours(self.frame, self.width_bark))
        object.__setattr__(self, "_window", window_of(self.frame))

    @property
    def ahead(self) -> int:
        """Samples of sound after a sample that its mark depends on."""
        return self.frame + self.hop

    def levels(self, sound: Tensor) -> Tensor:
        """Amplitude of a tone as strong as its surroundings: (B, T) to (B, frames, bins); frame k starts at k·hop."""
        power = torch.fft.rfft(sound.unfold(-1, self.frame, self.hop) * self._window).abs().square()
        # A tone of amplitude 1 and white noise of the same power in BAND_HERTZ come out as 1.
        scale = 2 * BAND_HERTZ / (SAMPLE_RATE / 2) / (self.frame / 2)
        level: Tensor = (power @ self._matrix.T * scale).sqrt()
        return level

    def frames(self, played: Tensor, levels: Tensor) -> Tensor:
        """Shaped frames (B, n, frame), ready to be added up, of `played` (B, T) and `levels` of n + 2 frames.

        The first and the last level belong to the frames before and after those that are shaped.
        """
        allowed = torch.minimum(torch.minimum(levels[:, :-2], levels[:, 1:-1]), levels[:, 2:])
        spectrum = torch.fft.rfft(played.unfold(-1, self.frame, self.hop) * self._window)
        shaped: Tensor = torch.fft.irfft(spectrum * allowed, n=self.frame)
        return shaped * (self._window * (2 * self.hop / self.frame))

    def shape(self, played: Tensor, sound: Tensor) -> Tensor:
        """Shape a whole clip: `played` and `sound` (B, T) to (B, T), silence before and after."""
        length = sound.shape[-1]
        tail = -length % self.hop + self.frame
        levels = self.levels(functional.pad(sound, (self.frame, tail + self.hop)))
        # The first shaped frame starts frame - hop before the clip; one frame more on either side for its neighbours.
        pieces = self.frames(functional.pad(played, (self.frame - self.hop, tail)), levels)
        joined = overlap_add(pieces, self.hop)
        start = self.frame - self.hop
        return joined[..., start : start + length]


def overlap_add(pieces: Tensor, hop: int) -> Tensor:
    """Add frames (B, n, frame) up, `hop` apart: (B, (n - 1)·hop + frame)."""
    count, number, frame = pieces.shape
    total = (number - 1) * hop + frame
    added = functional.fold(pieces.transpose(1, 2), (1, total), (1, frame), stride=(1, hop))
    return added.reshape(count, total)


@dataclass(frozen=True, slots=True)
class Whitening:
    """Divides the local level out of what the detector sees, so that every frame and band tells as much as another.

    What is near the noise floor of its bin (the `quantile` of its local power over time) is turned down: a frame of
    power p counts 1 - floor·n / p, at least 0.  What is left of a bin is brought back to unit power over time.
    """

    frame: int
    hop: int
    width_bark: float
    floor: float
    quantile: float
    _matrix: Tensor = field(init=False, repr=False, compare=False)
    _window: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matrix", neighbours(self.frame, self.width_bark))
        object.__setattr__(self, "_window", window_of(self.frame))

    def whiten(self, audio: Tensor) -> Tensor:
        """Audio (B, T) to (B, T); white noise comes out with about unit variance."""
        length = audio.shape[-1]
        start = self.frame - self.hop
        padded = functional.pad(audio, (start, start + -length % self.hop))
        spectrum = torch.fft.rfft(padded.unfold(-1, self.frame, self.hop) * self._window)
        power = (spectrum.real.square() + spectrum.imag.square()) @ self._matrix.T
        faint = power.mean((1, 2), keepdim=True) * 1e-5 + 1e-12
        rank = max(1, round(self.quantile * power.shape[1]))
        noise = power.kthvalue(rank, dim=1, keepdim=True).values
        weight = (1 - self.floor * noise / (power + 1e-20)).clamp_min(0) / (power + faint).sqrt()
        left = (weight.square() * power).mean(1, keepdim=True)
        weight = weight / (left + LEAST_SHARE).sqrt()
        pieces = torch.fft.irfft(spectrum * weight, n=self.frame) * self._window
        scale = (self.frame / 2) ** 0.5 * (2 * self.hop / self.frame)
        white: Tensor = overlap_add(pieces, self.hop)[..., start : start + length] * scale
        return white


@dataclass(frozen=True, slots=True)
class Contract:
    """What the models of one card see and how their output becomes the mark."""

    envelope: bool  # divide the causal envelope out of the generator's input; without shaping also on the way out
    envelope_samples: int
    envelope_floor: float
    block_rms: float
    gain: float
    nbits: int
    shaping: Shaping | None = None
    whitening: Whitening | None = None

    def level(self, audio: Tensor) -> Tensor:
        """Causal RMS envelope of audio (B, T)."""
        return windowed_rms(functional.pad(audio, (self.envelope_samples, 0)), self.envelope_samples)

    def to_generator(self, audio: Tensor, level: Tensor) -> Tensor:
        """Input of the generator, (B, 1, T)."""
        return (audio / (level + self.envelope_floor) if self.envelope else audio).unsqueeze(1)

    def to_mark(self, played: Tensor, audio: Tensor, level: Tensor) -> Tensor:
        """Make the mark of whole clips, (B, T), of what the generator played."""
        if self.shaping is not None:
            return self.gain * self.shaping.shape(played, audio)
        return self.gain * (played * level if self.envelope else played)

    def to_detector(self, audio: Tensor) -> Tensor:
        """Input of the detector, (B, 1, T)."""
        if self.whitening is not None:
            return self.whitening.whiten(audio).unsqueeze(1)
        if not self.envelope:
            return audio.unsqueeze(1)
        loudness = audio.square().mean(-1, keepdim=True).sqrt()
        audio = audio * (self.block_rms / (loudness + 1e-5))
        return (audio / (self.level(audio) + self.envelope_floor)).unsqueeze(1)


def windowed_rms(audio: Tensor, size: int) -> Tensor:
    """RMS over the last `size` samples, (B, size + T) to (B, T)."""
    power = functional.pad(audio.double().square().cumsum(-1), (1, 0))
    mean = (power[..., size + 1 :] - power[..., 1:-size]) / size
    return mean.clamp_min(0).sqrt().to(audio.dtype)
