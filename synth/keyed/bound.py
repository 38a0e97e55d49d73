"""How improbable a match is by chance: bounds that are proven, not fitted (pure).

For soft bits x and words w let s = sum(x·w). If the audio was made without knowledge of the key, the words are fair
coins whatever x is, and for every λ ≥ 0 the probability of reaching s is at most exp(-λs) · prod(cosh(λx))
(Chernoff 1952; the expectation of exp(λxw) is exactly cosh(λx)). The best λ gives the bound that is used here. It is
never worse than exp(-z²/2) with z = s / sqrt(sum x²) (Hoeffding 1963), and for hard bits that all agree it is 2^-n.
Every alignment that is tried is a hypothesis; the union bound over H of them multiplies by H.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

ALPHA = 1e-6  # accepted probability of a false match per query, over everything that the query tries
SOUND_AGREEMENT = 0.85  # share of the greatest possible z that a mark in good condition has
_STEPS = 60  # of bisection, more than double precision can tell apart
_LARGEST = 1e3  # λ at which cosh(λx) is an exponential for every x that matters


def log_chance(bits: NDArray[np.floating], score: float) -> float:
    """Return the logarithm of the bound on P(sum(x·w) ≥ `score`) for soft bits of any shape; 0 if it says nothing."""
    x = np.abs(bits[bits != 0].astype(np.float64))
    if score <= 0 or len(x) == 0:
        return 0.0
    low, high = 0.0, 1.0
    while high < _LARGEST and float(np.sum(x * np.tanh(high * x))) < score:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if float(np.sum(x * np.tanh(middle * x))) < score:
            low = middle
        else:
            high = middle
    # log cosh y = |y| + log1p(exp(-2|y|)) - log 2, which does not overflow. Any λ gives a valid bound.
    y = low * x
    return min(0.0, float(np.sum(y + np.log1p(np.exp(-2 * y)) - math.log(2))) - low * score)


def false_match_bound(log_probability: float, hypotheses: float) -> float:
    """Return min(1, H · p): the proven bound on the probability that any of H hypotheses reaches this by chance."""
    return min(1.0, math.exp(min(0.0, log_probability + math.log(hypotheses))))


def threshold(hypotheses: float, alpha: float = ALPHA) -> float:
    """Return the z at which Hoeffding's bound over `hypotheses` equals `alpha`: sqrt(2 ln(H / alpha))."""
    return math.sqrt(2.0 * math.log(hypotheses / alpha))


def could_decide(bits: int, hypotheses: float, alpha: float) -> bool:
    """Tell whether a mark in good condition, heard in so many bits, would reach the threshold."""
    return SOUND_AGREEMENT * math.sqrt(bits) >= threshold(hypotheses, alpha)
