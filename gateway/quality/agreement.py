"""How far people agree beyond chance, and how sure a share is (pure).

Krippendorff's alpha for nominal data, after Klaus Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011):
1 - D_o / D_e, the disagreement that is observed over the one that chance would bring, from the matrix of coincidences.
1 is perfect agreement, 0 is what chance brings, below 0 is worse. Units that fewer than two people judged say nothing.

Shares come with the interval of Wilson (1927), which stays honest for small numbers and near 0 and 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Z95 = 1.959964  # standard normal quantile of 97.5 %


@dataclass(frozen=True, slots=True)
class Agreement:
    """Alpha, and what it rests on."""

    alpha: float | None  # None where it is not defined: no unit was judged twice
    units: int  # that at least two people judged
    values: int  # judgements about these


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with the interval that holds the true share in 95 of 100 cases."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end, from 0 to 1; of nothing, all of it."""
        if not self.of:
            return 0.0, 1.0
        if self.hits == self.of:  # no higher, whatever rounding makes of it
            return self.of / (self.of + Z95 * Z95), 1.0
        share, z2 = self.hits / self.of, Z95 * Z95
        middle = (share + z2 / (2 * self.of)) / (1 + z2 / self.of)
        half = Z95 / (1 + z2 / self.of) * math.sqrt(share * (1 - share) / self.of + z2 / (4 * self.of**2))
        return max(0.0, middle - half), min(1.0, middle + half)


def nominal_alpha(units: Iterable[Sequence[str]]) -> Agreement:
    """Return the agreement about `units`, each the values that different people gave it, in any order.

    1. A unit with m >= 2 values adds, for every ordered pair of different people, 1 / (m - 1) to the coincidences.
    2. Observed disagreement: the coincidences of unequal values. Expected: those of drawing two of all values.
    3. Where everybody always said the same, nothing could disagree, and alpha is 1.
    """
    same, totals, counted = 0.0, Counter[str](), 0
    for values in units:
        if len(values) < 2:
            continue
        counts, many = Counter(values), len(values)
        counted += 1
        totals.update(counts)
        same += sum(count * (count - 1) for count in counts.values()) / (many - 1)  # 1.
    pairable = totals.total()
    if not pairable:
        return Agreement(None, 0, 0)
    observed = 1 - same / pairable  # 2.
    expected = 1 - sum(count * (count - 1) for count in totals.values()) / (pairable * (pairable - 1))
    alpha = 1.0 if expected == 0 else 1 - observed / expected  # 3.
    return Agreement(alpha, counted, pairable)


def words_for(alpha: float) -> str:
    """Return what Krippendorff makes of a value ("Content Analysis", 4th edition, chapter 12)."""
    if alpha >= 0.8:
        return "reliable"
    if alpha >= 0.667:
        return "good enough for tentative conclusions"
    return "too low to rely on"
