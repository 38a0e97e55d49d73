"""Plots of what was measured, as SVG: bars of robustness, z against its threshold, the null, quality against it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bench.proportion import Share, mean
from bench.watermark.bench import Bench
from bench.watermark.null import gathered
from bench.watermark.sources import KINDS
from bench.watermark.tables.quality import quality
from bench.watermark.tables.robustness import KEYED, SEAL, outcomes, suite

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8a5a9e", "#edae49", "#666666", "#00798c")


def draw(bench: Bench, folder: Path) -> list[Path]:
    """Draw all plots that there are numbers for into `folder`; returns their paths."""
    import matplotlib as mpl  # part of `make setup-bench`

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "assay", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, make in (
        ("watermark-robustness", _robustness),
        ("watermark-z", _z),
        ("watermark-null", _null),
        ("watermark-quality", _quality),
    ):
        figure = make(bench, pyplot)
        if figure is None:
            continue
        path = folder / f"{name}.svg"
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)
        drawn.append(path)
    return drawn


def _carriers(bench: Bench) -> list[tuple[str, str]]:
    """Return (what the sound carries, who reads), our two marks together first."""
    others = dict.fromkeys(key[0] for key, _ in bench.found("robustness"))
    return [
        ("both", KEYED),
        ("both", SEAL),
        *((one, one) for one in others if one not in ("both", "audioseal", "keyed")),
    ]


def _robustness(bench: Bench, pyplot: Any) -> Any:
    attacks = suite(bench)
    if not attacks:
        return None
    systems = _carriers(bench)
    figure, axes = pyplot.subplots(
        1, len(systems), figsize=(2.1 * len(systems) + 1.5, 0.17 * len(attacks) + 1), sharey=True
    )
    for number, ((carrier, reader), axis) in enumerate(zip(systems, np.atleast_1d(axes), strict=True)):
        said = outcomes(bench, carrier, reader)
        shares = []
        for attack in attacks:
            some = [one for kind in KINDS for one in said[kind, attack.name]]
            right = reader == KEYED
            shares.append(Share.of(bool(one["right"] if right else one["detected"]) for one in some))
        places = np.arange(len(attacks))
        values = [0.0 if math.isnan(share.value) else share.value for share in shares]
        axis.barh(places, values, color=COLOURS[number % len(COLOURS)], height=0.75)
        for place, share in zip(places, shares, strict=True):
            if share.count:
                axis.plot(share.interval, (place, place), color="black", linewidth=0.7)
        axis.set(xlim=(0, 1), title=reader + ("\nidentified" if reader == KEYED else "\ndetected"))
        axis.set_yticks(places, [attack.name for attack in attacks], fontsize=7)
        axis.margins(y=0.01)
    np.atleast_1d(axes)[0].invert_yaxis()
    return figure


def _z(bench: Bench, pyplot: Any) -> Any:
    said = outcomes(bench, "both", KEYED)
    attacks = suite(bench)
    if not any(said.values()):
        return None
    figure, axis = pyplot.subplots(figsize=(10, 4))
    for number, kind in enumerate(KINDS):
        points = [(place, one["score"]) for place, attack in enumerate(attacks) for one in said[kind, attack.name]]
        if points:
            x, y = np.array(points).T
            axis.scatter(x + 0.2 * (number - 1), y, s=7, color=COLOURS[number], label=kind, alpha=0.7)
    # What a match needs shows in the bound it got: a bound of 1e-6 is the threshold, wherever z lies.
    needed = [
        math.sqrt(max(0.0, one["score"] ** 2 + 2 * math.log(one["bound"]) - 2 * math.log(1e-6)))
        for some in said.values()
        for one in some
        if one["bound"] and one["bound"] > 1e-290
    ]
    if needed:
        axis.axhspan(min(needed), max(needed), color="black", alpha=0.25, linewidth=1, label="needed")
    axis.set_xticks(range(len(attacks)), [attack.name for attack in attacks], rotation=90, fontsize=7)
    axis.set(ylabel="z of the best alignment, 20 s", ylim=(0, None))
    axis.margins(x=0.01)
    axis.legend(frameon=False, ncols=4)
    return figure


def _null(bench: Bench, pyplot: Any) -> Any:
    null = gathered(bench)
    if null is None:
        return None
    figure, axis = pyplot.subplots(figsize=(6, 4))
    t, counts = np.array(null["tail"]).T
    axis.semilogy(t, counts / null["trials"], color=COLOURS[0], label=f"counted, {null['trials']:.1e} alignments")
    grid = np.linspace(0, 7, 200)
    axis.semilogy(grid, [math.erfc(x / math.sqrt(2)) / 2 for x in grid], ":", color="black", label="normal")
    axis.semilogy(grid, np.exp(-(grid**2) / 2), color=COLOURS[1], label="proven bound")
    t, counts = np.array(null["maxima"]).T
    axis.semilogy(t, counts / null["searches"], color=COLOURS[2], label="best of 4,096, counted")
    bound = np.minimum(1, 4_096 * np.exp(-(grid**2) / 2))
    axis.semilogy(grid, bound, "--", color=COLOURS[2], label="best of 4,096, proven bound")
    axis.set(xlabel="z", ylabel="share at or above", xlim=(0, 7), ylim=(1e-10, 1.5))
    axis.legend(frameon=False, fontsize=8)
    return figure


def _quality(bench: Bench, pyplot: Any) -> Any:
    measured = quality(bench)
    points = []
    for carrier, reader in [("audioseal", SEAL), ("keyed", KEYED), *_carriers(bench)]:
        pesq = [one for kind in KINDS for value in measured.get((carrier, kind), []) for one in value.get("pesq", [])]
        said = outcomes(bench, carrier, reader)
        shares = []
        for attack in suite(bench):
            some = [one for kind in KINDS for one in said[kind, attack.name]]
            if some:
                shares.append(
                    Share.of(bool(one["right"] if reader == KEYED else one["detected"]) for one in some).value
                )
        if pesq and shares:
            points.append((mean(pesq), float(np.mean(shares)), reader + (" with both" if carrier == "both" else "")))
    if not points:
        return None
    figure, axis = pyplot.subplots(figsize=(6, 4))
    for number, (x, y, name) in enumerate(points):
        axis.scatter(x, y, s=45, color=COLOURS[number % len(COLOURS)])
        axis.annotate(name, (x, y), textcoords="offset points", xytext=(6, 4), fontsize=8)
    axis.set(xlabel="PESQ-WB, mean", ylabel="found, mean over all attacks", ylim=(0, 1.02))
    return figure
