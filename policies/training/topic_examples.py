"""Expand the topic families into labelled sentences, and read plain sentences from the public sets.

The families are our own words. Every example belongs to a fold, decided by a hash of its task, or of its template where
it has no task: numbers measured across folds are about deeds and wording that were not trained on.
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
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.adapters.topics import TOPICS

FAMILIES = Path(__file__).with_name("topic_families")
NAN = math.nan
_SLOT = re.compile(r"\{(\w+)\}")
FOLDS = 5
_LONGEST = 400  # characters, as the screener's sentences
_SPEAKS_OF_SELF_HARM = re.compile(r"suicid|kill (?:my|your|him|her|them)sel|\bkys\b|hang yourself|self.harm", re.I)
_SPEAKS_OF_VIOLENCE = re.compile(
    r"\b(?:kill|shoot|shot|hang|murder|stab|burn|beat|bomb|gun|rape|dead|die|death|blood|punch|hit|execut|slaughter)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class TopicExample:
    """One training text; `labels` follow `TOPICS`, NaN where unknown."""

    text: str
    labels: tuple[float, ...]
    weight: float
    source: str
    fold: int  # 0 .. FOLDS - 1


def fold_of(text: str) -> int:
    """Return the fold of everything that is made from `text`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % FOLDS


def family_examples(seed: int, folder: Path = FAMILIES) -> list[TopicExample]:
    """Return the sentences of all families, no text twice; a new family leaves the sentences of the others alone."""
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    frames: dict[str, list[str]] = {}
    slots: dict[str, list[str]] = {}
    for document in documents:
        frames |= document.get("frames", {})
        slots |= document.get("slots", {})
    examples: dict[str, TopicExample] = {}
    for document in documents:
        for family in document.get("family", []):
            labels = tuple(float(name in family["labels"]) for name in TOPICS)
            generator = random.Random(f"{seed} {family['name']}")  # noqa: S311 - sampling sentences, no secret
            for text, fold in _expand(family, frames, slots, generator):
                source = "family/" + family["name"]
                examples.setdefault(text, TopicExample(text, labels, 1.0, source, fold))
    return list(examples.values())


def _expand(
    family: Mapping[str, Any],
    frames: Mapping[str, Sequence[str]],
    slots: Mapping[str, Sequence[str]],
    generator: random.Random,
) -> Iterator[tuple[str, int]]:
    templates = [*family.get("templates", []), *(one for name in family.get("frames", []) for one in frames[name])]
    if tasks := family.get("tasks"):
        for task in tasks:
            for template in generator.sample(templates, min(family["per_task"], len(templates))):
                text = _fill(template.replace("{task}", task), slots, generator)
                yield _vary(text, generator), fold_of(task)
    else:
        for template in templates:
            draws = family["draws"] if _SLOT.search(template) else min(3, family["draws"])
            for _ in range(draws):
                yield _vary(_fill(template, slots, generator), generator), fold_of(template)


def _fill(template: str, slots: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    text = template.replace("{{", "{").replace("}}", "}")
    while (match := _SLOT.search(text)) is not None:
        text = text[: match.start()] + generator.choice(slots[match.group(1)]) + text[match.end() :]
    return text[0].upper() + text[1:] if template[0] == "{" else text


def _vary(text: str, generator: random.Random) -> str:
    """Change surface form alike for all families: case and the final stop must carry no label."""
    roll = generator.random()
    if roll < 0.12:
        return text.lower()
    if roll < 0.22:
        return text.rstrip(".!")
    if roll < 0.28 and text.endswith("."):
        return text[:-1] + "!"
    return text


def plain_examples(data: Path, generator: random.Random) -> list[TopicExample]:
    """Return sentences of the public training sets as counter-examples; files below `evaluation` are never opened.

    They teach what ordinary and merely rude writing looks like. Threats that raters marked count as violence; where a
    text may speak of self-harm or violence and no rater said so, the label is unknown rather than zero.
    """
    train, claims = data / "train", data / "claims"
    texts = [
        *_toxic_spans(train / "toxic_spans.jsonl.gz", generator),
        *_edos(train / "edos.csv.gz", generator),
        *((row["text"], {}, "davidson") for row in _rows(train / "davidson.csv.gz") if generator.random() < 0.1),
        *((row["text"], {}, "surge_toxicity") for row in _rows(train / "surge_toxicity.csv")),
        *((row["user"], {}, "convabuse") for row in _rows(train / "convabuse.csv.gz") if row["split"] == "train"),
        *((row["claim"], {}, "scifact") for row in _rows(claims / "scifact_claims.csv") if row["split"] == "train"),
        *(
            (row["claim"], {}, "covid_rumours")
            for row in _rows(claims / "covid_rumours.csv")
            if generator.random() < 0.3
        ),
        *_creak(claims / "creak.jsonl.gz", generator),
    ]
    return [_plain(text, dict(known), source) for text, known, source in texts if len(text.split()) > 2]


def _plain(text: str, known: dict[str, float], source: str) -> TopicExample:
    text = re.sub(r"\s+", " ", text.replace("[USER]", "@user").replace("[URL]", "")).strip()[:_LONGEST]
    if _SPEAKS_OF_SELF_HARM.search(text):
        known |= dict.fromkeys(("self_harm", "self_harm/intent", "self_harm/instructions"), NAN)
    if _SPEAKS_OF_VIOLENCE.search(text) and source not in ("scifact", "creak", "toxic_spans"):
        known = {"violence": NAN, "violence/graphic": NAN, "extremism": NAN} | known
    if source == "covid_rumours":
        known |= {"dangerous_advice": NAN}
    labels = tuple(known.get(name, 0.0) for name in TOPICS)
    return TopicExample(text, labels, 0.7, source, fold_of(text))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def _toxic_spans(path: Path, generator: random.Random) -> Iterator[tuple[str, dict[str, float], str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            post = json.loads(line)
            threat = min(1.0, post["votes"].get("threat", 0) / post["raters"])
            if threat > 0 or generator.random() < 0.3:
                known = {"violence": threat if threat >= 0.5 or threat == 0 else NAN}
                yield post["text"], known | {"extremism": NAN if threat > 0 else 0.0}, "toxic_spans"


def _edos(path: Path, generator: random.Random) -> Iterator[tuple[str, dict[str, float], str]]:
    for row in _rows(path):
        if row["split"] != "train":
            continue
        if row["vector"].startswith("1."):
            yield row["text"], {"violence": 0.9, "extremism": NAN, "violence/graphic": NAN}, "edos"
        elif generator.random() < 0.15:
            yield row["text"], {}, "edos"


def _creak(path: Path, generator: random.Random) -> Iterator[tuple[str, dict[str, float], str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["split"] == "train" and generator.random() < 0.35:
                yield row["claim"], {}, "creak"


def neutral_sentences(data: Path, generator: random.Random, count: int = 3000) -> list[str]:
    """Return sentences that no head is trained on, for false alarms: half essays and talk, half encyclopaedia.

    Their sources are share-alike or mixed, so they never enter the weights.
    """
    talk = sorted({row["premise"] for row in _rows(data / "nli" / "negation_mnli.csv")})
    facts = sorted({row["premise"] for row in _rows(data / "nli" / "conjnli.csv.gz")})
    return generator.sample(talk, min(count // 2, len(talk))) + generator.sample(facts, min(count // 2, len(facts)))
