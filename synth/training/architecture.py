"""Sizes of our AudioSeal models, and a first state that already hears (or plays) the teacher's tones.

Training from a random state leaves the bits at chance for very long.  Both models therefore start with a filter bank
in two of their strided convolutions: a delta that hands every sample through, 10 polyphase samples, then a windowed
sine and cosine per tone.  Everything stays trainable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.adapters.audioseal_weights import (
    AudioSealDetector,
    AudioSealDetectorConfig,
    AudioSealWM,
    AudioSealWMConfig,
    DecoderConfig,
    SEANetConfig,
    create_detector,
    create_generator,
)
from synth.training.teacher import BITS, HOP, LEVEL, TONES, carriers

_COMMON: dict[str, Any] = {
    "channels": 1, "activation": "ELU", "activation_params": {"alpha": 1.0}, "norm": "none", "norm_params": {},
    "kernel_size": 7, "last_kernel_size": 7, "pad_mode": "constant", "true_skip": True, "disable_norm_outer_blocks": 0,
    "dimension": 64, "ratios": [1, 32, 10], "compress": 1, "lstm": 0,
}  # fmt: skip
GENERATOR: dict[str, Any] = _COMMON | {
    "n_filters": 8, "n_residual_layers": 1, "residual_kernel_size": 5, "dilation_base": 2, "causal": True,
}  # fmt: skip
DETECTOR: dict[str, Any] = _COMMON | {
    "n_filters": 32, "n_residual_layers": 2, "residual_kernel_size": 15, "dilation_base": 15, "causal": False,
}  # fmt: skip
LINEAR = 4.0
"""Bias that keeps a signal in the linear part of the ELU."""
WEAKER = 1.0
PHASES = 10
FROZEN = re.compile(r"detector\.0\.model\.[0-8]\.")
"""The detector's layers up to the filter bank, which stay as they are constructed."""
AVERAGING = re.compile(r"detector\.0\.model\.(9|10)\.")
"""The detector's residual blocks at 50 Hz."""
SMALL = 0.02
"""Standard deviation of the filtered tones: around 0 a small signal passes an ELU unchanged, and so does padding."""


def build_generator() -> AudioSealWM:
    """A generator of our size, random state."""
    decoder = DecoderConfig(final_activation=None, final_activation_params=None, trim_right_ratio=1.0)
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


def filter_bank(tones: Sequence[int] = TONES) -> Tensor:
    """Windowed cosines, then sines, of the tones, (2 * tones, 640), unit gain for white noise."""
    window = torch.hann_window(2 * HOP)
    time = torch.arange(2 * HOP) / SAMPLE_RATE
    angle = 2 * math.pi * torch.tensor(tones)[:, None] * time
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
    """Give a detector a receiver that adds every tone up in phase over 4.5 s and compares the two tones of a bit.

    128 channels at 50 Hz: cosines, sines and their negatives.  The two residual blocks average over 15 frames and over
    15 times 15.  ELU(x) + ELU(-x) is a soft magnitude of what comes out.  The next layer takes, for every bit, the
    difference of its two tones with either sign, and their sum.  Presence is the magnitude of the difference less
    `WEAKER` times the weaker tone: hum plays both.  What else sets music apart is learnt.
    """
    encoder, last = cast(Any, model.detector)
    layers = encoder.model
    tones = len(TONES)
    bank = filter_bank()
    filters = torch.cat([bank, -bank])
    start_analysis(layers, sample, DETECTOR["n_residual_layers"], filters, slope=SMALL, offset=0.0)
    for index, gain in ((9, 15.0), (10, 25.0)):
        average, write = convolution(layers[index].block[1]), convolution(layers[index].block[3])
        for layer in (average, write):
            layer.weight.mul_(0.02)
            layer.bias.zero_()
        for channel in range(4 * tones):
            average.weight[channel, channel] += 1 / average.kernel_size[0]
            write.weight[channel, channel, 0] += gain
    compare, summary = convolution(layers[12]), convolution(layers[-1])
    spread = encoder.reverse_convolution
    for layer in (compare, summary, spread, last):
        layer.weight.mul_(0.1)
        layer.bias.zero_()
    difference, negative, total = torch.arange(3 * BITS).reshape(3, BITS)
    bits = torch.arange(BITS)
    for tone, sign in ((2 * bits, -1.0), (2 * bits + 1, 1.0)):
        for part in range(4):
            heard = tone + part * tones
            for channels, weight in ((difference, sign), (negative, -sign), (total, 1.0)):
                compare.weight[channels, heard] += weight
    summary.weight[bits, difference] += 1 / 7
    summary.weight[bits, negative] -= 1 / 7
    for channels, weight in (
        (difference, 1 + WEAKER / 2), (negative, 1 + WEAKER / 2), (total, -WEAKER / 2)
    ):  # fmt: skip
        summary.weight[BITS, channels] += weight / 7
    spread.weight[range(BITS + 1), range(BITS + 1)] += 1.0
    last.weight[2 + bits, bits] += 1.0
    last.weight[:2, BITS, 0] += torch.tensor([-0.1, 0.1])


