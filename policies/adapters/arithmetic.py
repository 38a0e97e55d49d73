"""Which arithmetic models use here: bfloat16 where the processor computes it, otherwise float32.

Measured on a processor with AMX, two threads, bfloat16 is twice as fast. Scores then differ in the third decimal, so a
score close to a threshold may fall on the other side on another machine.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def best_arithmetic() -> torch.dtype:
    """Return `torch.bfloat16` if the processor multiplies it in hardware, else `torch.float32`."""
    # PyTorch has no public name for these questions; without an answer the slower arithmetic is always right.
    for question in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        ask = getattr(torch.cpu, question, None)
        if ask is not None and ask():
            return torch.bfloat16
    return torch.float32


def convert_classifier(model: nn.Module, dtype: torch.dtype) -> None:
    """Convert the encoder under a classifier; the classifier itself stays in float32, so that logits are not rounded.

    A model without the usual two parts is left as it is.
    """
    base, head = getattr(model, "base_model", None), getattr(model, "classifier", None)
    if dtype is torch.float32 or base is None or base is model or not isinstance(head, nn.Module):
        return
    base.to(dtype)
    head.float()
    head.register_forward_pre_hook(_as_float)


def _as_float(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.float() for tensor in inputs)
