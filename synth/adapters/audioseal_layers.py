"""The convolutions of an AudioSeal model, run at once or piece by piece with their state.

`plan` takes a model apart into plain operations and leaves out what cannot change its output: residual branches whose
last layer is exactly zero, and channels that no later layer reads.  Nothing is approximated.  What it does not know,
for example an LSTM, is kept as it is and cannot be streamed.

audioseal 0.2.0 declares a `streaming()` mode in which no layer keeps state; `start` is ours and does: every causal
convolution keeps the end of its input, every transposed one the overlap of its output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Step = Callable[[Tensor], Tensor]
"""From (B, channels, T) to (B, channels', T')."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with constant padding; `left` + `right` = (kernel - 1) * dilation + 1 - stride."""

    weight: Tensor  # (out, in, kernel)
    bias: Tensor
    stride: int
    dilation: int
    left: int
    right: int

    def __call__(self, x: Tensor) -> Tensor:
        """Run it on a whole signal whose length is a multiple of the stride."""
        return self.bare(functional.pad(x, (self.left, self.right)))

    def bare(self, x: Tensor) -> Tensor:
        """Run it without padding."""
        if self.weight.numel() == self.weight.shape[2] and self.stride == 1:  # one channel: torch has no fast way
            size = x.shape[-1] - (self.weight.shape[2] - 1) * self.dilation
            taps = self.weight[0, 0].tolist()
            parts = [tap * x[..., at * self.dilation :][..., :size] for at, tap in enumerate(taps) if tap]
            return sum(parts, self.bias[:, None])
        return functional.conv1d(x, self.weight, self.bias, stride=self.stride, dilation=self.dilation)


@dataclass(frozen=True, slots=True)
class Transposed:
    """A transposed convolution; `left` and `right` samples of its output are trimmed."""

    weight: Tensor  # (in, out, kernel)
    bias: Tensor
    stride: int
    left: int
    right: int

    def __call__(self, x: Tensor) -> Tensor:
        """Run it on a whole signal."""
        y = self.bare(x) + self.bias[:, None]
        return y[..., self.left : y.shape[-1] - self.right]

    def bare(self, x: Tensor) -> Tensor:
        """Run it without trimming and without its bias."""
        return functional.conv_transpose1d(x, self.weight, stride=self.stride)


