"""Taking an AudioSeal model apart changes nothing, at once and in pieces."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synth.adapters.audioseal_layers import Convolution, plan, run, start, streams
from synth.adapters.audioseal_weights import AudioSealWMConfig, DecoderConfig, SEANetConfig, create_generator

SIZES: dict[str, Any] = {
    "channels": 1, "dimension": 16, "n_filters": 4, "n_residual_layers": 2, "ratios": [2, 4, 5], "activation": "ELU",
    "activation_params": {"alpha": 1.0}, "norm": "none", "norm_params": {}, "kernel_size": 7, "last_kernel_size": 7,
    "residual_kernel_size": 3, "dilation_base": 3, "pad_mode": "constant", "true_skip": True, "compress": 2,
    "disable_norm_outer_blocks": 0,
}  # fmt: skip


def generator(*, causal: bool, lstm: int) -> Any:
    torch.manual_seed(3)
    sizes = SEANetConfig(**SIZES, causal=causal, lstm=lstm)
    decoder = DecoderConfig(final_activation="Tanh", final_activation_params=None, trim_right_ratio=1.0)
    return create_generator(AudioSealWMConfig(nbits=4, seanet=sizes, decoder=decoder)).eval()


def emptied(model: Any) -> Any:
    """The same with a residual branch that adds nothing and channels that nobody reads."""
    layers = model.encoder.model
    last = layers[1].block[3].conv.conv.inner_conv
    last.weight.data.zero_()
    last.bias.data.zero_()
    layers[2].block[3].conv.conv.inner_conv.weight.data.zero_()
    layers[2].block[3].conv.conv.inner_conv.bias.data.zero_()
    layers[4].conv.conv.inner_conv.weight.data[:, 1:3] = 0
    return model


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("lstm", [0, 1])
@pytest.mark.parametrize("empty", [True, False])
@torch.inference_mode()
def test_a_plan_computes_what_the_model_computes(causal: bool, lstm: int, empty: bool) -> None:
    model = generator(causal=causal, lstm=lstm)
    model = emptied(model) if empty else model
    audio = torch.randn(2, 1, 800)
    latent = model.encoder(audio)
    steps = plan(model.encoder.model)
    assert torch.allclose(run(steps, audio), latent, atol=1e-6)
    assert torch.allclose(run(plan(model.decoder.model), latent), model.decoder(latent), atol=1e-6)
    first = steps[0]
    assert isinstance(first, Convolution)
    assert len(first.weight) == (2 if empty else 4)  # two of four channels are read


@torch.inference_mode()
def test_pieces_equal_the_whole() -> None:
    model = generator(causal=True, lstm=0)
    audio = torch.randn(1, 1, 1_200)
    for layers, signal, hop in (
        (model.encoder.model, audio, 40), (model.decoder.model, model.encoder(audio), 1)
    ):  # fmt: skip
        steps = plan(layers)
        assert streams(steps)
        running, at, parts = start(steps), 0, []
        for frames in (1, 5, 2, 0, 13, 9):
            if frames:
                parts.append(running(signal[..., at : at + frames * hop]))
                at += frames * hop
        assert torch.allclose(torch.cat(parts, -1), run(steps, signal), atol=1e-5)


@pytest.mark.parametrize(("causal", "lstm"), [(False, 0), (True, 1)])
def test_what_looks_ahead_or_is_unknown_does_not_stream(causal: bool, lstm: int) -> None:
    assert not streams(plan(generator(causal=causal, lstm=lstm).encoder.model))
