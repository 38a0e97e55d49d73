"""The development exam: how well scores rank abuse in texts that took no part in training.

Used to choose recipes, never to report: reported numbers come from `policies.training.card`. It never opens the folder
`evaluation`. With whole sources left out of training (`--without`), it says how a recipe does on texts of another kind,
which is the honest stand-in for an examination by somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from policies.training.corpus import CLASSES, SURGE_SHARE, Example, held_out, read_posts, read_rows

_RESAMPLES = 500
_MANY_WORDS = re.compile(r"(?:\S+\s+){1,55}")  # a text is scored by its worst piece, as in screening
Score = Callable[[Sequence[str]], NDArray[np.float64]]
"""Returns (texts, classes) probabilities."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts, and which of them people called abusive."""

    texts: list[str]
    positive: NDArray[np.bool_]


def held_out_sets(data: Path, *, split: str = "dev", whole: Sequence[str] = ()) -> dict[str, Labelled]:
    """Return set name to texts that took no part in training.

    `split` is "dev" for choosing and "test" for reporting; sources named in `whole` were left out and come whole.
    """
    train = data / "train"
    test = split == "test"

    def wanted(source: str, own: str, official: str) -> bool:
        return source in whole or own == official

    rows = {
        "toxic_spans": [
            (post["text"], 2 * post["votes"].get("not_toxic", 0) < post["raters"])
            for post in read_posts(train / "toxic_spans.jsonl.gz")
            if ("test" in post["semeval"] if test else held_out(post["text"]) and "test" not in post["semeval"])
        ],
        "convabuse": [
            (row["user"], bool(np.mean([int(vote) < 0 for vote in row["severity_votes"].split()]) > 0.5))
            for row in read_rows(train / "convabuse.csv.gz")
            if wanted("convabuse", row["split"], "test" if test else "valid") and row["user"].strip()
        ],
        "edos": [
            (row["text"], row["sexist"] == "1")
            for row in read_rows(train / "edos.csv.gz")
            if wanted("edos", row["split"], split)
        ][:2000],
        "surge_toxicity": [
            (row["text"], row["toxic"] == "1")
            for row in read_rows(train / "surge_toxicity.csv")
            if "surge_toxicity" in whole or held_out(row["text"], share=SURGE_SHARE)
        ],
    }
    return {
        name: Labelled([text for text, _ in listed], np.array([label for _, label in listed]))
        for name, listed in rows.items()
    }


def print_exam(score: Score, sets: Mapping[str, Labelled], development: Sequence[Example]) -> None:
    """Print average precision and AUC per set and pooled, thresholds, and families of held-out contrast templates."""
    pooled: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    for name, rows in sets.items():
        scores = score(rows.texts)
        if name == "edos":  # "not sexist" says nothing about other abuse, so only attacks on groups can be ranked
            _print_ranking(name, scores[:, CLASSES.index("identity_attack")], rows.positive)
            continue
        pooled.append((scores.max(axis=1), rows.positive))
        _print_ranking(name, *pooled[-1])
    _print_ranking("pooled", np.concatenate([p[0] for p in pooled]), np.concatenate([p[1] for p in pooled]))
    scores, labels = score([example.text for example in development]), np.array([e.labels for e in development])
    _print_thresholds(scores, labels)
    sources = np.array([example.source for example in development])
    for source in sorted({name for name in sources if name.startswith("contrast/")}):
        chosen = sources == source
        means = " ".join(
            f"{name} {scores[chosen, column].mean():.2f}/{labels[chosen, column][0]:.2f}"
            for column, name in enumerate(CLASSES)
        )
        print(f"{source} (n = {chosen.sum()}) mean/label: {means}", flush=True)


def _print_thresholds(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
    """Print what each threshold finds and costs; "harmless" are texts for which every known label is below 0.2."""
    harmless = np.nan_to_num(labels, nan=1.0).max(axis=1) < 0.2
    for column, name in enumerate(CLASSES):
        known = ~np.isnan(labels[:, column])
        positive = labels[:, column] >= 0.5
        parts = []
        for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
            flagged = scores[:, column] >= threshold
            right = (flagged & positive)[known].sum()
            parts.append(
                f"{threshold}: precision {right / max(1, flagged[known].sum()):.2f}"
                f" recall {right / max(1, positive[known].sum()):.2f}"
                f" harmless {100 * (flagged & harmless).sum() / max(1, harmless.sum()):.1f} %"
            )
        print(f"{name} (n = {known.sum()}, positive {positive[known].sum()}) " + "; ".join(parts), flush=True)


def score_texts(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
) -> NDArray[np.float64]:
    """Return (texts, classes) probabilities, each the maximum over pieces of about 55 words."""
    pieces = [
        (number, piece.strip())
        for number, text in enumerate(texts)
        for piece in (_MANY_WORDS.findall(text + " ") or [text])
    ]
    pieces.sort(key=lambda pair: len(pair[1]))
    best = np.zeros((len(texts), len(CLASSES)))
    model.train(mode=False)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for at in range(0, len(pieces), 64):
            group = pieces[at : at + 64]
            encoded = tokenizer(
                [piece for _, piece in group], truncation=True, max_length=128, padding=True, return_tensors="pt"
            )
            logits = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits
            values = torch.sigmoid(logits.float()).numpy()
            for (number, _), row in zip(group, values, strict=True):
                best[number] = np.maximum(best[number], row)
    return best


def average_precision(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the precision-recall curve, by steps."""
    order = np.argsort(-scores, kind="stable")
    hits = positive[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def area(scores: Sequence[float] | NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve (Mann-Whitney)."""
    ranks = rankdata(scores)
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


def bootstrap(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % percentile interval of average precision over resampled texts."""
    generator = np.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES):
        chosen = generator.integers(0, len(scores), len(scores))
        values.append(average_precision(scores[chosen], positive[chosen]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _print_ranking(name: str, scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> None:
    low, high = bootstrap(scores, positive)
    print(
        f"{name}: average precision {average_precision(scores, positive):.3f} [{low:.3f}-{high:.3f}], "
        f"AUC {area(scores, positive):.3f}, n = {len(scores)}, abusive {positive.mean():.2f}",
        flush=True,
    )
