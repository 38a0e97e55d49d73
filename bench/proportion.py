"""Shares with their confidence intervals (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964  # of the 95 % interval


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `count` trials."""

    hits: int
    count: int

    @classmethod
    def of(cls, trials: Iterable[bool]) -> Share:
        """Count the true ones."""
        listed = list(trials)
        return cls(sum(listed), len(listed))

    @property
    def value(self) -> float:
        """The share; 0 of nothing is not a number."""
        return self.hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (Wilson, 1927)."""
        if not self.count:
            return 0.0, 1.0
        n, p, z = self.count, self.value, Z
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        """As in the tables: 23/24 (80-99)."""
        if not self.count:
            return "–"
        low, high = self.interval
        return f"{self.hits}/{self.count} ({100 * low:.0f}–{100 * high:.0f})"


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of the values that are there, or NaN."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else math.nan
