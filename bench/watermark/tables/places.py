"""Which seconds are found."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.grid import Grid, number
from bench.proportion import mean
from bench.watermark.bench import Bench


def localisation_table(bench: Bench) -> list[Grid]:
    """Return one row per scene, copy and layer."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for _, results in bench.found("localisation"):
        for result in results:
            found[result["scene"], result["copy"], result["reader"]].append(result)
    rows = [
        (
            scene,
            copy,
            reader,
            number(mean(one["iou"] for one in some), 3),
            number(min(one["iou"] for one in some), 3),
            f"{sum(one['found'] for one in some)}/{sum(one['stretches'] for one in some)}",
            number(mean(one["episode_error"] for one in some), 2),
            str(len(some)),
        )
        for (scene, copy, reader), some in found.items()
    ]
    columns = ("scene", "copy", "layer", "IoU", "worst", "stretches found", "place in episode, error s", "n")
    return [Grid("Localisation", columns, rows)] if rows else []
