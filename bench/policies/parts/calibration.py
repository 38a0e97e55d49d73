"""Does a score of 0.8 mean that eight raters of ten agree? Reliability per class on posts that many people rated."""

from __future__ import annotations

import numpy as np

from bench.grid import Grid, number
from bench.policies import public_sets
from bench.policies.bench import Bench
from bench.policies.measures import average_precision, calibration_error, reliability, resampled, roc_auc

CLASSES = ("toxicity", "insult", "obscene", "identity_attack", "threat")


def measure(bench: Bench) -> list[Grid]:
    """Compare scores with the share of raters; needs the public sets."""
    if bench.data is None:
        return []
    posts = bench.pick(public_sets.rated_posts(bench.data, test=True))
    scored = bench.once(
        ("classes", "rated"),
        lambda: [dict(scores) for scores in bench.subject.toxicity.score([one.text for one in posts])],
    )
    rows = []
    for name in CLASSES:
        if name not in bench.subject.toxicity.classes:
            continue
        scores = np.array([one[name] for one in scored], dtype=np.float64)
        shares = np.array([one.shares[name] for one in posts])
        majority = shares >= 0.5
        error = resampled(calibration_error, shares, scores)
        bench.keep(f"calibration.{name}.ece", error)
        bins = [[one.score, one.share, one.count] for one in reliability(shares, scores)]
        bench.store.put(("reliability", name), bins)
        rows.append(
            (
                name,
                str(error),
                number(float(np.mean((shares - scores) ** 2)), 3),
                number(float(np.mean((shares - shares.mean()) ** 2)), 3),
                str(resampled(roc_auc, majority, scores)),
                str(resampled(average_precision, majority, scores)),
                f"{int(majority.sum())}/{len(posts)}",
            )
        )
    note = (
        "Posts of SemEval-2021's test split with typed votes. The label is the share of raters; AUC and AUPRC take "
        "their majority. Nearly all of these posts were chosen for being toxic, so `toxicity` is tested without "
        "harmless ones. `Brier` is the mean squared error, `constant` that of always saying the mean share."
    )
    columns = ("class", "ECE", "Brier", "constant", "AUC", "AUPRC", "majority")
    return [Grid("Calibration of the toxicity classes", columns, rows, note)]
