"""Tables as values: a title, columns, rows, and a note that says the counts."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """One table, ready to print."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as a table shows it; a dash for what was not measured."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}"
