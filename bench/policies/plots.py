"""Plots of what was measured, as SVG: reliability of each class, precision and recall, ROC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.policies.bench import Bench
from bench.policies.measures import average_precision, roc_auc

COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8a5a9e", "#edae49", "#666666", "#00798c")


def draw(bench: Bench, folder: Path) -> list[Path]:
    """Draw all plots that there are numbers for into `folder`; returns their paths."""
    import matplotlib as mpl  # part of `make setup-bench`

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "assay", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, make in (("policies-calibration", _reliability), ("policies-ranking", _ranking)):
        figure = make(bench, pyplot)
        if figure is None:
            continue
        path = folder / f"{name}.svg"
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)
        drawn.append(path)
    return drawn


def _reliability(bench: Bench, pyplot: Any) -> Any:
    classes = list(bench.store.find("reliability"))
    if not classes:
        return None
    figure, axes = pyplot.subplots(1, len(classes), figsize=(2.3 * len(classes), 2.5), sharey=True, squeeze=False)
    for (key, bins), axis, colour in zip(classes, axes[0], COLOURS, strict=False):
        scores, shares, counts = np.array(bins).T
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=0.7)
        axis.plot(scores, shares, color=colour, linewidth=1)
        axis.scatter(scores, shares, s=8 + 60 * counts / counts.max(), color=colour)
        axis.set(xlim=(0, 1), ylim=(0, 1), title=key[0].replace("_", " "), xlabel="score")
    axes[0][0].set_ylabel("share of raters")
    return figure


def _ranking(bench: Bench, pyplot: Any) -> Any:
    curves = list(bench.store.find("curve"))
    tests = list(dict.fromkeys(key[0] for key, _ in curves))
    if not tests:
        return None
    figure, axes = pyplot.subplots(len(tests), 2, figsize=(9, 3.4 * len(tests)), squeeze=False)
    for row, test in zip(axes, tests, strict=True):
        some = [(key[1], np.array(value[0]), np.array(value[1])) for key, value in curves if key[0] == test]
        for (name, labels, scores), colour in zip(some, COLOURS, strict=False):
            order = np.argsort(-scores, kind="stable")
            last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # one point for equal scores
            hits = np.cumsum(labels[order])[last]
            chosen = last + 1
            area = average_precision(labels, scores)
            row[0].plot(
                hits / max(1, hits[-1]), hits / chosen, color=colour, linewidth=1, label=f"{name[:44]} ({area:.2f})"
            )
            false = (chosen - hits) / max(1, len(labels) - hits[-1])
            found = hits / max(1, hits[-1])
            row[1].plot(
                np.append(0, false),
                np.append(0, found),
                color=colour,
                linewidth=1,
                label=f"{roc_auc(labels, scores):.2f}",
            )
        row[0].set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title=test)
        row[1].set(xlim=(0, 1), ylim=(0, 1.02), xlabel="false positive rate", ylabel="true positive rate", title=test)
        row[0].legend(frameon=False, fontsize=6, loc="lower left")
        row[1].legend(frameon=False, fontsize=6, loc="lower right", title="AUC")
    figure.tight_layout()
    return figure
