"""Public sets, read from the folder that `DATA=` of `make bench-policies` names; test splits are reported only."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One text of a functional test."""

    id: str
    function: str
    hateful: bool
    text: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One text with a yes-or-no label."""

    id: str
    positive: bool
    text: str


@dataclass(frozen=True, slots=True)
class Rated:
    """One post with the share of raters who saw each class, and the characters that they marked as toxic."""

    id: str
    text: str
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """A comment, and the same comment with other identity terms."""

    id: str
    positive: bool
    text: str
    swapped: str


def hatecheck(data: Path) -> list[Case]:
    """Return HateCheck (Röttger et al. 2021), 3,728 cases of 29 functions."""
    rows = _csv(data / "evaluation" / "hatecheck.csv")
    return [Case(row["case_id"], row["functionality"], row["label"] == "hateful", row["text"]) for row in rows]


def multilingual_hatecheck(data: Path) -> list[Case]:
    """Return Multilingual HateCheck (Röttger et al. 2022), ten languages."""
    return [
        Case(row["case_id"], row["functionality"], row["label"] == "hateful", row["text"], row["language"])
        for row in _csv(data / "evaluation" / "hatecheck_multilingual.csv.gz")
    ]


def wikipedia_pairs(data: Path) -> list[Pair]:
    """Return talk-page comments with and without swapped identity terms (Dixon et al. 2018)."""
    return [
        Pair(row["rev_id"], row["toxic"] == "1", row["comment"], row["comment_identity_swapped"])
        for row in _csv(data / "evaluation" / "wiki_toxicity.csv.gz")
    ]


def sexism(data: Path, split: str) -> list[Text]:
    """Return one split of EDOS task A (Kirk et al. 2023)."""
    return [
        Text(row["id"], row["sexist"] == "1", row["text"])
        for row in _csv(data / "train" / "edos.csv.gz")
        if row["split"] == split
    ]


def abuse_of_bots(data: Path, split: str) -> list[Text]:
    """Return one split of ConvAbuse (Cercas Curry et al. 2021): abusive if most of its raters say so."""
    found = []
    for row in _csv(data / "train" / "convabuse.csv.gz"):
        if row["split"] == split:
            votes = [int(vote) for vote in row["severity_votes"].split()]
            found.append(Text(row["id"], sum(vote < 0 for vote in votes) > len(votes) / 2, row["user"]))
    return found


def small_mix(data: Path) -> list[Text]:
    """Return Surge AI's thousand comments, for training a rival."""
    rows = _csv(data / "train" / "surge_toxicity.csv")
    return [Text(f"surge-{number}", row["toxic"] == "1", row["text"]) for number, row in enumerate(rows)]


def rated_posts(data: Path, *, test: bool) -> list[Rated]:
    """Return posts with typed votes (Pavlopoulos et al. 2022): those of SemEval-2021's test split, or all others."""
    found = []
    for row in _json_lines(data / "train" / "toxic_spans.jsonl.gz"):
        if ("test" in row["semeval"]) is test:
            votes, raters = row["votes"], row["raters"]
            shares = {name: min(1.0, votes.get(name, 0) / raters) for name in ("insult", "obscene", "threat")}
            shares["identity_attack"] = min(1.0, votes.get("identity_attack", 0) / raters)
            shares["toxicity"] = 1.0 - votes.get("not_toxic", 0) / raters
            found.append(Rated(str(row["id"]), row["text"], shares))
    return found


def toxic_spans(data: Path, split: str) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return texts of SemEval-2021 task 5 with the ranges of characters that are toxic."""
    return [
        (row["text"], [(start, end) for start, end, *_ in row["spans"]])
        for row in _json_lines(data / "train" / "toxic_spans_semeval.jsonl.gz")
        if row["split"] == split
    ]


def rumours(data: Path) -> list[str]:
    """Return the claims of a set of COVID-19 rumours (Cheng et al. 2021), as distractors."""
    return [row["claim"] for row in _csv(data / "claims" / "covid_rumours.csv")]


def _csv(path: Path) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(_text(path), newline=""))


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, _text(path).splitlines())


def _text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
