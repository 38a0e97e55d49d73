"""Loads AudioSeal weights: a card, two safetensors files with the digests it names, and the models they fit."""

from __future__ import annotations

import hashlib
import math
import os
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("NO_TORCH_COMPILE", "1")  # read when audioseal is imported; compiling needs a C++ compiler

from safetensors.torch import load as load_tensors

from synth.adapters.audioseal_contract import Contract, Shaping, Whitening
from synth.adapters.audioseal_decision import Decision
from synth.errors import MarkUnavailableError

with warnings.catch_warnings():
    # audioseal 0.2.0 uses torch.jit.script at import, which torch 2.13 calls deprecated; nothing here depends on it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from audioseal.builder import (
        AudioSealDetectorConfig,
        AudioSealWMConfig,
        DecoderConfig,
        SEANetConfig,
        create_detector,
        create_generator,
    )
    from audioseal.models import AudioSealDetector, AudioSealWM

__all__ = [
    "BUNDLED_WEIGHTS",
    "AudioSealDetector",
    "AudioSealDetectorConfig",
    "AudioSealWM",
    "AudioSealWMConfig",
    "DecoderConfig",
    "SEANetConfig",
    "Weights",
    "create_detector",
    "create_generator",
]
"""Builders and classes are passed on, because importing them elsewhere would skip what this module does before."""

BUNDLED_WEIGHTS: Final = Path(__file__).resolve().parent.parent / "weights" / "audioseal"


@dataclass(frozen=True, slots=True)
class Weights:
    """Both models, ready to run, and what their card says."""

    contract: Contract
    decision: Decision
    generator: Any
    detector: Any
    hop: int
    version: str

    @classmethod
    def load(cls, folder: Path) -> Weights:
        """Read `card.toml` and the two files it names; `MarkUnavailableError` if one is missing or altered."""
        card = _read_card(folder)
        try:
            contract = read_contract(card["contract"])
            generator = create_generator(
                AudioSealWMConfig(
                    nbits=contract.nbits,
                    seanet=SEANetConfig(**card["generator"]["seanet"]),
                    decoder=DecoderConfig(
                        final_activation=card["generator"]["final_activation"] or None,
                        final_activation_params=None,
                        trim_right_ratio=1.0,
                    ),
                )
            )
            detector = create_detector(
                AudioSealDetectorConfig(nbits=contract.nbits, seanet=SEANetConfig(**card["detector"]["seanet"]))
            )
            for model, part in ((generator, "generator"), (detector, "detector")):
                tensors = load_tensors(_verified(folder / card[part]["file"], card[part]["sha256"]))
                model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=True)
                model.eval().requires_grad_(requires_grad=False)
            return cls(
                contract=contract,
                decision=Decision(**card["decision"]),
                generator=generator,
                detector=detector,
                hop=math.prod(card["generator"]["seanet"]["ratios"]),
                version=f"{card['model']['version']}+{card['generator']['sha256'][:16]}",
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise MarkUnavailableError(
                f"The AudioSeal weights in {folder} do not match their card ({type(error).__name__}: {error}). "
                "Restore the directory from the release, or point the setting at a complete one."
            ) from error


def read_contract(table: dict[str, Any]) -> Contract:
    """Return the contract that a card's `[contract]` table describes."""
    parts = {"shaping": Shaping, "whitening": Whitening}
    given = {name: kind(**table[name]) for name, kind in parts.items() if name in table}
    return Contract(**{name: value for name, value in table.items() if name not in parts}, **given)


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise MarkUnavailableError(
            f"No AudioSeal card could be read at {folder / 'card.toml'} ({error}). Nothing may be produced without "
            "the mark: reinstall the package, or configure a directory with card.toml and its two weight files."
        ) from error


def _verified(file: Path, sha256: str) -> bytes:
    """The bytes of `file` if they have the digest of the card; read once, so what is checked is what is loaded."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MarkUnavailableError(
            f"AudioSeal weights {file} cannot be read ({error}). Reinstall the package or fetch the weights again."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise MarkUnavailableError(
            f"AudioSeal weights {file} have SHA-256 {found}, but the card says {sha256}: they are damaged or were "
            "exchanged. Restore both from the same release."
        )
    return data
