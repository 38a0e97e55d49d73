"""The last stage: calibrate, measure and write the weights with their card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from synth.adapters.audioseal import AudioSealMark
from synth.training import architecture, calibrate, evaluate, export, voices

PUBLISHED = ("mp3_128", "mp3_64", "aac_64")
"""Measured with all trials: the published file, and a re-encoding of it at half the rate."""

OPEN: dict[str, float | int] = {
    "window_seconds": export.WINDOW_SECONDS,
    "hop_seconds": export.HOP_SECONDS,
    "quietest_rms": 1e-3,
    "window_threshold": -1e9,
    "run": 2,
    "bit_threshold": 0.0,
}
"""A decision that lets everything through, to collect evidence."""


def training_facts(out: Path) -> dict[str, Any]:
    """What the weights were made from."""
    steps = {part: int(torch.load(out / f"{part}.pt", weights_only=True)["step"]) for part in ("generator", "detector")}
    return {
        "from": "a fixed filter bank and random numbers; no other weights",
        "speech": "synthetic, hibari-tts 0.2.1 voice heart (Apache-2.0) and voices derived from it; nobody's recording",
        "voices": [f"pitch {pitch} formant {formant}" for pitch, formant in voices.TRAINING_VOICES],
        "held_out": [f"pitch {pitch} formant {formant}" for pitch, formant in voices.HELD_OUT_VOICES],
        "held_out_note": "all held-out sentences are new; of the voices only the first is",
        "text": "English claims, used only as something to say",
        "negatives": "unmarked speech, noise, synthetic chords",
        "seeds": {"data": 11, "generator": 2, "detector": 1},
        "generator_steps": steps["generator"],
        "detector_steps": steps["detector"],
        "batch": 16,
        "clip_seconds": 3.2,
        "parameters": {
            "generator": architecture.parameters_of(architecture.build_generator()),
            "detector": architecture.parameters_of(architecture.build_detector()),
        },
    }


def write(
    out: Path, target: Path, *, gain: float, version: str, trials: int, say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Write weights and card to `target`; returns what was measured."""
    facts = training_facts(out)
    speech = evaluate.load_speech(out / "speech24.npz")
    half = [voice[: voice.size // 2] for voice in speech]  # thresholds from one half, measurements from the other
    rest = [voice[voice.size // 2 :] for voice in speech]
    model = architecture.build_detector()
    model.load_state_dict(torch.load(out / "detector.pt", weights_only=True)["model"])

    def place(decision: dict[str, float | int], measured: dict[str, dict[str, Any]]) -> AudioSealMark:
        export.export(
            out, target, gain=gain, version=version, decision=decision, training=facts, measured=measured,
            detector=model,
        )  # fmt: skip
        return evaluate.QuickMark(weights=target)

    lean = calibrate.unmarked(place(OPEN, {}), half, files=max(4, trials // 40), seed=1)
    calibrate.centre(model, lean.bits.mean(0))
    evidence = calibrate.unmarked(place(OPEN, {}), half, files=max(8, trials // 6), seed=2)
    decision = OPEN | calibrate.thresholds(evidence)
    say(f"decision {decision} from {len(evidence.margins)} unmarked windows")
    mark = place(decision, {})
    measured: dict[str, dict[str, Any]] = {
        "calibration": {"unmarked_windows": len(evidence.margins)},
        "mark_level": evaluate.quality(mark, rest, trials=12),
    }
    say(str(measured))
    few = max(9, trials // 8)
    others = tuple(name for name in evaluate.EDITS if name not in PUBLISHED)
    for names, number in ((PUBLISHED, trials), (others, few)):
        evaluate.copies(mark, rest, out / "copies", trials=number, seconds=16.0, edits=names)
        for name, table in evaluate.measure(mark, out / "copies", trials=number, edits=names).items():
            measured[f"{name}_16_seconds"] = table
            say(f"{name} {table}")
        place(decision, measured)
    measured["clean_5_seconds"] = evaluate.clean_clips(mark, rest, trials=max(9, trials // 3))
    measured["false_alarms_15_seconds"] = dict(evaluate.false_alarms(mark, rest, trials=max(9, trials // 8)))
    say(str(measured))
    place(decision, measured)
    return measured
