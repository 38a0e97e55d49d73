"""The unseen sets that are committed beside this module; `sets/README.md` says who wrote them and how."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETS = Path(__file__).with_name("sets")

# What a passage does with its claim. The first two speak for it, the next four against it.
KINDS = (
    "assert", "paraphrase", "debunk_before", "debunk_after", "negation", "answered", "attributed", "question", "late",
    "sarcasm",
)  # fmt: skip
SPOKEN_FOR = ("assert", "paraphrase")
SPOKEN_AGAINST = ("debunk_before", "debunk_after", "negation", "answered")

# Between a claim and its late rebuttal: about forty seconds of other talk.
MEANWHILE = (
    "But first a word about the harbour. The new crane arrived on Monday in eleven pieces. Nobody had counted them, so "
    "it took until Wednesday to notice that one was missing. It turned up in Rotterdam. The harbour master has asked "
    "for it to be sent on by train. Meanwhile the old crane lifts what it can. A listener writes that her cat likes to "
    "watch it from the window. We hope that it will not be disappointed by the new one. The quay stays open for "
    "walkers. Bring a scarf, as the wind comes straight off the water."
)

LABELS = {
    "H": "harassment",
    "HT": "harassment/threatening",
    "A": "hate",
    "AT": "hate/threatening",
    "I": "illicit",
    "IV": "illicit/violent",
    "S": "self-harm",
    "SI": "self-harm/intent",
    "SN": "self-harm/instructions",
    "X": "sexual",
    "V": "violence",
    "VG": "violence/graphic",
    "-": "",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A harmless sentence."""

    id: str
    level: str  # plain or hard
    topic: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences that take a stance to a claim."""

    id: str
    base: str  # seed or imported
    record: str  # id of the claim
    kind: str  # one of KINDS
    text: str


@dataclass(frozen=True, slots=True)
class Disguise:
    """A harmful sentence that is hidden, and the sentence as it would be without."""

    id: str
    kind: str
    plain: str
    text: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text with its category, empty if there is none."""

    id: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class ShortScript:
    """A whole short script and the verdicts that are right."""

    id: str
    kind: str
    expect: tuple[str, ...]
    text: str

    @property
    def harmful(self) -> bool:
        """Whether letting it pass would be wrong."""
        return "allow" not in self.expect


def neutral() -> list[Sentence]:
    """Return the harmless sentences."""
    found: list[Sentence] = []
    level = topic = ""
    for line in _lines("neutral.txt"):
        if line.startswith("# "):
            level, _, topic = line[2:].partition(": ")
        else:
            found.append(Sentence(f"n{len(found) + 1:04d}", level, topic, line))
    return found


def passages() -> list[Passage]:
    """Return every claim in every stance; a late rebuttal follows its claim after `MEANWHILE`."""
    found = []
    for base in ("seed", "imported"):
        for claim in _table(f"stance-{base}.toml")["claim"]:
            for kind in KINDS:
                said = claim[kind]
                text = said if isinstance(said, str) else f"{said[0]} {MEANWHILE} {said[1]}"
                found.append(Passage(f"{claim['record']}:{kind}", base, claim["record"], kind, text))
    return found


def bare_claims() -> list[str]:
    """Return each claim as one plain sentence, as late rebuttals begin."""
    return [claim["late"][0] for base in ("seed", "imported") for claim in _table(f"stance-{base}.toml")["claim"]]


def imported_file() -> Path:
    """Return the file with the ClaimReview records of another publisher."""
    return SETS / "imported.json"


def disguises() -> list[Disguise]:
    """Return the hidden sentences."""
    rows = map(json.loads, _lines("evasion.jsonl"))
    return [Disguise(row["id"], row["kind"], row["plain"], row["text"]) for row in rows]


def look_alikes() -> list[Labelled]:
    """Return harmless texts that look like disguises."""
    texts = _table("look_alikes.toml")["text"]
    return [Labelled(f"l{number:03d}", "", text) for number, text in enumerate(texts, 1)]


def scripts() -> list[ShortScript]:
    """Return the short scripts."""
    return [
        ShortScript(one["name"], one["kind"], tuple(one["expect"]), one["text"].strip() + "\n")
        for one in _table("scripts.toml")["script"]
    ]


def moderation() -> list[Labelled]:
    """Return single texts, each with one category of the moderation API or none."""
    found: list[Labelled] = []
    for line in _lines("moderation.txt"):
        if not line.startswith("#"):
            label, text = line.split(" | ", 1)
            found.append(Labelled(f"m{len(found) + 1:03d}", LABELS[label], text))
    return found


def digest() -> str:
    """Return the SHA-256 over all sets, so that numbers name what they were measured with."""
    total = hashlib.sha256()
    for path in sorted(SETS.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{total.hexdigest()}"


def _lines(name: str) -> Iterator[str]:
    # Not `splitlines`, which also cuts at the odd separators that a disguise may hold.
    return (line for line in (SETS / name).read_text(encoding="utf-8").split("\n") if line.strip())


def _table(name: str) -> dict[str, list[dict]]:
    return tomllib.loads((SETS / name).read_text(encoding="utf-8"))
