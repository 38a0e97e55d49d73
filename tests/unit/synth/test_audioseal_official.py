"""Checkpoints in the published layout become weights that speak exactly as the model in the checkpoint does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from synth.adapters.audioseal import AudioSealMark
from synth.adapters.audioseal_official import BITS, SEANET, convert_official
from synth.adapters.audioseal_weights import (
    AudioSealDetectorConfig,
    AudioSealWMConfig,
    DecoderConfig,
    SEANetConfig,
    create_detector,
    create_generator,
)
from synth.errors import MarkUnavailableError
from synth.watermark import Payload

RATE = 16_000


def published(model: torch.nn.Module, *, old: bool) -> dict[str, torch.Tensor]:
    """The model's weights as the authors publish them: earlier names, weight normalisation apart."""
    state: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        earlier = name.replace(".inner_conv", "")
        if ".inner_conv" in name and name.endswith(".weight"):
            length = tensor.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.dim() - 1))
            gain, direction = (
                ("weight_g", "weight_v")
                if old
                else (
                    "parametrizations.weight.original0",
                    "parametrizations.weight.original1",
                )
            )
            base = earlier.removesuffix("weight")
            state[base + gain] = length
            state[base + direction] = tensor * 3.0  # only its direction counts
        else:
            state[earlier] = tensor
    return state


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    torch.manual_seed(5)
    sizes = SEANetConfig(**SEANET)
    decoder = DecoderConfig(final_activation=None, final_activation_params=None, trim_right_ratio=1.0)
    generator = create_generator(AudioSealWMConfig(nbits=BITS, seanet=sizes, decoder=decoder)).eval()
    return generator, create_detector(AudioSealDetectorConfig(nbits=BITS, seanet=sizes)).eval()


@pytest.mark.parametrize("old", [True, False], ids=["weight_g", "parametrizations"])
def test_a_converted_checkpoint_marks_like_the_original(models: tuple[Any, Any], tmp_path: Path, old: bool) -> None:
    generator, detector = models
    settings = OmegaConf.create({"solver": "watermark", "nested": {"ratios": [8, 5, 4, 2]}})
    torch.save({"xp.cfg": settings, "best_state": {"model": published(generator, old=old)}}, tmp_path / "g.pth")
    torch.save({"model": published(detector, old=old)}, tmp_path / "d.pth")
    out = convert_official(generator=tmp_path / "g.pth", detector=tmp_path / "d.pth", out=tmp_path / "official")
    mark = AudioSealMark(weights=out)
    assert mark.message_bits == BITS

    sound = (0.1 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)
    payload = Payload("ep_test")
    number = payload.message(BITS)
    message = torch.tensor([[number >> place & 1 for place in reversed(range(BITS))]])
    with torch.inference_mode():
        added = generator.get_watermark(torch.from_numpy(sound)[None, None], message=message)[0, 0].numpy()
    np.testing.assert_allclose(mark.embed(sound, RATE, payload) - sound, added, atol=1e-5)


class Malice:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch /tmp/assay-was-here",)


def test_a_checkpoint_that_would_run_code_is_refused(models: tuple[Any, Any], tmp_path: Path) -> None:
    torch.save({"model": published(models[0], old=True), "extra": Malice()}, tmp_path / "g.pth")
    torch.save({"model": published(models[1], old=True)}, tmp_path / "d.pth")
    with pytest.raises(MarkUnavailableError, match="fetch it again"):
        convert_official(generator=tmp_path / "g.pth", detector=tmp_path / "d.pth", out=tmp_path / "official")
    assert not Path("/tmp/assay-was-here").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("g.pth", "d.pth"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MarkUnavailableError):
        convert_official(generator=tmp_path / "g.pth", detector=tmp_path / "d.pth", out=tmp_path / "official")


def test_a_detector_in_place_of_the_generator_is_refused(models: tuple[Any, Any], tmp_path: Path) -> None:
    torch.save({"model": published(models[1], old=True)}, tmp_path / "d.pth")
    with pytest.raises(MarkUnavailableError, match="is not an AudioSeal generator"):
        convert_official(generator=tmp_path / "d.pth", detector=tmp_path / "d.pth", out=tmp_path / "official")
