"""Sizes of our AudioSeal models, and a first state that already hears (or plays) the teacher's tones.

Training from a random state leaves the bits at chance for very long.  Both models therefore start with a filter bank
in two of their strided convolutions: a delta that hands every sample through, 10 polyphase samples, then a windowed
sine and cosine per tone.  Everything stays trainable.
"""

from __future__ import annotations

import math
import os
from typing import Any, cast

os.environ.setdefault("NO_TORCH_COMPILE", "1")  # audioseal compiles its layers otherwise; read at import

import torch
from audioseal.builder import (
    AudioSealDetectorConfig,
    AudioSealWMConfig,
    DecoderConfig,
    SEANetConfig,
    create_detector,
    create_generator,
)
from audioseal.models import AudioSealDetector, AudioSealWM
from torch import Tensor, nn
from torch.nn import functional

from synth.training.teacher import BITS, HOP, SAMPLE_RATE, TONES, carriers

_COMMON: dict[str, Any] = {
    "channels": 1, "n_filters": 16, "activation": "ELU", "activation_params": {"alpha": 1.0}, "norm": "none",
    "norm_params": {}, "kernel_size": 7, "last_kernel_size": 7, "pad_mode": "constant", "true_skip": True,
    "disable_norm_outer_blocks": 0,
}  # fmt: skip
GENERATOR: dict[str, Any] = _COMMON | {
    "dimension": 64, "n_residual_layers": 1, "ratios": [1, 32, 10], "residual_kernel_size": 5, "dilation_base": 2,
    "causal": True, "compress": 1, "lstm": 0,
}  # fmt: skip
DETECTOR: dict[str, Any] = _COMMON | {
    "dimension": 64, "n_residual_layers": 2, "ratios": [1, 32, 10], "residual_kernel_size": 15,
    "dilation_base": 4, "causal": False, "compress": 1, "lstm": 2,
}  # fmt: skip
LINEAR = 6.0
"""Bias that keeps a signal in the linear part of the ELU."""
PHASES = 10
LIMITER_SLOPE = 4.0
LEVEL_GAIN = 5.0
OFFSET = 3.0
"""The same for filter outputs, which have unit variance."""


def build_generator() -> AudioSealWM:
    """A generator of our size, random state."""
    decoder = DecoderConfig(final_activation="Tanh", final_activation_params=None, trim_right_ratio=1.0)
    return create_generator(AudioSealWMConfig(nbits=BITS, seanet=SEANetConfig(**GENERATOR), decoder=decoder))


def build_detector() -> AudioSealDetector:
    """A detector of our size, random state."""
    return create_detector(AudioSealDetectorConfig(nbits=BITS, seanet=SEANetConfig(**DETECTOR)))


def convolution(layer: nn.Module) -> Any:
    """The torch convolution inside one of audioseal's wrapped layers."""
    inner: Any = layer
    for name in ("conv", "conv") if hasattr(layer, "conv") else ("convtr", "convtr"):
        inner = getattr(inner, name)
    return inner.inner_conv


def _quiet(block: Any, factor: float) -> None:
    """Scale the branch of a residual block, so that it starts near the identity."""
    last = convolution(block.block[3])
    last.weight.mul_(factor)
    last.bias.mul_(factor)


def filter_bank() -> Tensor:
    """Windowed cosine and sine of every tone, (32, 640), unit gain for white noise."""
    window = torch.hann_window(2 * HOP)
    time = torch.arange(2 * HOP) / SAMPLE_RATE
    angle = 2 * math.pi * torch.tensor(TONES)[:, None] * time
    bank = torch.cat([torch.cos(angle), torch.sin(angle)]) * window
    return bank / bank.square().sum(-1, keepdim=True).sqrt()


