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
from numpy.typing import NDArray

from policies.adapters.detoxify import CLASSES, DetoxifyModel
from policies.adapters.packaged_encoder import DIGESTS, MODEL_ID, PackagedEncoder
from policies.decision import Verdict
from policies.policy import DEFAULT_PACK, Policy
from policies.rules.toxicity import Toxicity, ToxicityModel
from policies.text import Manuscript, Turn
from policies.training.exam import area, average_precision, held_out_sets
from policies.views import build_views

# HateCheck is about attacks on groups; besides the decisions of the default pack, this class at even odds is reported.
_HATE = "identity_attack"
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
name = "Surge AI toxicity, three fifths of it; Surge AI profanity, as words and as slurs in contrast sentences"
licence = "MIT"
cite = "Surge AI"

[[data]]
name = "identity templates (unintended bias)"
licence = "CC-BY-4.0"
cite = "Dixon et al. 2018"

[[data]]
name = "CREAK, SciFact, COVID-19 rumour and Fool Me Twice claims, premises of negated MNLI; as harmless sentences"
licence = "MIT, CC-BY-4.0, MIT, Apache-2.0, MIT"
cite = "Onoe et al. 2021; Wadden et al. 2020; Cheng et al. 2021; Eisenschlos et al. 2021; Hossain et al. 2020"

[[data]]
name = "contrast sentences, policies/training/contrast/"
licence = "Apache-2.0"
cite = "own"
"""


def card(weights: Path, numbers: Mapping[str, tuple[float, int]]) -> str:
    """Return the card's text; `numbers` are name to (value, n)."""
    digest = hashlib.sha256((weights / "model.safetensors").read_bytes()).hexdigest()
    measured = "\n".join(f"{name} = {{ value = {value:.4f}, n = {n} }}" for name, (value, n) in numbers.items())
    return f'''# Card of the toxicity weights; written by policies/training/card.py.
name = "assay/minilm-detoxify"
made_on = "2026-11-25"
what = "Upper three layers, pooler and seven-class head over the packaged all-MiniLM-L6-v2, in Detoxify's format."
classes = {list(CLASSES)}
language = "en"
limits = """
English only. Labels are opinions of crowd workers on social media, not on spoken scripts. Severe toxicity, threats and
sexual content have few public examples; most of theirs are our own contrast sentences. Weak on slurs alone, on abuse
that only its context makes abuse, and on misspelled text; the lexicon and the views cover part of that. Some reclaimed
words and positive mentions of groups are still scored as attacks. It judges words, not intent: whether a request is safe
to answer is another question.
HateCheck is not fully unseen: the contrast families were written knowing its functions and how an earlier head scored
on each, and three of its shortest sentences ("I hate ...") had been seen. No text of it was trained on; thresholds come
from development data.
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


def measure(model: DetoxifyModel, data: Path) -> dict[str, tuple[float, int]]:
    """Return the numbers of the card; the sets are read, never kept."""
    evaluation = data / "evaluation"
    cases = list(csv.DictReader(io.StringIO((evaluation / "hatecheck.csv").read_text(encoding="utf-8"))))
    texts, hateful = [case["text"] for case in cases], np.array([case["label"] == "hateful" for case in cases])
    scores = np.array([row[_HATE] for row in model.score(texts)])
    numbers = {"hatecheck_auc": (area(scores, hateful), len(cases))}
    for name, flagged in (("hatecheck", scores >= 0.5), ("hatecheck_screened", screened(model, texts))):
        right = flagged == hateful
        numbers |= {
            f"{name}_accuracy": (float(right.mean()), len(cases)),
            f"{name}_hateful_accuracy": (float(right[hateful].mean()), int(hateful.sum())),
            f"{name}_not_hateful_accuracy": (float(right[~hateful].mean()), int((~hateful).sum())),
        }
    packed = gzip.decompress((evaluation / "wiki_toxicity.csv.gz").read_bytes()).decode("utf-8")
    comments = list(csv.DictReader(io.StringIO(packed, newline="")))
    toxic = np.array([row["toxic"] == "1" for row in comments])
    for key, column in (("auc", "comment"), ("auc_identity_swapped", "comment_identity_swapped")):
        pieces = [row[column][:_LONGEST_COMMENT] for row in comments]
        values = np.array([row["toxicity"] for row in model.score(pieces)])
        numbers[f"wikipedia_{key}"] = (area(values, toxic), len(comments))
    for split, rows in held_out_sets(data, split="test").items():
        worst = np.array([max(row.values()) for row in model.score(rows.texts)])
        numbers[f"{split}_average_precision"] = (average_precision(worst, rows.positive), len(rows.texts))
    return numbers


def screened(model: ToxicityModel, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each text whether the default policy's toxicity rule holds it, for a reviewer or altogether."""
    settings = Policy.load(DEFAULT_PACK).rules.toxicity
    if settings is None:
        raise SystemExit("the default pack has no toxicity rule; its thresholds are needed to measure decisions")
    rule = Toxicity(model=model, settings=settings)
    held = []
    for text in texts:
        manuscript = Manuscript(text, "en", (Turn("VOICE", 0, len(text)),))
        findings = rule.check(manuscript, build_views(manuscript))
        held.append(any(finding.verdict is not Verdict.ALLOW for finding in findings))
    return np.array(held)


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
        numbers = measure(model, arguments.data)
    target.write_text(card(arguments.weights, numbers), encoding="utf-8")
    for name, (value, n) in numbers.items():
        print(f"{name} {value:.3f} (n = {n})")


if __name__ == "__main__":
    main()
