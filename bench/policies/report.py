"""Everything that was measured, printed, as Markdown for docs/benchmarks.md, as plots, and against the floors."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from bench.conditions import conditions
from bench.grid import Grid
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.floors import compare, read_floors
from bench.policies.plots import draw

PACKAGES = ("torch", "transformers", "detoxify", "numpy", "scikit-learn", "alt-profanity-check")


def keep(bench: Bench, part: str, grids: list[Grid]) -> None:
    """Keep the tables of one part."""
    bench.store.put(("grids", part), [asdict(grid) for grid in grids])


def write(bench: Bench, *, parts: tuple[str, ...], images: Path) -> list[str]:
    """Print and write all tables; returns the floors that have fallen. A quick run has too little for a verdict."""
    lines = [*_said(bench), ""]
    for line in lines:
        bench.console.print(line, style="dim", soft_wrap=True)
    grids = [_grid(value) for part in parts for value in bench.store.get("grids", part) or []]
    fallen: list[str] = []
    if bench.size.texts is None:
        table, fallen = compare(read_floors(), bench.kept())
        grids.append(table)
    for grid in grids:
        bench.console.print(grid.to_terminal())
        lines += [*grid.to_markdown(), ""]
    target = bench.store.path.with_suffix(".md")
    target.write_text("\n".join(lines), encoding="utf-8")
    misses = {key[0]: value for key, value in bench.store.find("misses")}
    missed = target.with_name(f"{target.stem}-misses.json")
    missed.write_text(json.dumps(misses, indent=1) + "\n", encoding="utf-8")
    drawn = draw(bench, images) if find_spec("matplotlib") else []  # part of `make setup-bench`
    plots = ", ".join(str(path) for path in drawn) or "none"
    bench.console.print(f"Markdown: {target}; ids of what went wrong: {missed}; plots: {plots}", soft_wrap=True)
    return fallen


def _said(bench: Bench) -> list[str]:
    policy = bench.subject.policy
    models = "; ".join(f"{name} `{digest}`" for name, digest in bench.subject.screener.models)
    return [
        f"Conditions: {conditions(*_installed())}.",
        f"Policy {policy.id} {policy.version} `{policy.digest}`; models: {models}; own sets `{own_sets.digest()}`.",
        "Shares with Wilson's, other numbers with bootstrap intervals (95 %).",
    ]


def _installed() -> list[str]:
    found = {distribution.name.lower() for distribution in distributions()}
    return [name for name in PACKAGES if name in found]


def _grid(value: dict) -> Grid:
    rows = [tuple(row) for row in value["rows"]]
    return Grid(value["title"], tuple(value["columns"]), rows, value["note"])
