"""Chooses the decision threshold from held-out audio without a mark, and takes the lean out of the bit logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from audioseal.models import AudioSealDetector
from numpy.typing import NDArray

from synth.adapters.audioseal import AudioSealMark
from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.training import evaluate
from synth.watermark import Presence

SPARE = 1.0
"""Standard deviations of the clearness of unmarked clips that the threshold lies above the highest one."""
MARGIN = 0.0
"""Presence margin that a marked window exceeds: more likely marked than not."""
EXTREME = ("human_with_hum",)
"""Kinds that are counted, but are not let set the threshold: strong hum holds the mark's very frequencies."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What clips without a mark gave: kind (n,), detected (n,), clearness (n,), bit logits (n, bits)."""

    kinds: NDArray[np.str_]
    detected: NDArray[np.bool_]
    clear: NDArray[np.float64]
    bits: NDArray[np.float64]

    def counts(self) -> dict[str, dict[str, float | int]]:
        """Clips, false alarms and the highest clearness, by kind."""
        return {
            str(kind): {
                "clips": int((self.kinds == kind).sum()),
                "false_alarms": int(self.detected[self.kinds == kind].sum()),
                "clearness_max": round(float(self.clear[self.kinds == kind].max()), 3),
            }
            for kind in dict.fromkeys(self.kinds)
        }

    def usual(self) -> NDArray[np.float64]:
        """Clearness of all kinds but the extreme ones."""
        return self.clear[~np.isin(self.kinds, EXTREME)]


def unmarked(mark: AudioSealMark, held_out: evaluate.HeldOut, *, seed: int, most: int) -> Evidence:
    """Read clips without a mark."""
    kinds: list[str] = []
    detected: list[bool] = []
    clear: list[float] = []
    bits: list[NDArray[np.float32]] = []
    for kind, sound in evaluate.negatives(held_out, seed=seed, most=most):
        windows = mark.windows(sound.astype(np.float32), SAMPLE_RATE)
        if windows.start:  # a clip that is too quiet is inconclusive, never an alarm
            kinds.append(kind)
            detection = mark.judge(windows)
            detected.append(detection.presence is Presence.DETECTED)
            clear.append(detection.score)
            bits.append(windows.bits[0])
    return Evidence(np.asarray(kinds), np.asarray(detected), np.asarray(clear), np.asarray(bits, np.float64))


def threshold(evidence: Evidence) -> float:
    """The highest clearness without a mark, and `SPARE` standard deviations more."""
    return round(float(evidence.usual().max() + SPARE * evidence.usual().std()), 4)


@torch.no_grad()
def centre(model: AudioSealDetector, lean: NDArray[np.float64]) -> None:
    """Subtract the mean logit that unmarked audio gives every bit from the last bias."""
    last: Any = model.detector[1]
    last.bias[2:] -= torch.from_numpy(lean).to(last.bias.dtype)
