"""Public toxicity tests besides HateCheck, for our model and its rivals, and the highlighting of spans."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.grid import Grid, number
from bench.policies import public_sets
from bench.policies.bench import Bench
from bench.policies.measures import (
    Bools,
    Floats,
    average_precision,
    character_f1,
    macro_f1,
    resampled,
    roc_auc,
)


def measure(bench: Bench) -> list[Grid]:
    """Score the tests with every system; needs the public sets."""
    if bench.data is None:
        return []
    return [_wikipedia(bench), _labelled(bench), _spans(bench)]


def _scored(bench: Bench, test: str, system: str, make: Any) -> Floats:
    return np.array(bench.once(("scores", test, system), lambda: [float(score) for score in make()]))


def _wikipedia(bench: Bench) -> Grid:
    pairs = bench.pick(public_sets.wikipedia_pairs(bench.data))  # type: ignore[arg-type]  # checked by the caller
    labels = np.array([one.positive for one in pairs])
    rows = []
    for number_of, rival in enumerate(bench.rivals):
        plain = _scored(bench, "wikipedia", rival.name, lambda: rival.score([one.text for one in pairs]))  # noqa: B023
        swapped = _scored(bench, "swapped", rival.name, lambda: rival.score([one.swapped for one in pairs]))  # noqa: B023
        areas = resampled(roc_auc, labels, plain), resampled(roc_auc, labels, swapped)
        drop = resampled(_drop, labels, plain, swapped)
        rows.append((rival.name, *map(str, areas), f"{drop.value:+.3f} [{drop.low:+.3f}, {drop.high:+.3f}]"))
        if number_of == 0:
            bench.keep("wikipedia.auc", areas[0])
            bench.keep("wikipedia.auc_swapped", areas[1])
            bench.keep("wikipedia.drop", drop)
        bench.store.put(("curve", "wikipedia", rival.name), [labels.tolist(), plain.tolist()])
    note = (
        f"n = {len(pairs)} comments, {int(labels.sum())} toxic; the drop is paired. alt-profanity-check may have been "
        "trained on them."
    )
    columns = ("system", "AUC", "AUC, identities swapped", "drop")
    return Grid("Wikipedia comments, plain and with swapped identity terms", columns, rows, note)


def _drop(labels: Bools, plain: Floats, swapped: Floats) -> float:
    return roc_auc(labels, plain) - roc_auc(labels, swapped)


def _labelled(bench: Bench) -> Grid:
    data = bench.data
    if data is None:
        raise ValueError("there is no folder of public sets; give one with --data")
    rows = []
    for test, items in (
        ("EDOS, sexism (test)", public_sets.sexism(data, "test")),
        ("ConvAbuse (test)", public_sets.abuse_of_bots(data, "test")),
    ):
        some = bench.pick(items)
        labels = np.array([one.positive for one in some])
        for number_of, rival in enumerate(bench.rivals):
            scores = _scored(bench, test, rival.name, lambda: rival.score([one.text for one in some]))  # noqa: B023
            area, precision = resampled(roc_auc, labels, scores), resampled(average_precision, labels, scores)
            rows.append(
                (test, rival.name, str(area), str(precision), number(macro_f1(labels, scores >= 0.5), 3),
                 f"{int(labels.sum())}/{len(some)}")
            )  # fmt: skip
            if number_of == 0:
                bench.keep(f"{test.split(',')[0].split(' ')[0].lower()}.auc", area)
    columns = ("test", "system", "AUC", "AUPRC", "macro-F1 at 0.5", "positive")
    return Grid("Further public tests", columns, rows, "Their training splits are among our model's training data.")


def _spans(bench: Bench) -> Grid:
    posts = bench.pick(public_sets.toxic_spans(bench.data, "test"))  # type: ignore[arg-type]  # checked by the caller
    outcomes = bench.judged("spans", [(str(number), text) for number, (text, _) in enumerate(posts)])
    found = [
        [(one.start, one.end) for one in outcome.findings if one.rule in ("toxicity", "lexicon")]
        for outcome in outcomes.values()
    ]
    marked = [spans for _, spans in posts]
    ours = np.array([character_f1(wanted, chosen) for wanted, chosen in zip(marked, found, strict=True)])
    everything = np.array([character_f1(spans, [(0, len(text))]) for text, spans in posts])
    score, floor = resampled(_mean, ours), resampled(_mean, everything)
    bench.keep("spans.f1", score)
    rows = [("findings of the gate (whole sentences)", str(score)), ("marking everything", str(floor))]
    note = "SemEval-2021 task 5, character F1. The best system of the task, trained to mark single words, reached .708."
    rows = [(*row, str(len(posts))) for row in rows]
    return Grid("Highlighting", ("system", "mean character F1", "n"), rows, note)


def _mean(values: Floats) -> float:
    return float(values.mean())