def band_filters() -> Tensor:
    """Shorter filters 50 Hz below and above every tone, (64, 640): the level of the speech around each tone."""
    window = torch.zeros(2 * HOP)
    window[HOP // 2 : HOP // 2 + HOP] = torch.hann_window(HOP)
    time = torch.arange(2 * HOP) / SAMPLE_RATE
    hertz = torch.cat([torch.tensor(TONES) - 50, torch.tensor(TONES) + 50])[:, None]
    angle = 2 * math.pi * hertz * time
    bank = torch.cat([torch.cos(angle), torch.sin(angle)]) * window
    return bank / bank.square().sum(-1, keepdim=True).sqrt()


@torch.no_grad()
def start_analysis(
    model: nn.Sequential, sample: Tensor, residual_layers: int, filters: Tensor, *, slope: float, offset: float
) -> None:
    """Give an encoder a bank of `filters` (n, 640) with standard deviation `slope` on `sample` (B, 1, T)."""
    step = residual_layers + 2
    causal = bool(cast(Any, model[0]).causal)
    first, polyphase, bank = (convolution(model[index]) for index in (0, step, 2 * step))
    for index in silent_blocks(residual_layers):
        _quiet(model[index], 0.0)
    first.weight[0].zero_()
    first.weight[0, 0, 6 if causal else 3] = 1.0
    first.bias[0] = LINEAR
    polyphase.weight[:PHASES].zero_()
    for phase in range(PHASES):
        polyphase.weight[phase, 0, (10 if causal else 5) + phase] = 1.0
    polyphase.bias[:PHASES] = 0.0
    bank.weight.zero_()
    bank.bias.zero_()
    count = len(filters)
    bank.weight[:count, :PHASES] = filters.reshape(count, 64, PHASES).transpose(1, 2)
    scale = analysis(model, sample, residual_layers).std(dim=(0, 2))[:count].clamp_min(1e-3)
    bank.weight[:count].mul_(slope / scale[:, None, None])
    bank.bias[:count] = offset


def analysis(model: nn.Sequential, audio: Tensor, residual_layers: int) -> Tensor:
    """What the layers up to the filter bank put out, (B, 1, T) to (B, channels, T / 320), computed directly.

    Equal to the layers themselves as long as only the delta and its 10 phases feed the bank, which is how this recipe
    leaves them: the other channels are there for later work.
    """
    causal = bool(cast(Any, model[0]).causal)
    bank = convolution(model[2 * residual_layers + 4])
    kernel = bank.weight[:, :PHASES].transpose(1, 2).flatten(1)
    samples = functional.elu(functional.elu(audio + LINEAR))
    samples = functional.pad(samples, (HOP, 0) if causal else (HOP // 2, HOP // 2))
    return functional.conv1d(samples, kernel[:, None], bank.bias, stride=HOP)


@torch.no_grad()
def start_detector(model: AudioSealDetector, sample: Tensor) -> None:
    """Give a detector a receiver that limits every filtered tone, averages it in phase over 1.1 s and compares levels.

    The limiter is what lets it hear a mark 23 dB below the speech: loud harmonics pass a filter now and then, the tone
    is always there.  Two ELU with -1 between them are a symmetric soft limiter, ELU(-ELU(x)).  Channels at 50 Hz: 0..31
    filtered tones, 32..63 the same limited, 32..47 also their level; after the next layer 0..7 the difference per bit.
    """
    encoder, last = cast(Any, model.detector)
    layers = encoder.model
    tones = len(TONES)
    start_analysis(layers, sample, DETECTOR["n_residual_layers"], filter_bank(), slope=LIMITER_SLOPE, offset=0.0)
    negate, write = convolution(layers[9].block[1]), convolution(layers[9].block[3])
    average, gather = convolution(layers[10].block[1]), convolution(layers[10].block[3])
    for layer in (negate, write, average, gather):
        layer.weight.mul_(0.02)
        layer.bias.zero_()
    middle = negate.kernel_size[0] // 2
    for channel in range(2 * tones):
        limited = 2 * tones + channel
        negate.weight[channel, channel, middle] -= 1.0
        write.weight[limited, channel, 0] += 1.0
        write.bias[limited] = 1.0  # the limiter ends at -1: from here on it stays in the linear part of the ELU
        average.weight[channel, limited] += LEVEL_GAIN / average.kernel_size[0]
        average.weight[limited, limited] -= LEVEL_GAIN / average.kernel_size[0]
        for rectified in (channel, limited):
            gather.weight[2 * tones + channel % tones, rectified, 0] += 1.0
    average.bias.copy_(-average.weight[:, 2 * tones :].sum((1, 2)))
    compare, summary = convolution(layers[12]), convolution(layers[15])
    spread = encoder.reverse_convolution
    for layer in (compare, summary, spread, last):
        layer.weight.mul_(0.3)
    compare.weight[:, : 2 * tones] *= 0.2  # the filtered tones are large
    for bit in range(BITS):
        compare.weight[bit] *= 0.1
        compare.weight[bit, 2 * tones + 2 * bit] -= 0.5
        compare.weight[bit, 2 * tones + 2 * bit + 1] += 0.5
        summary.weight[bit] *= 0.1
        summary.weight[bit, bit] += 1 / 7
        spread.weight[bit, bit] += 1.0
        last.weight[2 + bit, bit] += 1.5
    compare.bias.zero_()
    compare.bias[:BITS] = OFFSET
    summary.bias.copy_(-OFFSET * summary.weight[:, :BITS].sum((1, 2)))


@torch.no_grad()
def start_synthesis(model: nn.Sequential) -> None:
    """Give a decoder the tones: channel k of its 50 Hz stage becomes the amplitude of tone k."""
    # 0 conv, 1 ELU, 2 up x1, 3 residual, 4 ELU, 5 up x32, 6 residual, 7 ELU, 8 up x10, 9 residual, 10 ELU, 11 conv
    for index in (6, 9):
        _quiet(model[index], 0.0)
    convolution(model[2]).weight.mul_(0.1)
    tones, samples, last = (convolution(model[index]) for index in (5, 8, 11))
    tones.weight.zero_()
    pattern = carriers(HOP).repeat(1, 2) * torch.hann_window(2 * HOP)
    tones.weight[: len(TONES), :10] = pattern.reshape(len(TONES), 64, 10).transpose(1, 2)
    tones.bias[:10] = LINEAR
    samples.weight.zero_()
    for phase in range(10):
        samples.weight[phase, 0, phase] = 1.0
    samples.bias[0] = 0.0  # every output sample gets exactly one tap, so LINEAR arrives as it is
    last.weight.zero_()
    last.weight[0, 0, 6] = 1.0  # causal: the newest sample
    last.bias[0] = -LINEAR


def parameters_of(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def silent_blocks(residual_layers: int) -> set[int]:
    """Indices of the encoder's residual blocks above 50 Hz, whose branch stays exactly zero in this recipe."""
    return {*range(1, 1 + residual_layers), *range(residual_layers + 3, 2 * residual_layers + 3)}


def frame_logits(model: AudioSealDetector, audio: Tensor) -> Tensor:
    """Mean of `model.detector(audio)` over every frame: (B, 1, T) to (B, 2 + bits, T / 320), much faster to train."""
    encoder, last = cast(Any, model.detector)
    layers = DETECTOR["n_residual_layers"]
    hidden: Tensor = analysis(encoder.model, audio, layers)
    for layer in encoder.model[2 * layers + 5 :]:
        hidden = layer(hidden)
    spread = encoder.reverse_convolution
    weight = last.weight[:, :, 0] @ spread.weight.mean(-1).T
    bias = last.weight[:, :, 0] @ spread.bias + last.bias
    logits: Tensor = torch.einsum("bcf,jc->bjf", hidden, weight) + bias[:, None]
    return logits


def optimiser(model: nn.Module, rate: float) -> torch.optim.Adam:
    """Adam with a twentieth of `rate` for the large filter kernels, whose taps all move one output together."""
    kernels: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in model.parameters():
        wide = parameter.ndim == 3 and parameter.shape[-1] >= 64
        (kernels if wide else others).append(parameter)
    groups = [{"params": others, "share": 1.0}, {"params": kernels, "share": 0.05}]
    return torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99))


def set_rate(adam: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of this step."""
    for group in adam.param_groups:
        group["lr"] = rate * group["share"]
