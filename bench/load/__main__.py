"""Run the parts of the benchmark and print Markdown."""

from __future__ import annotations

import argparse

from bench.conditions import conditions
from bench.load import api, simulation, workers
from bench.load.wrk import require_wrk

PARTS = ("api", "workers", "simulation")


def main() -> None:
    """Run what is asked for; a missed goal is said, and ends the command with 1."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be given again")
    parser.add_argument("--seconds", type=int, default=10, help="length of each run of the load tool")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--episodes", type=int, default=16, help="episodes for each number of workers")
    simulation.add_arguments(parser)
    options = parser.parse_args()
    parts = options.part or list(PARTS)
    print(f"Conditions: {conditions('fastapi', 'uvicorn', 'sqlalchemy', 'psycopg', 'dbos', 'torch')}\n")
    missed: list[str] = []
    if "api" in parts:
        require_wrk()
        missed += _api(options.seconds, options.connections)
    if "workers" in parts:
        workers.report(episodes=options.episodes)
    if "simulation" in parts:
        simulation.report(simulation.inputs_from(options))
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def _api(seconds: int, connections: int) -> list[str]:
    print(f"API: one `assay serve --no-worker`, wrk on the same machine, {connections} connections (2 for verifying),")
    print(f"{seconds} s each.\n")
    print("| database | question | per second | p50, ms | p99, ms | refused | lost |")
    print("|---|---|---|---|---|---|---|")
    missed = []
    for database, name, figures in api.measure(seconds=seconds, connections=connections):
        print(
            f"| {database} | {name} | {figures.per_second:.1f} | {figures.p50:.1f} | {figures.p99:.1f} "
            f"| {figures.refused} | {figures.lost} |",
            flush=True,
        )
        goal = api.GOALS.get(name)
        if figures.refused or figures.lost or (goal is not None and figures.per_second < goal):
            missed.append(f"{name} on {database}: {figures.per_second:.0f} per second, goal {goal or 'no refusal'}")
    print()
    return missed


if __name__ == "__main__":
    main()
