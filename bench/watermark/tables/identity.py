"""How much sound an identification needs, and how often chance makes one."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from bench.grid import Grid, number
from bench.proportion import Share
from bench.watermark.bench import Bench
from bench.watermark.identification import CONDITIONS, cells
from bench.watermark.null import KEYS, OTHERS, POWERS, gathered

MARKS_ON_THE_TAIL = (1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5)  # z


def identification_tables(bench: Bench) -> list[Grid]:
    """Return identification by length and registry size, and what must not be identified."""
    found: dict[tuple[int, str, float], list[dict[str, Any]]] = defaultdict(list)
    for size, _, condition, seconds, outcomes in cells(bench):
        found[size, condition, seconds] += outcomes
    if not found:
        return []
    lengths = sorted({seconds for _, condition, seconds in found if condition in CONDITIONS})
    rows = []
    for size in sorted({size for size, _, _ in found}):
        for condition in CONDITIONS:
            shares = [Share.of(bool(one["right"]) for one in found[size, condition, seconds]) for seconds in lengths]
            if any(share.count for share in shares):
                rows.append((f"{size:,}", condition, *map(str, shares)))
    tables = [
        Grid(
            "Identification by length of the clip",
            ("episodes", "condition", *(f"{seconds:g} s" for seconds in lengths)),
            rows,
            "Right episode named, blind, family-wise false match ≤ 1e-6; hits/trials (95 %); all kinds of sound.",
        )
    ]
    strangers = [
        (condition, str(Share.of(bool(one["detected"]) for one in outcomes)))
        for (_, condition, _), outcomes in found.items()
        if condition not in CONDITIONS
    ]
    if strangers:
        tables.append(
            Grid("What must not be identified", ("clips of 20 s", f"of {bench.size.episodes:,} episodes"), strangers)
        )
    return tables


def null_table(bench: Bench) -> list[Grid]:
    """Return the counted tails beside the normal one and the proven bounds."""
    tables = []
    for which, title in ((KEYS, "keys drawn anew"), (OTHERS, "marked sound and the words of other episodes")):
        null = gathered(bench, which)
        if null is not None:
            tables += [_tail(null, f"Chance matches of one alignment: {title}"), _sharper(null, title)]
    return tables


def _tail(null: dict[str, Any], title: str) -> Grid:
    tail = dict(null["tail"])
    rows = []
    for t in MARKS_ON_THE_TAIL:
        count = tail.get(t, 0)
        rows.append(
            (
                f"{t:g}",
                f"{count:,}",
                _share(count, null["trials"]),
                f"{math.erfc(t / math.sqrt(2)) / 2:.2e}",
                f"{math.exp(-t * t / 2):.2e}",
            )
        )
    note = (
        f"{null['words']:,} words in {null['parts']} runs, each against {null['clips']} clips of 20 s: "
        f"{null['trials']:,} values of z with mean {number(null['mean'], 5)} and standard deviation "
        f"{number(null['sd'], 5)}; the highest is {max(tail):.2f}."
    )
    return Grid(title, ("z ≥", "counted", "share", "normal distribution", "proven bound"), rows, note)


def _sharper(null: dict[str, Any], title: str) -> Grid:
    rows = [
        (f"1e-{power}", f"{count:,}", _share(count, null["trials"]))
        for power, count in zip(POWERS, null["exceeded"], strict=True)
    ]
    note = (
        "How often the bound that a detection reports claimed less than this for one alignment: never oftener, if true."
    )
    return Grid(f"The reported bound: {title}", ("bound ≤", "counted", "share"), rows, note)


def _share(count: int, trials: int) -> str:
    return f"{count / trials:.2e}" if count else f"< {3 / trials:.1e}"
