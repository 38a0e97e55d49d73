"""Expand the files of `contrast/` into labelled sentences: same words, different meaning."""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from policies.training.corpus import CLASSES, Example

_SLOT = re.compile(r"\{(\w+)\}")
_DEVELOPMENT_SHARE = 0.15  # of the templates; the share of sentences differs a little
_WEIGHT = 2.0  # contrast sentences are few and matter most
_PREFIXES = (
    "Honestly, ",
    "Look, ",
    "I tell you, ",
    "Dear listeners, ",
    "And another thing: ",
    "Well, ",
    "So, ",
    "As I said, ",
)


def held_out(template: str) -> bool:
    """Say whether all sentences of this template belong to the development set; a hash of its text decides."""
    return hashlib.sha256(template.encode()).digest()[0] < 256 * _DEVELOPMENT_SHARE


def contrast_examples(folder: Path, slurs: Sequence[str], generator: random.Random) -> list[Example]:
    """Return every family's sentences; classes that a family does not name are 0.

    `slurs` fills the `{slur}` slot and comes from the lexicon, so that this repository lists slurs in one place only.
    """
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    slots: dict[str, list[str]] = {"slur": list(slurs)}
    for document in documents:
        slots |= document.get("slots", {})
    examples: list[Example] = []
    for family in (family for document in documents for family in document["family"]):
        named = family.get("labels", {})
        labels = tuple(float(named.get(name, 0.0)) for name in CLASSES)
        for template in family["templates"]:
            filled = {_fill(template, slots, generator) for _ in range(family["draws"])}
            # A template without slots is one sentence; two surface forms of it are enough.
            repeated = sorted(filled) * (1 if _SLOT.search(template) else 2)
            texts = {_misspell(_vary(sentence, generator), generator) for sentence in repeated}
            source, development = "contrast/" + family["name"], held_out(template)
            examples += [Example(text, labels, _WEIGHT, source, development) for text in sorted(texts)]
    return examples


def join_pairs(examples: Sequence[Example], count: int, generator: random.Random) -> list[Example]:
    """Return `count` two-sentence texts whose labels are the maximum of both, as a screening window would see them."""
    pairs = []
    for _ in range(count):
        first, second = generator.choice(examples), generator.choice(examples)
        labels = tuple(max(a, b) for a, b in zip(first.labels, second.labels, strict=True))
        pairs.append(Example(f"{first.text} {second.text}", labels, 1.0, source="contrast/pair", development=False))
    return pairs


def _fill(template: str, slots: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        chosen = generator.choice(slots[name.lower()])
        return chosen[0].upper() + chosen[1:] if name[0].isupper() else chosen

    filled = _SLOT.sub(value, template)
    # Repair "a idiot" and "an clown", so that the article does not tell the model where a slot was.
    filled = re.sub(r"\b([Aa]) (?=[aeiouAEIOU])", lambda match: match.group(1) + "n ", filled)
    return re.sub(r"\b([Aa])n (?=[^aeiouhAEIOUH\W])", lambda match: match.group(1) + " ", filled)


def _misspell(sentence: str, generator: random.Random) -> str:
    """Misspell one sentence in ten, of every family alike: a typo must not hide an attack, nor be one."""
    if generator.random() >= 0.1 or len(sentence) < 12:
        return sentence
    at = generator.randrange(2, len(sentence) - 3)
    roll = generator.random()
    if roll < 0.3:
        return sentence[:at] + sentence[at + 1 :]  # a letter or a space is lost
    if roll < 0.6:
        return sentence[:at] + sentence[at + 1] + sentence[at] + sentence[at + 2 :]  # two letters change places
    if roll < 0.8:
        return sentence[:at] + sentence[at] + sentence[at:]  # a letter is doubled
    signs = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"}
    return "".join(signs.get(c, c) if generator.random() < 0.5 else c for c in sentence)


def _vary(sentence: str, generator: random.Random) -> str:
    """Change surface form alike for all families: prefixes, case and final stop must carry no label."""
    roll = generator.random()
    if roll < 0.12:
        prefix = generator.choice(_PREFIXES)
        keep = sentence[:2] in ("I ", "I'") or not sentence[:1].isupper()
        return prefix + (sentence if keep else sentence[0].lower() + sentence[1:])
    if roll < 0.20:
        return sentence.lower()
    if roll < 0.26:
        return sentence.rstrip(".!")
    if roll < 0.32:
        return sentence.rstrip(".") + "!" if not sentence.endswith(("?", "!")) else sentence
    return sentence
