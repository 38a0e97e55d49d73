"""Tables of what was measured: to the terminal, and as Markdown for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.conditions import conditions
from bench.grid import Grid
from bench.watermark.bench import Bench
from bench.watermark.plots import draw
from bench.watermark.tables.cost import cost_tables
from bench.watermark.tables.identity import identification_tables, null_table
from bench.watermark.tables.places import localisation_table
from bench.watermark.tables.quality import quality_table
from bench.watermark.tables.robustness import alarms_table, goals_table, peers_table, robustness_table

TABLES: tuple[Callable[[Bench], list[Grid]], ...] = (
    goals_table,
    quality_table,
    robustness_table,
    alarms_table,
    identification_tables,
    null_table,
    localisation_table,
    cost_tables,
    peers_table,
)
PACKAGES = ("torch", "numpy", "scipy", "av", "soxr")


def write(bench: Bench, *, images: Path) -> None:
    """Print all tables that have rows, write them to `<results>.md`, and draw the plots into `images`."""
    said = f"Conditions: {conditions(*PACKAGES)}; one thread unless said otherwise."
    lines = [said, ""]
    bench.console.print(said, style="dim")
    for make in TABLES:
        for grid in make(bench):
            bench.console.print(grid.to_terminal())
            lines += [*grid.to_markdown(), ""]
    target = bench.store.path.with_suffix(".md")
    target.write_text("\n".join(lines), encoding="utf-8")
    drawn = draw(bench, images)
    bench.console.print(f"Markdown: {target}; plots: {', '.join(str(path) for path in drawn) or 'none'}")
