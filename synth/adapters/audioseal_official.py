"""Official AudioSeal checkpoints made into what `synth.adapters.audioseal` loads: safetensors and a card.

The published files are pickles. They are read with `weights_only=True`, which admits tensors and, besides them, only
the plain configuration classes listed here, so a file cannot run code. Their layers carry the names and the weight
normalisation of an earlier release; both are undone (weight = g·v/‖v‖ over all axes but the first).

Presence thresholds are the models' own (more likely marked than not), not calibrated on our audio; the card says so.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, ListConfig
from omegaconf.base import ContainerMetadata, Metadata
from omegaconf.nodes import AnyNode
from safetensors.torch import save
from torch import Tensor

from synth.adapters.audioseal_weights import (
    AudioSealDetectorConfig,
    AudioSealWMConfig,
    DecoderConfig,
    SEANetConfig,
    create_detector,
    create_generator,
)
from synth.errors import MarkUnavailableError

BITS = 16
# Sizes of the published 16-bit models, from the cards in the package `audioseal`; normalisation is folded away here.
SEANET: dict[str, Any] = {
    "activation": "ELU",
    "activation_params": {"alpha": 1.0},
    "causal": False,
    "channels": 1,
    "compress": 2,
    "dilation_base": 2,
    "dimension": 128,
    "disable_norm_outer_blocks": 0,
    "kernel_size": 7,
    "last_kernel_size": 7,
    "lstm": 2,
    "n_filters": 32,
    "n_residual_layers": 1,
    "norm": "none",
    "norm_params": {},
    "pad_mode": "constant",
    "ratios": [8, 5, 4, 2],
    "residual_kernel_size": 3,
    "true_skip": True,
}
# What a checkpoint may hold besides tensors: the training configuration, as OmegaConf pickles it.
CONFIGURATION_TYPES: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    DictConfig,
    ListConfig,
    ContainerMetadata,
    Metadata,
    AnyNode,
    defaultdict,
    dict,
    list,
    int,
    (Any, "typing.Any"),  # a marker that OmegaConf stores
]
_CARD = """[model]
name = "audioseal-16 (official)"
version = "official"
library = "audioseal 0.2.0 (MIT)"
licence = "MIT"
sample_rate = 16000
hop = 320

[contract]
envelope = false
envelope_samples = 400
envelope_floor = 0.0
block_rms = 0.1
gain = 1.0
nbits = {bits}

# The models' own decision, more likely marked than not; not calibrated on the audio of this installation.
[decision]
window_seconds = 2.0
hop_seconds = 1.0
quietest_rms = 0.001
window_threshold = 0.0
run = 2
bit_threshold = 0.0
"""


def convert_official(*, generator: Path, detector: Path, out: Path) -> Path:
    """Write `generator.safetensors`, `detector.safetensors` and `card.toml` into `out`, and return it.

    The two files must have been checked against their pinned SHA-256 before. Raises `MarkUnavailableError` when one is
    not an AudioSeal checkpoint of the published size.
    """
    sizes = SEANetConfig(**SEANET)
    decoder = DecoderConfig(final_activation=None, final_activation_params=None, trim_right_ratio=1.0)
    models = {
        "generator": (generator, create_generator(AudioSealWMConfig(nbits=BITS, seanet=sizes, decoder=decoder))),
        "detector": (detector, create_detector(AudioSealDetectorConfig(nbits=BITS, seanet=sizes))),
    }
    card = [_CARD.format(bits=BITS)]
    out.mkdir(parents=True, exist_ok=True)
    for part, (file, model) in models.items():
        state = fold(_read(file))
        try:
            model.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise MarkUnavailableError(f"{file} is not an AudioSeal {part} of the published size: {error}") from error
        content = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
        (out / f"{part}.safetensors").write_bytes(content)
        card.append(f'[{part}]\nfile = "{part}.safetensors"\nsha256 = "{hashlib.sha256(content).hexdigest()}"')
        card.append('final_activation = ""\n' if part == "generator" else "")
        card.append(f"[{part}.seanet]\n{_toml(SEANET)}\n")
    (out / "card.toml").write_text("\n".join(card), encoding="utf-8")
    return out


def fold(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under the names of audioseal 0.2, with weight normalisation multiplied out."""
    folded: dict[str, Tensor] = {}
    for name, tensor in state.items():
        direction = re.fullmatch(r"(.*)\.(?:weight_v|parametrizations\.weight\.original1)", name)
        if direction:
            base = direction.group(1)
            gain = state.get(f"{base}.weight_g", state.get(f"{base}.parametrizations.weight.original0"))
            if gain is None:
                raise MarkUnavailableError(f"the checkpoint holds {name} without its gain; fetch the file again")
            length = tensor.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.dim() - 1))
            folded[_renamed(f"{base}.weight")] = gain * tensor / length
        elif not re.search(r"\.(weight_g|parametrizations\.weight\.original0)$", name):
            folded[_renamed(name)] = tensor
    return folded


def _renamed(name: str) -> str:
    if ".inner_conv" in name:
        return name
    return re.sub(r"\.(conv|convtr)\.\1\.(weight|bias)$", r".\1.\1.inner_conv.\2", name)


def _read(file: Path) -> dict[str, Tensor]:
    try:
        with torch.serialization.safe_globals(CONFIGURATION_TYPES):
            loaded: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise MarkUnavailableError(
            f"{file} cannot be read as tensors and configuration alone ({type(error).__name__}); fetch it again"
        ) from error
    if isinstance(loaded, dict) and "best_state" in loaded:
        loaded = loaded["best_state"]
    if isinstance(loaded, dict) and "model" in loaded:
        loaded = loaded["model"]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise MarkUnavailableError(f"{file} does not hold a model's weights; fetch it again")
    return {str(name): value for name, value in loaded.items()}


def _toml(table: Mapping[str, Any]) -> str:
    """Write a flat table of numbers, strings, booleans, lists and one-level tables as TOML."""

    def value(item: Any) -> str:
        if isinstance(item, bool):
            return "true" if item else "false"
        if isinstance(item, str):
            return f'"{item}"'
        if isinstance(item, dict):
            return "{" + ", ".join(f"{name} = {value(inner)}" for name, inner in item.items()) + "}"
        return str(item)

    return "\n".join(f"{name} = {value(item)}" for name, item in table.items())
