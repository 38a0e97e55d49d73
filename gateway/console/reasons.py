"""Reasons that a reviewer can begin with: words for a decision, from a file that the operator may replace."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import SettingsError
from gateway.review import MAX_CATEGORIES, MAX_REASON

OURS = Path(__file__).parent / "reasons.toml"
FOUND = "found"  # in the place of categories: those that were found in this case
VERDICTS = ("approve", "request_changes", "redact", "reject", "escalate")
MAX_REASONS = 40  # a reviewer has to find one at a glance; nine of a decision have a key
MAX_LABEL = 60  # characters


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason to begin with, for one decision; choosing it chooses no decision."""

    label: str
    text: str
    verdict: str  # of `VERDICTS`
    categories: tuple[str, ...]  # of the policy, or `FOUND`; ticked where the case offers them


def load_reasons(path: Path | None) -> tuple[Reason, ...]:
    """Return the reasons of a TOML file, or our own; raises `SettingsError` that names the entry to mend."""
    file = path or OURS
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the reasons in {file} cannot be read: {error}; see docs/console.md") from error
    entries = document.get("reason")
    if document.keys() != {"reason"} or not isinstance(entries, list) or not 0 < len(entries) <= MAX_REASONS:
        raise SettingsError(f"{file} must hold 1 to {MAX_REASONS} tables [[reason]] and nothing else")
    return tuple(_reason(entry, f"{file}, reason {number}") for number, entry in enumerate(entries, 1))


def _reason(entry: object, place: str) -> Reason:
    if not isinstance(entry, dict) or not {"label", "text", "verdict"} <= entry.keys() <= {*Reason.__slots__}:
        raise SettingsError(f"{place}: give label, text and verdict, and if you like categories")
    label, text, verdict, categories = (entry.get(name, []) for name in Reason.__slots__)
    if not _is_text(label, MAX_LABEL) or not _is_text(text, MAX_REASON):
        raise SettingsError(f"{place}: a label has 1 to {MAX_LABEL} characters, a text 1 to {MAX_REASON}")
    if verdict not in VERDICTS:
        raise SettingsError(f"{place}: the verdict is one of {', '.join(VERDICTS)}")
    if not isinstance(categories, list) or len(categories) > MAX_CATEGORIES or not all(map(_is_label, categories)):
        raise SettingsError(f"{place}: categories are at most {MAX_CATEGORIES} names of the policy, or '{FOUND}'")
    return Reason(label, text, verdict, tuple(categories))


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= most and value.isprintable()


def _is_label(value: object) -> bool:
    return _is_text(value, MAX_LABEL)
