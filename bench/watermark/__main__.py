"""`python -m bench.watermark`: run the parts asked for, print the tables, write results, Markdown and plots."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch and numpy are loaded: seconds are per core

import torch
from rich.console import Console

from bench.store import Store
from bench.watermark import cost, falsealarms, identification, localisation, null, quality, robustness
from bench.watermark.bench import QUICK_SIZE, Bench, Size
from bench.watermark.report import write

PARTS: dict[str, Callable[[Bench], None]] = {
    "quality": quality.measure,
    "robustness": robustness.measure,
    "falsealarms": falsealarms.measure,
    "identification": identification.measure,
    "null": null.measure,
    "localisation": localisation.measure,
    "speed": cost.measure_speed,
    "memory": cost.measure_memory,
    "peers": robustness.measure_peers,
}

LONG = ("speed", "memory", "peers")  # parts that a quick run leaves out unless they are named


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--part", nargs="+", choices=(*PARTS, "report"), help="all, or all but the long ones if --quick"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run of about three minutes, kept apart")
    parser.add_argument("--resume", action="store_true", help="keep what was measured with the same versions")
    parser.add_argument("--programmes", type=int, help="of each kind of sound")
    parser.add_argument("--clips", type=int, help="from each programme")
    parser.add_argument("--episodes", type=int, help="in the registry")
    parser.add_argument("--alone", type=int, help="programmes of each kind that carry one of our marks only")
    parser.add_argument("--peers", type=int, help="programmes of each kind for every peer")
    parser.add_argument("--networks", type=int, help="keys of the decoding network in the null")
    parser.add_argument("--goals-only", action="store_true", help="only attacks for which a goal was set")
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    parser.add_argument("--images", type=Path, default=Path("docs/images"), help="where plots go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    chosen = {
        name: value
        for name in ("programmes", "clips", "episodes", "alone", "peers", "networks")
        if (value := getattr(options, name)) is not None
    }
    size = replace(QUICK_SIZE if options.quick else Size(), goals_only=options.goals_only, **chosen)
    name = "quick" if options.quick else "results"
    parts = options.part or [part for part in PARTS if not (options.quick and part in LONG)]
    resume = options.resume or parts == ["report"]
    bench = Bench(options.out, Store(options.out / f"{name}.jsonl", resume=resume), size, console)
    for part in parts:
        if part != "report":
            console.rule(f"[bold]{part}")
            PARTS[part](bench)
    write(bench, images=options.out / "images" if options.quick else options.images)


if __name__ == "__main__":
    main()
