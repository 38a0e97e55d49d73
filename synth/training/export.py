"""Writes the trained state as `generator.safetensors`, `detector.safetensors` and `card.toml`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from synth.adapters.audioseal_contract import SAMPLE_RATE, Shaping, Whitening
from synth.adapters.audioseal_weights import AudioSealDetector
from synth.training import architecture, teacher

WINDOW_SECONDS = 4.8
HOP_SECONDS = 2.4
LIMITS = {
    "known_to_fail": "changes of speed or pitch, and of the clock by more than about 100 parts in a million",
    "hides_badly": "steady tones at known frequencies: an expert can find them, filter them out, or write them",
    "not_measured": "re-recording over the air, neural codecs, neural denoising, listening test, adaptive attackers",
    "speakers": "five real speakers, three of them held out, in five languages; one text-to-speech engine",
    "reproduction": "trained in several runs while the recipe settled; the recipe repeats the method, not the bytes",
}
"""What the numbers do not say; copied into every card."""


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Flat TOML text of tables whose values are numbers, strings, booleans, lists or flat dictionaries."""
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _fields(part: Shaping | Whitening | None) -> dict[str, float]:
    """The numbers of a part of the contract."""
    assert part is not None
    return {name: getattr(part, name) for name in part.__dataclass_fields__ if not name.startswith("_")}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)


def export(
    out: Path,
    target: Path,
    *,
    gain: float,
    version: str,
    decision: Mapping[str, float],
    training: Mapping[str, Any],
    measured: Mapping[str, Mapping[str, Any]],
    detector: AudioSealDetector,
) -> None:
    """Write the generator of `out` and `detector` to `target` with a card; `gain` as in `teacher.GAIN`."""
    target.mkdir(parents=True, exist_ok=True)
    digests = {}
    states = {
        "generator": torch.load(out / "generator.pt", weights_only=True)["model"],
        "detector": detector.state_dict(),
    }
    for part, state in states.items():
        data = save_tensors({name: tensor.float().contiguous() for name, tensor in state.items()})
        (target / f"{part}.safetensors").write_bytes(data)
        digests[part] = hashlib.sha256(data).hexdigest()
    contract = teacher.contract(gain)
    tables: dict[str, Mapping[str, Any]] = {
        "model": {
            "name": f"assay-audioseal-{teacher.BITS}",
            "version": version,
            "library": "audioseal 0.2.0 (MIT)",
            "licence": "Apache-2.0",
            "sample_rate": SAMPLE_RATE,
            "hop": teacher.HOP,
        },
        "contract": {
            "envelope": contract.envelope,
            "envelope_samples": contract.envelope_samples,
            "envelope_floor": contract.envelope_floor,
            "block_rms": contract.block_rms,
            "gain": round(contract.gain, 6),
            "nbits": contract.nbits,
            "shaping": _fields(contract.shaping),
            "whitening": _fields(contract.whitening),
        },
        "decision": decision,
        "generator": {"file": "generator.safetensors", "sha256": digests["generator"], "final_activation": ""},
        "generator.seanet": architecture.GENERATOR,
        "detector": {"file": "detector.safetensors", "sha256": digests["detector"]},
        "detector.seanet": architecture.DETECTOR,
        "training": training,
        "limits": LIMITS,
    }
    for name, table in measured.items():
        tables[f"measured.{name}"] = table
    (target / "card.toml").write_text(toml(tables), encoding="utf-8")
