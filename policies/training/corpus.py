"""Read the public moderation sets into one shape: a text, seven soft labels, a weight.

A label that a source cannot give is NaN and takes no part in the loss. Soft labels are shares of raters.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLASSES = ("toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
NAN = math.nan
_DEVELOPMENT_SHARE = 0.06
SURGE_SHARE = 0.4  # of the exam; the only small and clean mix
_POST_WORDS = 55  # a longer post would be cut in training, perhaps before the words that its raters marked
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Example:
    """One training text; `labels` follow `CLASSES`, NaN where unknown."""

    text: str
    labels: tuple[float, ...]
    weight: float
    source: str
    development: bool


def read_corpus(data: Path, generator: random.Random) -> list[Example]:
    """Read every set below `data`; folders named `evaluation` are never opened."""
    train, claims = data / "train", data / "claims"
    examples = [
        *_toxic_spans(train / "toxic_spans.jsonl.gz"),
        *_edos(train / "edos.csv.gz"),
        *_davidson(train / "davidson.csv.gz", generator),
        *_convabuse(train / "convabuse.csv.gz"),
        *_surge(train / "surge_toxicity.csv"),
        *_identity_templates(train / "identity_templates.csv.gz", generator),
        *_plain_claims(claims, generator),
        *_plain_sentences(data / "nli"),
        *_listed_words(data / "lexicon" / "surge_profanity.csv"),
    ]
    return [example for example in examples if example.text.strip()]


def slurs(data: Path) -> list[str]:
    """Return single-word slurs against protected groups from the profanity lexicon."""
    wanted = ("racial / ethnic slurs", "sexual orientation / gender", "mental disability")
    with (data / "lexicon" / "surge_profanity.csv").open(encoding="utf-8", newline="") as file:
        return sorted(
            row["text"]
            for row in csv.DictReader(file)
            if row["category_1"] in wanted
            and float(row["severity_rating"]) >= 1.8
            and row["text"] == row["canonical_form_1"]
            and row["text"].isalpha()
            and 4 <= len(row["text"]) <= 9
            and row["text"] not in ("klan", "mongrel", "spook", "flamer", "blacky")  # false friends
        )


def held_out(text: str, *, share: float = _DEVELOPMENT_SHARE) -> bool:
    """Say whether a hash of the text puts it into the share that is kept out of training."""
    return hashlib.sha256(text.encode()).digest()[0] < 256 * share


def _example(text: str, labels: dict[str, float], source: str, *, default: float = NAN, weight: float = 1.0) -> Example:
    development = held_out(text)
    text = re.sub(r"\s+", " ", text.replace("[USER]", "@user").replace("[URL]", "")).strip()
    values = tuple(labels.get(name, default) for name in CLASSES)
    return Example(text, values, weight, source, development)


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, gzipped or not."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def read_posts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the posts of a gzipped file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _toxic_spans(path: Path) -> Iterator[Example]:
    """Posts whose raters marked spans; sentences with and without marks become examples of their own."""
    for post in read_posts(path):
        if "test" in post["semeval"]:
            continue
        raters, votes, text = post["raters"], post["votes"], post["text"]
        share = {
            name: min(1.0, votes.get(name, 0) / raters) for name in ("insult", "obscene", "identity_attack", "threat")
        }
        toxicity = 1.0 - votes.get("not_toxic", 0) / raters
        labels = {**share, "toxicity": toxicity}
        # Raters marked nothing as severe or sexual: only a clear zero is known.
        if toxicity < 0.5:
            labels["severe_toxicity"] = 0.0
        if share["obscene"] == 0:
            labels["sexual_explicit"] = 0.0
        if len(text.split()) <= _POST_WORDS:
            yield _example(text, labels, "toxic_spans")
        yield from _marked_sentences(text, post["spans"], raters, labels)


def _marked_sentences(text: str, spans: list[list[int]], raters: int, labels: dict[str, float]) -> Iterator[Example]:
    start = 0
    sentences = _SENTENCE_END.split(text)
    if not 2 <= len(sentences) <= 12:
        return
    for number, sentence in enumerate(sentences):
        begin = text.index(sentence, start)
        start = end = begin + len(sentence)
        touching = {span[3] for span in spans if span[0] < end and span[1] > begin}
        if len(sentence.split()) < 4 or (number + len(sentences)) % 4 != 0:
            continue  # one sentence in four is enough: posts are long and repeat themselves
        share = len(touching) / raters
        if touching:
            mine = {name: value for name, value in labels.items() if name in ("toxicity", "insult")}
            mine["toxicity"] = min(1.0, share)
            yield _example(sentence, mine, "toxic_spans/sentence", weight=0.7)
        else:
            yield _example(sentence, {"toxicity": 0.1, "insult": 0.05}, "toxic_spans/sentence", default=0.0, weight=0.5)


_EDOS_LABELS: dict[str, dict[str, float]] = {
    "1.1": {"toxicity": 1.0, "identity_attack": 0.8, "threat": 1.0, "severe_toxicity": 0.9},
    "1.2": {"toxicity": 1.0, "identity_attack": 0.9, "threat": 0.8, "severe_toxicity": 0.8},
    "2.1": {"toxicity": 0.9, "identity_attack": 0.95, "threat": 0.0},
    "2.2": {"toxicity": 1.0, "identity_attack": 0.95, "insult": 0.8, "threat": 0.05},
    "2.3": {"toxicity": 0.9, "identity_attack": 0.8, "sexual_explicit": 0.7, "threat": 0.05},
    "3.1": {"toxicity": 0.8, "identity_attack": 0.6, "insult": 0.7, "obscene": 0.6, "threat": 0.0},
    "3.2": {"toxicity": 0.7, "identity_attack": 0.8, "threat": 0.0},
    "3.3": {"toxicity": 0.5, "identity_attack": 0.6, "threat": 0.0},
    "3.4": {"toxicity": 0.6, "identity_attack": 0.7, "insult": 0.4, "threat": 0.0},
    "4.1": {"toxicity": 0.6, "identity_attack": 0.7},
    "4.2": {"toxicity": 0.6, "identity_attack": 0.7, "threat": 0.0},
}


def _edos(path: Path) -> Iterator[Example]:
    for row in read_rows(path):
        if row["split"] != "train":
            continue
        if row["sexist"] == "1":
            yield _example(row["text"], _EDOS_LABELS[row["vector"].split()[0].rstrip(".")], "edos")
        elif held_out(row["text"], share=0.35):
            # "Not sexist" says nothing about other abuse, so it is a weak zero for identity attacks only.
            yield _example(row["text"], {"identity_attack": 0.0}, "edos", weight=0.4)


def _davidson(path: Path, generator: random.Random) -> Iterator[Example]:
    """Hate is kept whole, the rest sampled: its "offensive" class is biased against dialect."""
    kept = {"hate": 1.0, "offensive": 0.07, "neither": 0.4}
    for row in read_rows(path):
        if generator.random() >= kept[row["majority"]]:
            continue
        raters = int(row["raters"])
        hate, offensive = int(row["hate_votes"]) / raters, int(row["offensive_votes"]) / raters
        labels = {"identity_attack": hate, "obscene": offensive * 0.8, "toxicity": min(1.0, hate + 0.5 * offensive)}
        if row["majority"] == "neither":
            labels |= {"threat": 0.0, "severe_toxicity": 0.0, "insult": 0.05, "sexual_explicit": 0.0}
        yield _example(row["text"].lstrip("! ").removeprefix("RT "), labels, "davidson", weight=0.7)


def _convabuse(path: Path) -> Iterator[Example]:
    for row in read_rows(path):
        if row["split"] != "train":
            continue
        votes = [int(vote) for vote in row["severity_votes"].split()]
        abusive = sum(vote < 0 for vote in votes) / len(votes)
        labels = {
            "toxicity": abusive,
            "severe_toxicity": sum(vote <= -2 for vote in votes) / len(votes),
            "sexual_explicit": min(1.0, int(row["sex_harassment"]) / len(votes)),
            "identity_attack": min(
                1.0, sum(int(row[name]) for name in ("racist", "sexist", "homophobic", "transphobic")) / len(votes)
            ),
        }
        if abusive == 0:
            labels |= {"insult": 0.0, "threat": 0.0, "obscene": 0.0}
        yield _example(row["user"], labels, "convabuse")


def _surge(path: Path) -> Iterator[Example]:
    for row in read_rows(path):
        if held_out(row["text"], share=SURGE_SHARE):
            continue  # of the exam
        if row["toxic"] == "1":
            yield _example(row["text"], {"toxicity": 1.0}, "surge_toxicity")
        else:
            yield _example(row["text"], {"toxicity": 0.0, "obscene": 0.1}, "surge_toxicity", default=0.0)


def _identity_templates(path: Path, generator: random.Random) -> Iterator[Example]:
    for row in read_rows(path):
        if generator.random() < 0.02:
            known = {"toxicity": 1.0} if row["toxic"] == "1" else {}
            yield _example(row["text"], known, "identity_templates", default=NAN if known else 0.0, weight=0.5)


def _plain_claims(folder: Path, generator: random.Random) -> Iterator[Example]:
    """Claims of crowd writers: matter-of-fact sentences, harmless in tone whether true or not."""
    with gzip.open(folder / "creak.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        if row["split"] == "train" and generator.random() < 0.2:
            yield _example(row["claim"], {}, "creak", default=0.0)
    for name in ("scifact_claims.csv", "covid_rumours.csv"):
        for row in read_rows(folder / name):
            if row.get("split", "train") == "train" and generator.random() < 0.25:
                yield _example(row["claim"], {}, name.removesuffix(".csv"), default=0.0)


def _plain_sentences(folder: Path) -> Iterator[Example]:
    """Fiction, telephone talk, reports and quiz facts, not rated by anybody: harmless with few exceptions."""
    for text in dict.fromkeys(row["premise"] for row in read_rows(folder / "negation_mnli.csv")):
        yield _example(text, {}, "negation_mnli", default=0.02, weight=0.6)
    for text in dict.fromkeys(row["claim"] for row in read_posts(folder / "fm2.jsonl.gz")):
        yield _example(text, {}, "fm2", default=0.02, weight=0.4)


_LISTED: dict[str, dict[str, float]] = {
    "sexual anatomy / sexual acts": {"toxicity": 0.5, "obscene": 0.8, "sexual_explicit": 0.85, "threat": 0.0},
    "racial / ethnic slurs": {"toxicity": 0.9, "identity_attack": 0.9, "insult": 0.8, "threat": 0.0},
    "sexual orientation / gender": {"toxicity": 0.85, "identity_attack": 0.8, "insult": 0.8, "threat": 0.0},
    "mental disability": {"toxicity": 0.8, "insult": 0.8, "threat": 0.0},
    "other / general insult": {"toxicity": 0.7, "insult": 0.8, "threat": 0.0, "identity_attack": 0.05},
    "bodily fluids / excrement": {"toxicity": 0.3, "obscene": 0.75, "threat": 0.0, "identity_attack": 0.0},
}


def _listed_words(path: Path) -> Iterator[Example]:
    """Profanity by itself; mild entries are everyday words and left out."""
    for row in read_rows(path):
        labels = _LISTED.get(row["category_1"])
        if labels is not None and float(row["severity_rating"]) >= 1.6:
            yield _example(row["text"], labels, "surge_profanity", weight=0.5)
