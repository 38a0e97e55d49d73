"""Measure trained toxicity weights and write their `card.toml`: digests, data, numbers with their n.

    python -m policies.training.card --weights policies/weights/toxicity --data DATA

Reads the evaluation sets for reporting only; nothing here chooses a threshold. `make train-toxicity` runs it after
`policies.training.toxicity`, and the gateway loads no weights without a card whose digest fits.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata

from policies.adapters.detoxify import CLASSES, DetoxifyModel
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder

# The thresholds that decisions are reported at: an attack on a group at even odds, see the default policy pack.
_HATE = ("identity_attack", 0.5)
_LONGEST_COMMENT = 1200  # characters; a comment is scored by its worst piece, as in screening

_DATA = """
[[data]]
name = "toxic_spans (Civil Comments posts)"
licence = "CC0-1.0"
cite = "Pavlopoulos et al. 2021, 2022"

[[data]]
name = "EDOS"
licence = "CC0-1.0"
cite = "Kirk et al. 2023"

[[data]]
name = "Davidson hate speech and offensive language"
licence = "MIT"
cite = "Davidson et al. 2017"

[[data]]
name = "ConvAbuse"
licence = "CC-BY-4.0"
cite = "Cercas Curry et al. 2021"

[[data]]
name = "Surge AI toxicity; slurs for contrast sentences from Surge AI profanity"
licence = "MIT"
cite = "Surge AI"

[[data]]
name = "identity templates (unintended bias)"
licence = "CC-BY-4.0"
cite = "Dixon et al. 2018"

[[data]]
name = "CREAK, SciFact and COVID-19 rumour claims, as harmless sentences"
licence = "MIT, CC-BY-4.0, MIT"
cite = "Onoe et al. 2021; Wadden et al. 2020; Cheng et al. 2021"

[[data]]
name = "contrast sentences, policies/training/contrast.toml"
licence = "Apache-2.0"
cite = "own"
"""


def card(weights: Path, numbers: Mapping[str, tuple[float, int]]) -> str:
    """Return the card's text; `numbers` are name to (value, n)."""
    digest = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    measured = "\n".join(f"{name} = {{ value = {value:.4f}, n = {n} }}" for name, (value, n) in numbers.items())
    return f'''# Card of the toxicity weights; written by policies/training/card.py.
name = "assay/minilm-detoxify"
made_on = "2026-11-22"
what = "Upper three layers, pooler and seven-class head over the packaged all-MiniLM-L6-v2, in Detoxify's format."
classes = {list(CLASSES)}
language = "en"
limits = """
English only. Labels are opinions of crowd workers on social media, not on spoken scripts. Severe toxicity, threats and
sexual content have few examples. Weak on slurs alone, on abuse without rude words and on misspelled text; the lexicon
and the views cover part of that. Some reclaimed words and positive mentions of groups are still scored as attacks.
HateCheck is not fully unseen: the contrast families were written knowing its functions and how an earlier head scored
on each, three of its shortest sentences ("I hate ...") had been seen, and of two heads the one that scored better there
was kept. None was trained on; thresholds come from other data.
"""

[weights]
file = "model.safetensors"
sha256 = "{digest}"
licence = "Apache-2.0"

[base]
name = "{MODEL_ID}"
sha256 = "{DIGESTS["model.safetensors"]}"
licence = "Apache-2.0"

# None of these sets was trained on.
[measured]
{measured}
{_DATA}'''


def measure(model: DetoxifyModel, evaluation: Path) -> dict[str, tuple[float, int]]:
    """Return the numbers of the card; the sets are read, never kept."""
    name, threshold = _HATE
    cases = list(csv.DictReader(io.StringIO((evaluation / "hatecheck.csv").read_text(encoding="utf-8"))))
    hateful = np.array([case["label"] == "hateful" for case in cases])
    scores = np.array([row[name] for row in model.score([case["text"] for case in cases])])
    right = (scores >= threshold) == hateful
    numbers = {
        "hatecheck_accuracy": (float(right.mean()), len(cases)),
        "hatecheck_hateful_accuracy": (float(right[hateful].mean()), int(hateful.sum())),
        "hatecheck_not_hateful_accuracy": (float(right[~hateful].mean()), int((~hateful).sum())),
        "hatecheck_auc": (area(scores, hateful), len(cases)),
    }
    packed = gzip.decompress((evaluation / "wiki_toxicity.csv.gz").read_bytes()).decode("utf-8")
    comments = list(csv.DictReader(io.StringIO(packed, newline="")))
    toxic = np.array([row["toxic"] == "1" for row in comments])
    for key, column in (("auc", "comment"), ("auc_identity_swapped", "comment_identity_swapped")):
        texts = [row[column][:_LONGEST_COMMENT] for row in comments]
        values = np.array([row["toxicity"] for row in model.score(texts)])
        numbers[f"wikipedia_{key}"] = (area(values, toxic), len(comments))
    return numbers


def area(scores: Sequence[float] | np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve (Mann-Whitney)."""
    ranks = rankdata(scores)
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


def main() -> None:
    """Write a card that fits the weights, measure them through Detoxify, write the card with the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with evaluation/")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    target = arguments.weights / "card.toml"
    target.write_text(card(arguments.weights, {}), encoding="utf-8")  # the loader wants a card that fits
    with tempfile.TemporaryDirectory() as scratch:
        model = DetoxifyModel.packaged(packaged=PackagedEncoder(), scratch=Path(scratch), weights=arguments.weights)
        numbers = measure(model, arguments.data / "evaluation")
    target.write_text(card(arguments.weights, numbers), encoding="utf-8")
    for name, (value, n) in numbers.items():
        print(f"{name} {value:.3f} (n = {n})")


if __name__ == "__main__":
    main()
