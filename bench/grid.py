"""Tables as values: a title, columns, rows, and a note that says the counts; and their two printed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Grid:
    """One table, ready to print."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""

    def to_markdown(self) -> list[str]:
        """Return the lines for docs/benchmarks.md."""
        return [
            f"**{self.title}**",
            *(["", self.note] if self.note else []),
            "",
            "| " + " | ".join(self.columns) + " |",
            "|" + "---|" * len(self.columns),
            *("| " + " | ".join(row) + " |" for row in self.rows),
        ]

    def to_terminal(self) -> Table:
        """Return the table for a terminal."""
        table = Table(title=self.title, caption=self.note or None, title_justify="left", caption_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as a table shows it; a dash for what was not measured."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}"
