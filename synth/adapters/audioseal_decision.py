"""From the detector's frame logits to a detection: pure arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.watermark import Detection, Presence

FRAMES_PER_SECOND = 50
"""Rate of the detector's frames: 16 kHz / 320."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Calibrated on held-out audio without a mark; see the card for counts."""

    window_seconds: float
    hop_seconds: float
    quietest_rms: float  # windows below this level are not judged
    window_threshold: float  # presence margin that a marked window exceeds
    run: int  # marked windows in a row that count, or all there are; a single one may be chance
    bit_threshold: float  # clearness that a marked window exceeds


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that are not quiet: start in seconds, presence margin, mean logit of every bit (MSB first)."""

    start: list[float]
    margin: list[float]
    bits: list[NDArray[np.float32]]


def clearness(bits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower quartile of the sizes of bit logits (..., bits): how clear the unclear bits of a window are.

    Music and hum make some bits very clear, a mark makes all of them fairly clear.
    """
    quartile: NDArray[np.float32] = np.quantile(np.abs(bits), 0.25, axis=-1)
    return quartile


def windows(logits: NDArray[np.float32], power: NDArray[np.float32], rule: Decision) -> Windows:
    """Average frame `logits` (F, 2 + bits) over windows; `power` (F,) is the mean square of each frame."""
    size, hop = (round(seconds * FRAMES_PER_SECOND) for seconds in (rule.window_seconds, rule.hop_seconds))
    found = Windows([], [], [])
    for first in range(0, len(power) - size + 1, hop):
        part = slice(first, first + size)
        if np.sqrt(power[part].mean()) < rule.quietest_rms:
            continue
        mean = logits[part].mean(axis=0)
        found.start.append(first / FRAMES_PER_SECOND)
        found.margin.append(float(mean[1] - mean[0]))
        found.bits.append(mean[2:])
    return found


def judge(found: Windows, rule: Decision, *, layer: str, message_bits: int) -> Detection:
    """Decide from the windows of one piece of audio.

    A window is marked if the detector says so and its bits are clear; the message is read from the bit logits averaged
    over the marked windows.  The score is the clearness of the clearest window.
    """
    if not found.start:
        return Detection(layer=layer, presence=Presence.INCONCLUSIVE)
    bits = np.asarray(found.bits)
    clear = clearness(bits)
    score = float(clear.max())
    over = (np.asarray(found.margin) > rule.window_threshold) & (clear > rule.bit_threshold)
    marked = _runs(over, min(rule.run, len(over)))
    if not marked.any():
        return Detection(layer=layer, presence=Presence.NOT_DETECTED, score=score)
    logits = bits[marked].mean(axis=0)
    return Detection(
        layer=layer,
        presence=Presence.DETECTED,
        message=int("".join("1" if logit > 0 else "0" for logit in logits), 2),
        message_bits=message_bits,
        spans=_spans(np.asarray(found.start)[marked].tolist(), rule.window_seconds),
        score=score,
    )


def _runs(marked: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Only those true values that stand in a row of at least `length`."""
    kept = np.zeros_like(marked)
    for start in range(len(marked) - length + 1):
        if marked[start : start + length].all():
            kept[start : start + length] = True
    return kept


def _spans(starts: Sequence[float], length: float) -> tuple[tuple[float, float], ...]:
    """Join windows that touch."""
    spans: list[tuple[float, float]] = []
    for start in starts:
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], start + length)
        else:
            spans.append((start, start + length))
    return tuple(spans)
