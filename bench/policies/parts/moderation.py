"""Single texts in the taxonomy of the moderation API: flagged or not, and by which category it was missed."""

from __future__ import annotations

import numpy as np

from bench.grid import Grid
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.measures import Bools, Floats, Measure, average_precision, resampled, roc_auc
from bench.proportion import Share


def measure(bench: Bench) -> list[Grid]:
    """Judge every text, and let the rivals score it."""
    texts = bench.pick(own_sets.moderation())
    outcomes = bench.judged("moderation", [(one.id, one.text) for one in texts])
    labels = np.array([bool(one.category) for one in texts])
    said = [outcomes[one.id] for one in texts]
    flagged = np.array([one.held for one in said])
    api = np.array([one.moderation for one in said])
    systems: list[tuple[str, Floats, Bools]] = [
        ("/v1/moderations: highest category score", api, flagged),
        ("/v1/moderations: flagged first, then score", (api + flagged) / 2, flagged),
    ]
    for rival in bench.rivals:
        scores = rival.score([one.text for one in texts])
        systems.append((rival.name, scores, scores >= 0.5))
    rows = []
    for name, scores, chosen in systems:
        precision = resampled(average_precision, labels, scores)
        area = resampled(roc_auc, labels, scores)
        if name.startswith("/v1"):
            bench.keep(f"moderation.{'ranked' if 'first' in name else 'scores'}.auprc", precision)
        rows.append((name, str(precision), str(area), str(Share.of(chosen[labels])), str(Share.of(chosen[~labels]))))
        bench.store.put(("curve", "moderation", name), [labels.tolist(), scores.tolist()])
    bench.keep("moderation.recall", Measure.of(Share.of(flagged[labels])))
    bench.keep("moderation.false_alarms", Measure.of(Share.of(flagged[~labels])))
    bench.miss("moderation", [one.id for one in texts if bool(one.category) is not outcomes[one.id].held])
    by_category = []
    for category in sorted({one.category for one in texts if one.category}):
        some = [outcomes[one.id] for one in texts if one.category == category]
        held, blocked = Share.of(one.held for one in some), Share.of(one.blocked for one in some)
        by_category.append((category, str(held), str(blocked)))
    note = (
        f"{int(labels.sum())} texts of {len(texts)} have a category. Flagged means verdict review or block, "
        "for rivals a score of 0.5 and more."
    )
    columns = ("system", "AUPRC", "AUC", "flagged of harmful", "flagged of harmless")
    return [
        Grid("Mixed moderation texts", columns, rows, note),
        Grid("Mixed moderation texts by category", ("category", "held or blocked", "blocked"), by_category),
    ]
