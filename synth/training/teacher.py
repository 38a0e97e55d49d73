"""The teacher signal: thirty-two tones, two for each bit, of which the message switches one on.

Every tone is a multiple of 50 Hz, so it repeats in one latent frame (320 samples at 16 kHz): a convolutional decoder
can play it, and a detector can add it up over seconds in phase.  The two tones of a bit are neighbours: what covers one
covers the other, and their difference is left.  How loud a tone may be is not in the teacher but in the contract.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from synth.adapters.audioseal_contract import SAMPLE_RATE, Contract, Shaping, Whitening

HOP: Final = 320
TONES: Final = tuple(450 + 200 * pair + 100 * value for pair in range(16) for value in (0, 1))
"""Hertz; tone 2 * bit + value: 450 and 550 for the first bit, 3450 and 3550 for the last."""
BITS: Final = len(TONES) // 2
LEVEL: Final = 0.25
"""Amplitude of a tone in the generator's output: sixteen of them stay in the linear part of its layers."""
GAIN: Final = 0.35
"""Amplitude of a tone relative to one as strong as the sound in 125 Hz around it: 9 dB below."""


def contract(gain: float) -> Contract:
    """What the models see, and the mark at `gain`; written to the card."""
    return Contract(
        envelope=True,
        envelope_samples=400,
        envelope_floor=1e-3,
        block_rms=0.1,
        gain=gain / LEVEL,
        nbits=BITS,
        shaping=Shaping(frame=480, hop=160, width_bark=0.12),
        whitening=Whitening(frame=480, hop=160, width_bark=0.25, floor=2.0, quantile=0.15),
    )


def carriers(length: int) -> Tensor:
    """Unit-amplitude tones (32, length) with fixed, spread phases."""
    time = torch.arange(length, dtype=torch.float64) / SAMPLE_RATE
    hertz = torch.tensor(TONES, dtype=torch.float64)[:, None]
    number = torch.arange(len(TONES), dtype=torch.float64)[:, None]
    phase = math.pi * number * (number + 1) / len(TONES)  # quadratic phases keep the sum from peaking
    return torch.cos(2 * math.pi * hertz * time + phase).float()


def switched(message: Tensor, frames: int) -> Tensor:
    """Amplitude of all tones, those of the other value at 0: (B, bits) to (B, 32, frames)."""
    on = functional.one_hot(message.long(), 2).flatten(1).float()
    return on[..., None].expand(-1, -1, frames)


def play(message: Tensor, length: int) -> Tensor:
    """What a perfect generator puts out: (B, bits) to (B, length)."""
    on = functional.one_hot(message.long(), 2).flatten(1).float()
    return LEVEL * on @ carriers(length)


def synthesise(level: Tensor) -> Tensor:
    """Sum of the tones with amplitudes `level` (B, 32, F) per frame; (B, F * 320)."""
    count, tones, frames = level.shape
    window = torch.hann_window(2 * HOP)
    upsampled = functional.conv_transpose1d(level.reshape(count * tones, 1, frames), window[None, None], stride=HOP)
    upsampled = upsampled[..., : frames * HOP].reshape(count, tones, frames, HOP)
    return (upsampled * carriers(HOP)[None, :, None]).sum(1).flatten(1)
