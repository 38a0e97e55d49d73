"""The last stage: calibrate, measure and write the weights with their card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from synth.adapters.audioseal import AudioSealMark
from synth.training import architecture, calibrate, evaluate, export, recordings, voices

OPEN: dict[str, float | int] = {
    "window_seconds": export.WINDOW_SECONDS,
    "hop_seconds": export.HOP_SECONDS,
    "quietest_rms": 1e-3,
    "window_threshold": -1e9,
    "run": 2,
    "bit_threshold": -1.0,
}
"""A decision that lets everything through, to collect evidence."""
PROGRAMME_SECONDS = 12.0


def training_facts(out: Path) -> dict[str, Any]:
    """What the weights were made from."""
    steps = {part: int(torch.load(out / f"{part}.pt", weights_only=True)["step"]) for part in ("generator", "detector")}
    real = {split: [s for s in recordings.SOURCES if s.split == split] for split in ("train", "held_out")}
    return {
        "from": "a constructed filter bank, receiver and synthesiser, and random numbers; no other weights",
        "synthetic_speech": "hibari-tts 0.2.1 voice heart (Apache-2.0) and voices derived from it",
        "voices": [f"pitch {pitch} formant {formant}" for pitch, formant in voices.TRAINING_VOICES],
        "text": "English claims (CREAK, MIT), used only as something to say",
        "recordings": [f"{s.package}: {s.kind}, {s.credit}, {s.licence}" for s in real["train"]],
        "held_out_recordings": [f"{s.package}: {s.kind}, {s.credit}, {s.licence}" for s in real["held_out"]],
        "held_out_voices": [f"pitch {pitch} formant {formant}" for pitch, formant in voices.HELD_OUT_VOICES],
        "held_out_note": "the real speakers, the music and all sentences are new; of the voices the first is",
        "seeds": {"data": 11, "generator": 2, "detector": 1},
        "generator_steps": steps["generator"],
        "detector_steps": steps["detector"],
        "batch": 16,
        "clip_seconds": 4.8,
        "parameters": {
            "generator": architecture.parameters_of(architecture.build_generator()),
            "detector": architecture.parameters_of(architecture.build_detector()),
        },
    }


def write(
    out: Path,
    folder: Path,
    target: Path,
    *,
    gain: float,
    version: str,
    trials: int,
    say: Callable[[str], None],
    programmes: int = 220,
) -> dict[str, Any]:
    """Write weights and card to `target`; returns what was measured.

    Thresholds come from one half of the held-out audio, everything measured from the other.
    """
    facts = training_facts(out)
    held_out = evaluate.HeldOut.load(out / "speech24.npz", folder)
    model = architecture.build_detector()
    model.load_state_dict(torch.load(out / "detector.pt", weights_only=True, map_location="cpu")["model"])

    calibrate.refuse_hum(model)

    def place(decision: dict[str, float | int], measured: dict[str, Any]) -> AudioSealMark:
        export.export(
            out, target, gain=gain, version=version, decision=decision, training=facts, measured=measured,
            detector=model,
        )  # fmt: skip
        return AudioSealMark(weights=target)

    lean = calibrate.unmarked(place(OPEN, {}), held_out.half(0), seed=2, most=2 * trials)
    calibrate.centre(model, lean.bits.mean(0))
    evidence = calibrate.unmarked(place(OPEN, {}), held_out.half(0), seed=1, most=4 * trials)
    decision = OPEN | {"window_threshold": calibrate.MARGIN, "bit_threshold": calibrate.threshold(evidence)}
    mark = place(decision, {})
    measured: dict[str, Any] = {
        "calibration": {
            "unmarked_clips": len(evidence.usual()),
            "clearness_mean": round(float(evidence.usual().mean()), 3),
            "clearness_sd": round(float(evidence.usual().std()), 3),
            "clearness_max": round(float(evidence.usual().max()), 3),
        }
    }
    say(f"decision {decision}, {measured}")
    rest = held_out.half(1)
    for kind, tracks in rest.speech().items():
        measured[f"quality.{kind}"] = evaluate.quality(mark, tracks, trials=trials, seed=80)
        say(f"quality {kind} {measured[f'quality.{kind}']}")
    place(decision, measured)
    for kind, tracks in rest.speech().items():
        tables = evaluate.summary(evaluate.attacked(mark, tracks, trials=trials, seed=82))
        for name, table in tables.items():
            measured[f"clips_5s.{kind}.{name}"] = table
            say(f"{kind} {name} {table}")
        place(decision, measured)
    measured["mp3_64_programmes_12s"] = evaluate.published(
        mark, rest, trials=programmes, seconds=PROGRAMME_SECONDS
    ).table()
    say(str(measured["mp3_64_programmes_12s"]))
    place(decision, measured)
    alarms = calibrate.unmarked(mark, rest, seed=3, most=12 * trials)
    counts = alarms.counts()
    measured |= {f"false_alarms_5s.{kind}": count for kind, count in counts.items()}
    measured["false_alarms_5s"] = {
        "clips": len(alarms.usual()),
        "false_alarms": sum(int(row["false_alarms"]) for kind, row in counts.items() if kind not in calibrate.EXTREME),
        "clearness_max": round(float(alarms.usual().max()), 3),
        "not_counted_here": list(calibrate.EXTREME),
    }
    say(str({name: value for name, value in measured.items() if "false" in name}))
    place(decision, measured)
    return measured
