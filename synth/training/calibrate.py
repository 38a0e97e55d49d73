"""Chooses the decision threshold from held-out audio without a mark, and takes the lean out of the bit logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from synth.adapters.audioseal import AudioSealMark
from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.adapters.audioseal_weights import AudioSealDetector
from synth.training import architecture, evaluate, teacher
from synth.watermark import Presence

SPARE = 1.0
"""Standard deviations of the clearness of unmarked clips that the threshold lies above the highest one."""
MARGIN = -3.0
"""Presence margin that a marked window exceeds; what is far below has clear bits and both tones of them: hum."""
STRICT, USUAL_WEAKER, STRICT_OFFSET = 0.33, 0.95, 3.5
"""How much the weaker tones count against the presence margin, their usual size, and what is given back."""
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
def refuse_hum(model: AudioSealDetector) -> None:
    """Let the weaker tone of every bit speak against presence as loudly as hum needs: training alone is too mild.

    Channels as in `architecture.start_detector`, and one more that carries this to the presence logit and to no bit;
    `STRICT_OFFSET` brings marked audio back over 0.
    """
    encoder, last = cast(Any, model.detector)
    summary, spread = architecture.convolution(encoder.model[-1]), encoder.reverse_convolution
    bits = teacher.BITS
    difference, negative, total = torch.arange(3 * bits).reshape(3, bits)
    weaker = bits + 1
    for weight in (summary.weight[weaker], spread.weight[weaker], spread.weight[:, weaker], last.weight[:, weaker]):
        weight.zero_()
    summary.weight[weaker, total] = 0.5 / summary.kernel_size[0]
    summary.weight[weaker, torch.cat([difference, negative])] = -0.5 / summary.kernel_size[0]
    summary.bias[weaker] = -USUAL_WEAKER * bits
    spread.weight[weaker, weaker] = 1.0
    spread.bias[weaker] = 0.0
    last.weight[1, weaker] = -STRICT
    last.bias[1] += STRICT_OFFSET


@torch.no_grad()
def centre(model: AudioSealDetector, lean: NDArray[np.float64]) -> None:
    """Subtract the mean logit that unmarked audio gives every bit from the last bias."""
    last: Any = model.detector[1]
    last.bias[2:] -= torch.from_numpy(lean).to(last.bias.dtype)
