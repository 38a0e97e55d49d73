"""Seconds and megabytes."""

from __future__ import annotations

from bench.grid import Grid, number
from bench.watermark.bench import Bench


def cost_tables(bench: Bench) -> list[Grid]:
    """Return processor time per second of sound, wall clock of whole tasks, and memory."""
    tables = []
    core = [
        (system, number(value["embed"], 4), number(value["detect"], 4), f"{value['seconds']:g}")
        for (system, _), value in bench.found("speed", "core")
    ]
    if core:
        note = "Processor seconds per second of sound, one core; reading 20 s, the keyed mark in the whole registry."
        tables.append(Grid("Real-time factors", ("system", "embed", "detect", "seconds marked"), core, note))
    wall = [
        (
            name,
            f"{value['seconds'] / 60:g} min",
            *((str(value["failed"]), "", "") if "failed" in value else (
                number(value["wall"], 1), f"{value['seconds'] / value['wall']:.1f}", number(value["cpu"], 1))),
        )
        for (name, *_), value in bench.found("speed", "wall")
    ]  # fmt: skip
    if wall:
        columns = ("task", "sound", "wall clock s", "× real time", "processor s")
        tables.append(Grid("Whole tasks, two threads", columns, wall))
    memory = [
        (
            name,
            f"{value['seconds'] / 3600:g} h",
            *((str(value["failed"]), "", "", "") if "failed" in value else (
                number(value["peak_mb"], 0), number(value["loaded_mb"], 0), number(value["samples_mb"], 0),
                number(value["wall"], 0))),
        )
        for (name, *_), value in bench.found("memory")
    ]  # fmt: skip
    if memory:
        columns = ("task", "sound", "peak MB", "of it before the task MB", "the samples MB", "wall clock s")
        tables.append(Grid("Memory", columns, memory, "Resident memory of a process of its own."))
    return tables
