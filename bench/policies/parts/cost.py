"""Seconds and memory, each in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.grid import Grid, number
from bench.policies.bench import Bench
from bench.policies.measures import Measure

THREADS = (1, 2)


def measure(bench: Bench) -> list[Grid]:
    """Run the probe with each number of threads."""
    rows = []
    for threads in THREADS:
        command = [sys.executable, "-m", "bench.policies.probe", "--threads", str(threads)]
        command += ["--repeats", str(bench.size.repeats)]
        if bench.size.texts is not None:
            command += ["--sentences", str(bench.size.texts)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        found = json.loads(told.splitlines()[-1])
        for name in ("script", "sentences_per_second", "peak_mb"):
            bench.keep(f"cost.{name}.{threads}", Measure(found[name], found[name], found[name], bench.size.repeats))
        rows.append(
            (
                str(threads),
                number(found["ready"], 1),
                f"{number(found['script'])} ({number(found['slowest'])})",
                number(found["sentences_per_second"], 0),
                number(found["loaded_mb"], 0),
                number(found["peak_mb"], 0),
            )
        )
    columns = (
        "threads",
        "ready after s",
        "three-minute script s, median (worst)",
        "sentences/s",
        "loaded MB",
        "peak MB",
    )
    note = "All rules of the default policy; scripts and sentences are ones that the process has not seen."
    return [Grid("Speed and memory of screening", columns, rows, note)]
