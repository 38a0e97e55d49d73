"""Measures of ranking and calibration, with intervals (pure; numpy only, so that they need no learning library)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.proportion import Share

RESAMPLES = 1_000
SEED = 20261125

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its 95 % interval and the count that it rests on."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, share: Share) -> Measure:
        """Return a share with Wilson's interval."""
        return cls(share.value, *share.interval, share.count)

    def __str__(self) -> str:
        """As in the tables: .634 [.618–.650]."""
        if math.isnan(self.value):
            return "–"
        return f"{_short(self.value)} [{_short(self.low)}–{_short(self.high)}]"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def roc_auc(labels: Bools, scores: Floats) -> float:
    """Return the area under the ROC curve, ties counted half (Mann-Whitney U); NaN without both classes."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: Bools, scores: Floats) -> float:
    """Return the area under the precision-recall curve as the step sum over distinct scores; NaN without a positive."""
    positives = int(labels.sum())
    if not positives:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # ties stand or fall together
    precision = hits[last] / (last + 1)
    recall = hits[last] / positives
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def f1(labels: Bools, chosen: Bools) -> float:
    """Return F1 of the positive class; zero where nothing was right."""
    right = int((labels & chosen).sum())
    return 2 * right / (int(labels.sum()) + int(chosen.sum())) if right else 0.0


def macro_f1(labels: Bools, chosen: Bools) -> float:
    """Return the mean F1 of both classes."""
    return (f1(labels, chosen) + f1(~labels, ~chosen)) / 2


def accuracy(labels: Bools, chosen: Bools) -> float:
    """Return the share that is right."""
    return float((labels == chosen).mean())


def resampled(measure: Callable[..., float], *columns: NDArray[np.generic]) -> Measure:
    """Return `measure(*columns)` with a percentile bootstrap interval over rows."""
    generator = np.random.default_rng(SEED)
    rows = len(columns[0])
    values = []
    for _ in range(RESAMPLES if rows else 0):
        chosen = generator.integers(0, rows, rows)
        value = measure(*(column[chosen] for column in columns))
        if not math.isnan(value):
            values.append(value)
    low, high = np.percentile(values, (2.5, 97.5)) if values else (math.nan, math.nan)
    return Measure(measure(*columns) if rows else math.nan, float(low), float(high), rows)


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores of one tenth of the scale: their mean, the share that was right, and how many."""

    score: float
    share: float
    count: int


def reliability(labels: Floats, scores: Floats, bins: int = 10) -> list[Bin]:
    """Return the bins of equal width that hold something; labels may be shares of raters."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            found.append(Bin(float(scores[inside].mean()), float(labels[inside].mean()), int(inside.sum())))
    return found


def calibration_error(labels: Floats, scores: Floats) -> float:
    """Return the expected calibration error over ten bins of equal width (Guo et al. 2017)."""
    return sum(abs(one.score - one.share) * one.count for one in reliability(labels, scores)) / len(scores)


def precision_at_first(right: Sequence[int | None]) -> Share:
    """Return how often the right answer is ranked first; ranks begin at 1, None was not found."""
    return Share.of(rank == 1 for rank in right)


def mean_precision_at(right: Sequence[int | None], depth: int) -> float:
    """Return MAP@depth where each query has one right answer: the mean of 1/rank, zero beyond `depth`."""
    return float(np.mean([1 / rank if rank is not None and rank <= depth else 0.0 for rank in right]))


def character_f1(marked: Sequence[tuple[int, int]], found: Sequence[tuple[int, int]]) -> float:
    """Return F1 of characters (SemEval-2021 task 5): 1 where both are empty, 0 where one is."""
    wanted = {place for start, end in marked for place in range(start, end)}
    chosen = {place for start, end in found for place in range(start, end)}
    if not wanted or not chosen:
        return float(not wanted and not chosen)
    return 2 * len(wanted & chosen) / (len(wanted) + len(chosen))
