"""`python -m bench.policies`: run parts, print tables, write results, Markdown and plots, check floors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch and numpy are loaded: seconds are per core

import torch
from rich.console import Console

from bench.grid import Grid
from bench.policies.bench import QUICK_SIZE, Bench, Size
from bench.policies.parts import (
    calibration,
    cost,
    evasion,
    hatecheck,
    matching,
    moderation,
    neutral,
    scripts,
    stance,
    toxicity,
    worthiness,
)
from bench.policies.report import keep, write
from bench.store import Store

PARTS: dict[str, Callable[[Bench], list[Grid]]] = {
    "neutral": neutral.measure,
    "scripts": scripts.measure,
    "stance": stance.measure,
    "matching": matching.measure,
    "worthiness": worthiness.measure,
    "evasion": evasion.measure,
    "moderation": moderation.measure,
    "hatecheck": hatecheck.measure,
    "toxicity": toxicity.measure,
    "calibration": calibration.measure,
    "cost": cost.measure,
}


def main() -> int:
    """Run the benchmark; 1 says that a floor has fallen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", nargs="+", choices=(*PARTS, "report"), help="all of them unless named")
    parser.add_argument("--data", type=Path, help="folder of the public sets; without it only our own are measured")
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few texts of each set, kept apart")
    parser.add_argument("--spoken", action="store_true", help="also speak what text screening lets pass, and listen")
    parser.add_argument("--resume", action="store_true", help="keep what was measured with the same policy and models")
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    parser.add_argument("--images", type=Path, default=Path("docs/images"), help="where plots go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    name = "policies-quick" if options.quick else "policies"
    parts = options.part or list(PARTS)
    bench = Bench(
        options.out,
        Store(options.out / f"{name}.jsonl", resume=options.resume or parts == ["report"]),
        QUICK_SIZE if options.quick else Size(),
        data=options.data,
        spoken=options.spoken,
        console=Console(width=160) if not sys.stdout.isatty() else Console(),
    )
    for part in parts:
        if part != "report":
            bench.console.rule(f"[bold]{part}")
            keep(bench, part, PARTS[part](bench))
    fallen = write(bench, parts=tuple(PARTS), images=options.out / "images" if options.quick else options.images)
    if fallen:
        bench.console.print(f"These floors have fallen: {', '.join(fallen)}", style="bold red")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