@torch.no_grad()
def start_generator(model: AudioSealWM, sample: Tensor) -> None:
    """Give a generator a bank of 16 filters that hears the speech, and a decoder that plays the tones of the message.

    Entry 2 * bit + value of the message embedding sets channel 2 * bit + value, which the decoder hands on as the
    amplitude of that tone.
    """
    parts: Any = model
    layers = GENERATOR["n_residual_layers"]
    start_analysis(parts.encoder.model, sample, layers, filter_bank(TONES[::2]), slope=1.0, offset=3.0)
    convolution(parts.encoder.model[-1]).weight.mul_(0.1)
    table = parts.msg_processor.msg_processor.weight
    table.mul_(0.01)
    tones = len(TONES)
    table[:, :tones] += LEVEL * torch.eye(tones)
    # 0 conv, 1 ELU, 2 up x1, 3 residual, 4 ELU, 5 up x32, 6 residual, 7 ELU, 8 up x10, 9 residual, 10 ELU, 11 conv
    decoder = parts.decoder.model
    hand, pair = convolution(decoder[0]), convolution(decoder[2])
    for layer in (hand, pair):
        layer.weight.mul_(0.1)
        layer.bias.zero_()
    hand.weight[range(tones), range(tones), -1] += 1.0
    pair.weight[range(tones), range(tones), 0] += 1.0
    _quiet(decoder[3], 0.1)
    for index in (6, 9):
        _quiet(decoder[index], 0.0)
    play, samples, last = (convolution(decoder[index]) for index in (5, 8, 11))
    play.weight.zero_()
    pattern = carriers(HOP).repeat(1, 2) * torch.hann_window(2 * HOP)
    play.weight[:tones, :PHASES] = pattern.reshape(tones, 64, PHASES).transpose(1, 2)
    play.bias[:PHASES] = LINEAR + 2
    samples.weight.zero_()
    for phase in range(PHASES):
        samples.weight[phase, 0, phase] = 1.0
    samples.bias[0] = 0.0  # every output sample gets exactly one tap, so the bias arrives as it is
    last.weight.zero_()
    last.weight[0, 0, 6] = 1.0  # causal: the newest sample
    last.bias[0] = -(LINEAR + 2)


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
    """Adam with a share of `rate` for each part: none for the filter bank, little for what works on small signals.

    The bank's taps and the averaging layers' biases are so small that Adam's equal steps would drown them.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not FROZEN.match(name))
        if parameter.requires_grad:
            groups.setdefault(0.02 if AVERAGING.match(name) else 1.0, []).append(parameter)
    return torch.optim.Adam(
        [{"params": members, "share": share} for share, members in groups.items()], lr=rate, betas=(0.9, 0.99)
    )


def set_rate(adam: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of this step."""
    for group in adam.param_groups:
        group["lr"] = rate * group["share"]