@dataclass(frozen=True, slots=True)
class Residual:
    """Adds what its steps make of a signal to the signal."""

    steps: tuple[Step, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Run it on a whole signal."""
        return x + run(self.steps, x)


@dataclass(frozen=True, slots=True)
class Pointwise:
    """A function of every sample alone."""

    function: Step

    def __call__(self, x: Tensor) -> Tensor:
        """Run it on a whole or on a part."""
        return self.function(x)


def run(steps: Iterable[Step], x: Tensor) -> Tensor:
    """Run all steps on a whole signal (B, channels, T)."""
    for step in steps:
        x = step(x)
    return x


def plan(model: Sequence[Any] | nn.Sequential) -> tuple[Step, ...]:
    """Return the steps of a chain of audioseal's layers; running them equals running the layers."""
    return _pruned([step for layer in model if (step := _step(layer)) is not None])


def streams(steps: Iterable[Step]) -> bool:
    """True if every step can be run piece by piece: no step looks ahead, and none is unknown."""
    for step in steps:
        if isinstance(step, Convolution) and step.right:
            return False
        if isinstance(step, Transposed) and step.left:
            return False
        if isinstance(step, Residual) and not streams(step.steps):
            return False
        if not isinstance(step, (Convolution, Transposed, Residual, Pointwise)):
            return False
    return True


def start(steps: Iterable[Step]) -> Step:
    """Return a function with state that runs `steps` on one piece of a signal after the other.

    Pieces (B, channels, n) must be multiples of all strides together; what comes out, joined, equals one run on the
    joined pieces.
    """
    running = [_running(step) for step in steps]
    return lambda piece: run(running, piece)


def _running(step: Step) -> Step:
    if isinstance(step, Convolution):
        return _RunningConvolution(step)
    if isinstance(step, Transposed):
        return _RunningTransposed(step)
    if isinstance(step, Residual):
        inner = start(step.steps)
        return lambda x: x + inner(x)
    return step


class _RunningConvolution:
    def __init__(self, layer: Convolution) -> None:
        self._layer = layer
        self._history = torch.zeros(1, layer.weight.shape[1], layer.left)

    def __call__(self, x: Tensor) -> Tensor:
        joined = torch.cat([self._history, x], -1)
        self._history = joined[..., joined.shape[-1] - self._layer.left :]
        return self._layer.bare(joined)


class _RunningTransposed:
    def __init__(self, layer: Transposed) -> None:
        self._layer = layer
        self._overlap = torch.zeros(1, layer.weight.shape[1], layer.weight.shape[2] - layer.stride)

    def __call__(self, x: Tensor) -> Tensor:
        y = self._layer.bare(x)
        known = self._overlap.shape[-1]
        y[..., :known] += self._overlap
        ready = x.shape[-1] * self._layer.stride
        self._overlap = y[..., ready:].clone()
        return y[..., :ready] + self._layer.bias[:, None]


def _step(layer: Any) -> Step | None:
    """One of audioseal's layers as a step; None for a residual block that adds exactly nothing."""
    name = type(layer).__name__
    if name.endswith("Conv1d") and layer.pad_mode == "constant":
        inner = layer.conv.conv.inner_conv
        total = (inner.kernel_size[0] - 1) * inner.dilation[0] + 1 - inner.stride[0]
        right = 0 if layer.causal else total // 2
        return Convolution(inner.weight, inner.bias, inner.stride[0], inner.dilation[0], total - right, right)
    if name.endswith("ConvTranspose1d"):
        inner = layer.convtr.convtr.inner_conv
        total = inner.kernel_size[0] - inner.stride[0]
        right = -int(-total * layer.trim_right_ratio // 1) if layer.causal else total // 2
        return Transposed(inner.weight, inner.bias, inner.stride[0], total - right, right)
    if name == "SEANetResnetBlock" and isinstance(layer.shortcut, nn.Identity):
        branch = plan(layer.block)
        last = branch[-1]
        if isinstance(last, Convolution) and not last.weight.any() and not last.bias.any():
            return None
        return Residual(branch)
    if isinstance(layer, (nn.ELU, nn.Tanh)):
        return Pointwise(layer)
    step: Step = layer
    return step


def _pruned(steps: list[Step]) -> tuple[Step, ...]:
    """Drop the output channels of every convolution that the next one, past pointwise steps, multiplies by zero."""
    kept = list(steps)
    for place in reversed(range(len(kept))):
        layer = kept[place]
        after = next((n for n in range(place + 1, len(kept)) if not isinstance(kept[n], Pointwise)), None)
        if after is None or not isinstance(layer, (Convolution, Transposed)):
            continue
        reader = kept[after]
        if isinstance(reader, Convolution):
            used = reader.weight.abs().sum((0, 2)) > 0
        elif isinstance(reader, Transposed):
            used = reader.weight.abs().sum((1, 2)) > 0
        else:
            continue
        if bool(used.all()) or not bool(used.any()):
            continue
        kept[place], kept[after] = _only_outputs(layer, used), _only_inputs(reader, used)
    return tuple(kept)


def _only_outputs(layer: Convolution | Transposed, used: Tensor) -> Step:
    if isinstance(layer, Convolution):
        return Convolution(
            layer.weight[used].clone(), layer.bias[used].clone(), layer.stride, layer.dilation, layer.left, layer.right
        )
    return Transposed(layer.weight[:, used].clone(), layer.bias[used].clone(), layer.stride, layer.left, layer.right)


def _only_inputs(layer: Convolution | Transposed, used: Tensor) -> Step:
    if isinstance(layer, Convolution):
        return Convolution(
            layer.weight[:, used].clone(), layer.bias, layer.stride, layer.dilation, layer.left, layer.right
        )
    return Transposed(layer.weight[used].clone(), layer.bias, layer.stride, layer.left, layer.right)
