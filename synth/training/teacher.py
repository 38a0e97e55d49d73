"""The teacher signal: sixteen tones, one per bit and value, that follow the speech in level and in spectrum.

Every tone is a multiple of 50 Hz, so it repeats in one latent frame (320 samples at 16 kHz) and a convolutional
decoder can produce it.  The two tones of a bit are neighbours: speech that covers one covers the other, and their
difference is left.  Amplitude of tone f in frame t = (RMS of the speech within about 200 Hz of f / RMS of the frame)
to the power `SHAPE`, smoothed over 60 ms: loud tones only where the speech itself is loud.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE_RATE: Final = 16_000
HOP: Final = 320
ENVELOPE_SAMPLES: Final = 400
"""25 ms: length of the causal RMS envelope that scales the mark."""
ENVELOPE_FLOOR: Final = 1e-3
"""-60 dBFS: below this level the models see the audio as silence."""
BLOCK_RMS: Final = 0.1
"""The detector sees audio scaled to this RMS before its envelope is divided out."""
TONES: Final = (500, 700, 850, 1050, 1250, 1400, 1600, 1850, 2000, 2200, 2450, 2650, 2800, 3050, 3300, 3550)
"""Hertz; tone 2 * bit + value."""
BITS: Final = len(TONES) // 2
SHAPE: Final = 0.75
TEACHER_SCALE: Final = 0.55


def envelope(speech: Tensor) -> Tensor:
    """Causal RMS over the last `ENVELOPE_SAMPLES` samples; (B, T) to (B, T)."""
    power = functional.pad(speech.double().square(), (ENVELOPE_SAMPLES, 0)).cumsum(-1)
    mean = (power[..., ENVELOPE_SAMPLES:] - power[..., :-ENVELOPE_SAMPLES]) / ENVELOPE_SAMPLES
    return mean.clamp_min(0).sqrt().to(speech.dtype)


def generator_input(speech: Tensor, level: Tensor) -> Tensor:
    """What the generator sees: speech (B, T) with its envelope `level` divided out, as (B, 1, T)."""
    return (speech / (level + ENVELOPE_FLOOR)).unsqueeze(1)


def detector_input(audio: Tensor) -> Tensor:
    """What the detector sees: audio (B, T) at `BLOCK_RMS` with its envelope divided out, as (B, 1, T)."""
    loudness = audio.square().mean(-1, keepdim=True).sqrt()
    audio = audio * (BLOCK_RMS / (loudness + 1e-5))
    return (audio / (envelope(audio.detach()) + ENVELOPE_FLOOR)).unsqueeze(1)


def carriers(length: int) -> Tensor:
    """Unit-amplitude tones (16, length) with fixed, spread phases."""
    time = torch.arange(length, dtype=torch.float64) / SAMPLE_RATE
    hertz = torch.tensor(TONES, dtype=torch.float64)[:, None]
    number = torch.arange(len(TONES), dtype=torch.float64)[:, None]
    phase = math.pi * number * (number + 1) / len(TONES)  # quadratic phases keep the sum from peaking
    return torch.cos(2 * math.pi * hertz * time + phase).float()


def amplitudes(speech: Tensor) -> Tensor:
    """Wanted amplitude of every tone in every latent frame: (B, T), T a multiple of 320, to (B, 16, T / 320)."""
    frames = functional.pad(speech, (HOP, 0)).unfold(-1, 2 * HOP, HOP)
    power = torch.fft.rfft(frames * torch.hann_window(2 * HOP)).abs().square()
    total = power.sum(-1)
    bins = torch.arange(power.shape[-1]) * SAMPLE_RATE / (2 * HOP)
    distance = (bins[None, :] - torch.tensor(TONES)[:, None]).abs()
    band = power @ (1 - distance / 250).clamp_min(0).T
    ratio = (band / (total[..., None] + 1e-4)).clamp_min(1e-6)
    padded = functional.pad(ratio.transpose(1, 2), (2, 0), mode="replicate")
    smooth = 0.5 * padded[..., 2:] + 0.3 * padded[..., 1:-1] + 0.2 * padded[..., :-2]
    return smooth.pow(SHAPE / 2)


def switched(speech: Tensor, message: Tensor) -> Tensor:
    """Amplitude of all tones with those of the other value at 0: (B, T), (B, bits) to (B, 16, T / 320)."""
    on = functional.one_hot(message.long(), 2).flatten(1).float()
    return amplitudes(speech) * on[..., None]


def teacher(speech: Tensor, message: Tensor) -> Tensor:
    """The signal a perfect generator puts out before envelope and gain: (B, T), (B, bits) to (B, T)."""
    return TEACHER_SCALE * synthesise(switched(speech, message))


def synthesise(level: Tensor) -> Tensor:
    """Sum of the tones with amplitudes `level` (B, 16, F) per frame; (B, F * 320)."""
    count, tones, frames = level.shape
    window = torch.hann_window(2 * HOP)
    upsampled = functional.conv_transpose1d(level.reshape(count * tones, 1, frames), window[None, None], stride=HOP)
    upsampled = upsampled[..., : frames * HOP].reshape(count, tones, frames, HOP)
    return (upsampled * carriers(HOP)[None, :, None]).sum(1).flatten(1)
