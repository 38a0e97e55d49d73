"""Build labelled pairs of a passage and a claim for the entailment model: own templates, CREAK, ConjNLI, FM2, negation.

Every pair knows whether its claim or its template is held out, so that development can measure both at once.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from policies.training.rewording import as_clause, deny, reword, say_otherwise

_SLOT = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"\d[\d,.]*")
_HELD_CLAIMS, _HELD_TEMPLATES = 0.12, 0.18  # shares that only development sees
_SHARES = {"assert": 0.29, "debunk": 0.33, "attribute": 0.09, "question": 0.08, "unrelated": 0.21}


@dataclass(frozen=True, slots=True)
class Pair:
    """One passage about one claim: the sentence in question, what is heard before and after it, the stance."""

    claim: str
    before: str
    sentence: str
    after: str
    label: str
    source: str
    claim_held_out: bool
    template_held_out: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with other wordings and the truth instead, where they are known."""

    wordings: tuple[str, ...]
    group: str  # claims of one group speak of the same thing
    corrections: tuple[str, ...] = ()
    draws: int = 3
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Templates:
    """Families of framings by label, their slots, and sentences that stand between claims."""

    families: Mapping[str, Sequence[tuple[float, Sequence[str]]]]
    slots: Mapping[str, Sequence[str]]
    small_talk: Sequence[str] = field(default_factory=tuple)


def held_out(text: str, share: float) -> bool:
    """Say whether `text` belongs to development; a hash decides, so that it never changes sides."""
    return hashlib.sha256(text.encode()).digest()[0] < 256 * share


def read_templates(folder: Path, generator: random.Random) -> Templates:
    """Read `stance.toml` and `checkworthy.toml` from `folder`."""
    document = tomllib.loads((folder / "stance.toml").read_text(encoding="utf-8"))
    families: dict[str, list[tuple[float, Sequence[str]]]] = defaultdict(list)
    for family in document["family"]:
        families[family["label"]].append((float(family["weight"]), family["templates"]))
    return Templates(families, document["slots"], small_talk(folder, generator, draws=6))


def small_talk(folder: Path, generator: random.Random, *, draws: int) -> list[str]:
    """Return sentences without a claim, `draws` of each template of `checkworthy.toml`, without repetition."""
    document = tomllib.loads((folder / "checkworthy.toml").read_text(encoding="utf-8"))
    templates = [template for family in document["family"] for template in family["templates"]]
    sentences = {fill(template, document["slots"], generator) for template in templates for _ in range(draws)}
    return sorted(sentences)


