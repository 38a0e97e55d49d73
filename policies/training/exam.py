"""The development exam: how well scores rank abuse in texts that took no part in training.

Used to choose recipes, never to report: reported numbers come from `policies.training.card`. It never opens the folder
`evaluation`. With whole sources left out of training (`--without`), it says how a recipe does on texts of another kind,
which is the honest stand-in for an examination by somebody else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from policies.training.corpus import CLASSES, Example, held_out, read_posts, read_rows

_RESAMPLES = 500
_MANY_WORDS = re.compile(r"(?:\S+\s+){1,55}")  # a text is scored by its worst piece, as in screening
Labelled = dict[str, tuple[list[str], NDArray[np.bool_]]]


def held_out_sets(data: Path, *, everything: Sequence[str] = ()) -> Labelled:
    """Return set name to (texts, is abusive); sources named in `everything` were not trained on and come whole."""
    train = data / "train"
    sets: dict[str, list[tuple[str, bool]]] = {}
    sets["toxic_spans"] = [
        (post["text"], 2 * post["votes"].get("not_toxic", 0) < post["raters"])
        for post in read_posts(train / "toxic_spans.jsonl.gz")
        if held_out(post["text"])
    ]
    split = ("train", "valid", "test") if "convabuse" in everything else ("valid", "test")
    sets["convabuse"] = [
        (row["user"], np.mean([int(vote) < 0 for vote in row["severity_votes"].split()]) > 0.5)
        for row in read_rows(train / "convabuse.csv.gz")
        if row["split"] in split and row["user"].strip()
    ]
    split = ("train", "dev", "test") if "edos" in everything else ("dev",)
    sets["edos"] = [
        (row["text"], row["sexist"] == "1") for row in read_rows(train / "edos.csv.gz") if row["split"] in split
    ][:2000]
    sets["surge_toxicity"] = [
        (row["text"], row["toxic"] == "1")
        for row in read_rows(train / "surge_toxicity.csv")
        if "surge_toxicity" in everything or held_out(row["text"], share=0.4)
    ]
    sets["davidson"] = [
        (row["text"], row["majority"] == "hate")
        for row in read_rows(train / "davidson.csv.gz")
        if ("davidson" in everything or held_out(row["text"], share=0.06)) and row["majority"] != "offensive"
    ]
    return {name: ([text for text, _ in rows], np.array([label for _, label in rows])) for name, rows in sets.items()}


def print_exam(
    model: BertForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    sets: Labelled,
    contrast: Sequence[Example],
) -> None:
    """Print average precision and AUC per set and pooled, and the families of held-out contrast templates."""
    pooled: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    for name, (texts, positive) in sets.items():
        worst = score_texts(model, tokenizer, texts).max(axis=1)
        pooled.append((worst, positive))
        _print_ranking(name, worst, positive)
    _print_ranking("pooled", np.concatenate([p[0] for p in pooled]), np.concatenate([p[1] for p in pooled]))
    families: dict[str, list[Example]] = defaultdict(list)
    for example in contrast:
        if example.development:
            families[example.source].append(example)
    for source, examples in sorted(families.items()):
        scores = score_texts(model, tokenizer, [example.text for example in examples])
        means = " ".join(
            f"{name} {scores[:, column].mean():.2f}/{examples[0].labels[column]:.2f}"
            for column, name in enumerate(CLASSES)
        )
        print(f"{source} (n = {len(examples)}) mean/label: {means}", flush=True)


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
