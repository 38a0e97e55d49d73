"""What the contract promises of the mark's level and of what the detector hears."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synth.adapters.audioseal_contract import BAND_HERTZ, SAMPLE_RATE, Shaping, Whitening

SHAPING = Shaping(frame=480, hop=160, width_bark=0.12)
WHITENING = Whitening(frame=480, hop=160, width_bark=0.25, floor=2.0, quantile=0.15)


def noise(seconds: float, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(1, int(seconds * SAMPLE_RATE), generator=generator)


def tone(hertz: float, length: int) -> torch.Tensor:
    return torch.cos(2 * torch.pi * hertz * torch.arange(length) / SAMPLE_RATE)[None]


def test_a_tone_becomes_at_most_as_strong_as_the_sound_in_its_band() -> None:
    sound = noise(4)
    shaped = SHAPING.shape(tone(1_050, sound.shape[-1]), sound)
    band = float(sound.square().mean()) * BAND_HERTZ / (SAMPLE_RATE / 2)
    power = float(shaped.square().mean())
    assert 0.2 * band < power < band  # the least of three frames of noise is below their mean


def test_the_mark_keeps_off_bands_and_moments_without_sound() -> None:
    sound = torch.cat([noise(1), torch.zeros(1, SAMPLE_RATE), noise(1)], -1)
    shaped = SHAPING.shape(tone(1_050, sound.shape[-1]), sound)
    gap = shaped[:, SAMPLE_RATE + 480 : 2 * SAMPLE_RATE - 480]
    assert not gap.any()
    low = torch.from_numpy(np.convolve(noise(2)[0].numpy(), np.ones(64) / 64, "same"))[None].float()
    far = SHAPING.shape(tone(3_050, low.shape[-1]), low)
    near = SHAPING.shape(tone(150, low.shape[-1]), low)
    assert float(far.square().mean()) < 0.01 * float(near.square().mean())


@pytest.mark.parametrize("gain", [0.05, 4.0, -1.0])
def test_the_detector_hears_the_same_at_any_level(gain: float) -> None:
    sound = noise(2) * (1 + torch.sin(torch.arange(2 * SAMPLE_RATE) / 3_000))
    heard, other = WHITENING.whiten(sound), WHITENING.whiten(gain * sound)
    assert torch.allclose(other * np.sign(gain), heard, atol=2e-3)


def test_loud_and_soft_moments_are_heard_alike() -> None:
    sound = torch.cat([noise(1), 0.05 * noise(1, seed=2), torch.zeros(1, SAMPLE_RATE)], -1)
    heard = WHITENING.whiten(sound)
    loud, soft = (float(heard[:, at : at + 12_000].square().mean()) for at in (2_000, 18_000))
    assert soft == pytest.approx(loud, rel=0.2)
    assert not heard[:, 2 * SAMPLE_RATE + 1_000 :].any()
