"""The keyed mark's optimiser meets sound that fades into nothing."""

from __future__ import annotations

import torch

from synth.adapters.keyed import TorchDecoder
from synth.keyed.key import derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, LEVEL


def test_fade_into_subnormal_numbers_leaves_the_gradient_finite() -> None:
    """PyTorch's `abs` of a complex number around 1e-39 has the gradient NaN, which made a whole block NaN."""
    decoder = TorchDecoder(weights=detector_weights(derive_keys(b"gradient" * 4).detector))
    sound = LEVEL * torch.randn(1, BLOCK, generator=torch.Generator().manual_seed(1))
    for position, exponent in enumerate(range(-45, -35)):
        sound[:, 2_000 * position : 2_000 * (position + 1)] *= 10.0**exponent
    sound.requires_grad_(True)
    torch.autograd.backward(decoder(sound).sum())
    assert sound.grad is not None
    assert torch.isfinite(sound.grad).all()
