"""Committed floors: numbers that must not get worse."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.grid import Grid
from bench.policies.measures import Measure

FLOORS = Path(__file__).with_name("floors.toml")


@dataclass(frozen=True, slots=True)
class Floor:
    """A bound for one headline number."""

    name: str
    at_least: float = -math.inf
    at_most: float = math.inf

    def holds(self, measure: Measure) -> bool:
        """Say whether the number keeps to it; a number that could not be computed does not."""
        return self.at_least <= measure.value <= self.at_most

    def __str__(self) -> str:
        """As in the table."""
        low = f"≥ {self.at_least:g}" if self.at_least > -math.inf else ""
        high = f"≤ {self.at_most:g}" if self.at_most < math.inf else ""
        return " and ".join(filter(None, (low, high)))


def read_floors(path: Path = FLOORS) -> list[Floor]:
    """Read the committed floors; raises `ValueError` for one without a bound."""
    floors = []
    for name, bounds in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if not bounds or not set(bounds) <= {"at_least", "at_most"}:
            raise ValueError(f"{path.name}: {name}: has keys {sorted(bounds)}; give at_least, at_most or both")
        floors.append(Floor(name, **bounds))
    return floors


def compare(floors: list[Floor], kept: Mapping[str, Measure]) -> tuple[Grid, list[str]]:
    """Return the table, and the names of the floors that were measured and do not hold."""
    rows, fallen = [], []
    for floor in floors:
        measure = kept.get(floor.name)
        if measure is None:
            rows.append((floor.name, "not measured", str(floor), "–", "–"))
            continue
        holds = floor.holds(measure)
        if not holds:
            fallen.append(floor.name)
        rows.append((floor.name, str(measure), str(floor), "holds" if holds else "FALLEN", str(measure.count)))
    return Grid("Floors", ("number", "measured", "floor", "", "n"), rows), fallen
