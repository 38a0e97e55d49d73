"""Writes the trained state as `generator.safetensors`, `detector.safetensors` and `card.toml`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from audioseal.models import AudioSealDetector
from safetensors.torch import save as save_tensors

from synth.training import architecture, generator, teacher

WINDOW_SECONDS = 2.5
HOP_SECONDS = 1.25
LIMITS = {
    "speech": "one synthetic voice and voices derived from it, English; real voices and other engines not measured",
    "not_measured": "music under speech, reverberation, re-recording, denoising, neural codecs, listening test",
    "known_to_fail": "changes of speed or pitch",
    "false_alarms": "speech cut off sharply at exactly 500 Hz, the lowest tone, can be taken for marked",
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
    """Write the generator of `out` and `detector` to `target` with a card; `gain` is that of training."""
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
    tables: dict[str, Mapping[str, Any]] = {
        "model": {
            "name": "assay-audioseal-8",
            "version": version,
            "library": "audioseal 0.2.0 (MIT)",
            "licence": "Apache-2.0",
            "sample_rate": teacher.SAMPLE_RATE,
            "hop": teacher.HOP,
        },
        "contract": {
            "envelope": True,
            "envelope_samples": teacher.ENVELOPE_SAMPLES,
            "envelope_floor": teacher.ENVELOPE_FLOOR,
            "block_rms": teacher.BLOCK_RMS,
            "gain": round(gain / generator.LEVEL, 6),
            "nbits": teacher.BITS,
        },
        "decision": decision,
        "generator": {"file": "generator.safetensors", "sha256": digests["generator"], "final_activation": "Tanh"},
        "generator.seanet": architecture.GENERATOR,
        "detector": {"file": "detector.safetensors", "sha256": digests["detector"]},
        "detector.seanet": architecture.DETECTOR,
        "training": training,
        "limits": LIMITS,
    }
    for name, table in measured.items():
        tables[f"measured.{name}"] = table
    (target / "card.toml").write_text(toml(tables), encoding="utf-8")
