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

SPARE = 2.0
"""Standard deviations of unmarked margins that the threshold lies above the highest one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What clips without a mark gave: kind (n,), margin (n,), bit logits (n, bits)."""

    kinds: list[str]
    margins: NDArray[np.float64]
    bits: NDArray[np.float64]

    def counts(self, threshold: float) -> dict[str, dict[str, int]]:
        """Clips and false alarms at `threshold`, by kind."""
        kinds = np.asarray(self.kinds)
        return {
            kind: {
                "clips": int((kinds == kind).sum()),
                "false_alarms": int((self.margins[kinds == kind] > threshold).sum()),
            }
            for kind in dict.fromkeys(self.kinds)
        }


def unmarked(mark: AudioSealMark, held_out: evaluate.HeldOut, *, seed: int, most: int) -> Evidence:
    """Read clips without a mark."""
    kinds: list[str] = []
    margins: list[float] = []
    bits: list[NDArray[np.float32]] = []
    for kind, sound in evaluate.negatives(held_out, seed=seed, most=most):
        windows = mark.windows(sound.astype(np.float32), SAMPLE_RATE)
        if windows.start:  # a clip that is too quiet is inconclusive, never an alarm
            kinds.append(kind)
            margins.append(max(windows.margin))
            bits.append(windows.bits[0])
    return Evidence(kinds, np.asarray(margins), np.asarray(bits, np.float64))


def threshold(evidence: Evidence) -> float:
    """The highest margin without a mark, and `SPARE` standard deviations more."""
    return round(float(evidence.margins.max() + SPARE * evidence.margins.std()), 4)


@torch.no_grad()
def centre(model: AudioSealDetector, lean: NDArray[np.float64]) -> None:
    """Subtract the mean logit that unmarked audio gives every bit from the last bias."""
    last: Any = model.detector[1]
    last.bias[2:] -= torch.from_numpy(lean).to(last.bias.dtype)