def fill(template: str, slots: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    """Return `template` with every slot filled by one of its values."""
    return _SLOT.sub(lambda match: generator.choice(slots[match.group(1)]), template)


def read_claims(data: Path, knowledge: Sequence[Path]) -> list[Claim]:
    """Read the claims of CREAK, SciFact and the COVID-19 rumours below `data`, and the records of our own bases."""
    claims = []
    for row in _json_lines(data / "claims" / "creak.jsonl.gz"):
        text = as_clause(row["claim"])
        development = row["split"] != "train" or held_out(text, _HELD_CLAIMS / 2)
        claims.append(Claim((text,), f"creak/{row['entity']}", draws=2, held_out=development))
    for row in _rows(data / "claims" / "scifact_claims.csv"):
        text = as_clause(row["claim"])
        claims.append(Claim((text,), "scifact", draws=3, held_out=held_out(text, _HELD_CLAIMS)))
    for row in _rows(data / "claims" / "covid_rumours.csv"):
        text = as_clause(row["claim"])
        if re.fullmatch(r"[A-Z][\w'’ ,%$-]{25,130}", text) and not re.search(
            r"\b(?:video|photo|image|picture|message|post|claim\w*|BREAKING|shows?|says?|said)\b", text, re.IGNORECASE
        ):
            claims.append(Claim((text,), "covid", draws=3, held_out=held_out(text, _HELD_CLAIMS)))
    for path in knowledge:
        for record in json.loads(path.read_text(encoding="utf-8")):
            wordings = tuple(map(as_clause, (record["claimReviewed"], *record.get("paraphrases", ()))))
            corrections = tuple(map(as_clause, record.get("corrections", ())))
            group = f"base/{record['topic']}"
            claims.append(Claim(wordings, group, corrections, 30, held_out(wordings[0], _HELD_CLAIMS)))
    return claims


def hoax_claims(folder: Path) -> list[Claim]:
    """Return claims that something never was: a claim made of rejecting words, whose debunk affirms."""
    document = tomllib.loads((folder / "stance.toml").read_text(encoding="utf-8"))["hoax"]
    claims = []
    for subject in document["subjects"]:
        wordings = tuple(text.format(s=subject) for text in document["claims"])
        corrections = tuple(text.format(s=subject) for text in document["corrections"])
        claims.append(Claim(wordings, "hoax", corrections, 16, held_out(subject, _HELD_CLAIMS)))
    return claims


def template_pairs(claims: Sequence[Claim], templates: Templates, generator: random.Random) -> Iterator[Pair]:
    """Yield `draws` pairs for each claim; the other claims of its group give what is near but unrelated."""
    groups: dict[tuple[str, bool], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[claim.group, claim.held_out].append(claim)
    sides = {side: [claim for claim in claims if claim.held_out is side] for side in (True, False)}
    labels, weights = list(_SHARES), list(_SHARES.values())
    for claim in claims:
        for _ in range(claim.draws):
            label = generator.choices(labels, weights)[0]
            near = groups[claim.group, claim.held_out]
            other = generator.choice(near if len(near) > 1 and generator.random() < 0.8 else sides[claim.held_out])
            pair = _pair(claim, other, label, templates, generator)
            if pair is not None:
                yield pair


def _pair(claim: Claim, other: Claim, label: str, templates: Templates, generator: random.Random) -> Pair | None:
    asked = generator.choice(claim.wordings)
    framing = label
    if label == "unrelated":
        framing = generator.choice(("assert", "assert", "debunk", "attribute", "question", "talk", "number"))
    if framing == "talk":
        words = [word for word in asked.split() if len(word) > 4] or ["this"]
        about = " and ".join(generator.sample(words, min(2, len(words))))
        sentence = generator.choice(templates.small_talk)
        if generator.random() < 0.6:
            start = generator.choice(("let us talk about", "here is the latest on", "our next topic is", "more about"))
            sentence = f"{start} {about}."
        return Pair(asked, "", sentence, "", label, "talk", claim.held_out)
    if framing == "number":
        number = _NUMBER.search(asked)
        if number is None:
            framing = "assert"
        else:
            changed = str(generator.choice((3, 7, 12, 25, 60, 140, 800, 1915, 2004)))
            spoken = asked.replace(number.group(), changed)
            return None if spoken == asked else Pair(asked, "", f"{spoken}.", "", label, "number", claim.held_out)
    subject = other if label == "unrelated" else claim
    if subject.wordings == claim.wordings and label == "unrelated":
        return None
    spoken = generator.choice(subject.wordings)
    if generator.random() < 0.5:
        spoken = reword(spoken, generator)
    denied = deny(spoken, generator)
    if generator.random() < 0.5:
        denied = say_otherwise(spoken, generator, denied=True) or denied
        spoken = say_otherwise(spoken, generator, denied=False) or spoken
    if subject.corrections and (denied is None or generator.random() < 0.7):
        denied = generator.choice(subject.corrections)
    if denied and label != "unrelated" and not subject.corrections and generator.random() < 0.12:
        asked, spoken, denied = deny(asked, generator) or asked, denied, spoken
        if asked in claim.wordings:
            return None
    return _framed(asked, spoken, denied, framing, label, claim.held_out, templates, generator)


def _framed(
    asked: str,
    spoken: str,
    denied: str | None,
    framing: str,
    label: str,
    development: bool,
    templates: Templates,
    generator: random.Random,
) -> Pair | None:
    families = templates.families[framing]
    family = generator.choices(families, [weight for weight, _ in families])[0][1]
    template = generator.choice(family)
    if "{n}" in template and denied is None:
        return None
    filled = fill(template, {**templates.slots, "c": (spoken,), "n": (denied or "",)}, generator)
    parts = [part.strip() for part in filled.split("||")]
    if len(parts) == 1:
        before, sentence, after = "", parts[0], ""
    elif len(parts) == 3:
        before, sentence, after = parts
    else:
        before, sentence, after = ("", *parts) if template.index("{") < template.index("||") else (*parts, "")
        if spoken not in sentence and (not denied or denied not in sentence) and (spoken in before or spoken in after):
            before, sentence, after = ("", *parts) if spoken in parts[0] else (*parts, "")
    before, after = _surround(before, after, templates, generator)
    return Pair(
        asked,
        before,
        _vary(sentence, generator),
        after,
        label,
        f"template/{framing}",
        development,
        held_out(template, _HELD_TEMPLATES),
    )


def _surround(before: str, after: str, templates: Templates, generator: random.Random) -> tuple[str, str]:
    """Add sentences that say nothing about the claim, so that bare context is no sign of any stance."""
    if generator.random() < 0.3:
        before = f"{generator.choice(templates.small_talk)} {before}".strip()
    if generator.random() < 0.3:
        after = f"{after} {generator.choice(templates.small_talk)}".strip()
    return before, after


def _vary(sentence: str, generator: random.Random) -> str:
    roll = generator.random()
    if roll < 0.08:
        return sentence.rstrip(".!")
    if roll < 0.14:
        return generator.choice(("well, ", "so, ", "you see, ", "and ", "I mean, ", "listen, ")) + sentence
    return sentence


def inference_pairs(data: Path, generator: random.Random) -> Iterator[Pair]:
    """Yield pairs without templates: explanations, evidence and inference sets; neutral pairs are few on purpose."""
    for row in _json_lines(data / "claims" / "creak.jsonl.gz"):
        claim, text = as_clause(row["claim"]), row["explanation"].strip()
        development = row["split"] != "train" or held_out(claim, _HELD_CLAIMS / 2)
        label = "assert" if row["label"] == "true" else "debunk"
        if len(text.split()) < 4:
            continue
        # The claim denied turns the stance around: so the claim alone tells nothing about it.
        denied = deny(claim, generator) if generator.random() < 0.4 else None
        if denied:
            claim, label = denied, "debunk" if label == "assert" else "assert"
        yield Pair(claim, "", text, "", label, "creak/explanation", development)
    names = {"entailment": "assert", "contradiction": "debunk", "neutral": "unrelated"}
    for row in _rows(data / "nli" / "conjnli.csv.gz"):
        if row["split"] == "train" and generator.random() < (0.1 if row["label"] == "neutral" else 0.35):
            yield Pair(row["hypothesis"], "", row["premise"], "", names[row["label"]], "conjnli", False)
    for row in _rows(data / "nli" / "negation_mnli.csv"):
        development = held_out(row["premise"], _HELD_CLAIMS)
        yield Pair(row["hypothesis"], "", row["premise"], "", names[row["label"]], "negation", development)
    for row in _json_lines(data / "nli" / "fm2.jsonl.gz"):
        if row["split"] == "dev":
            label = "assert" if row["label"] == "SUPPORTS" else "debunk"
            text = " ".join(row["evidence"])[:350]
            yield Pair(row["claim"], "", text, "", label, "fm2", held_out(row["claim"], _HELD_CLAIMS))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def _json_lines(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
