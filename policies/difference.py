"""How two decisions about one text differ, and how two policies differ over many texts (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.decision import Decision, Verdict

UNDECIDED = "none"  # there was no decision to compare with: the episode failed before, or is still waiting
FAILED = "error"  # the text could not be screened
MOST_FINDINGS = 20  # listed per changed episode, so that one hostile script cannot fill the memory
QUOTE_CHARACTERS = 80  # of the author's text that are shown per finding
MOST_CHANGES = 10_000  # episodes that are listed; what comes after them is still counted

_SEVERITY = {verdict.value: verdict.severity for verdict in Verdict}


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """What identifies a finding across policies: the rule, what it saw, how it judged, and where."""

    rule: str
    category: str
    verdict: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding that only one of two policies made, with the words concerned."""

    mark: Mark
    words: str  # of the author's text, at most `QUOTE_CHARACTERS`

    def to_dict(self) -> dict[str, object]:
        """Return the sighting as JSON values."""
        mark = self.mark
        return {
            "rule": mark.rule,
            "category": mark.category,
            "verdict": mark.verdict,
            "span": {"start": mark.start, "end": mark.end},
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Outline:
    """The comparable part of a decision; `verdict` is a verdict, `UNDECIDED` or `FAILED`."""

    verdict: str
    marks: frozenset[Mark] = frozenset()

    @classmethod
    def of(cls, decision: Decision) -> Outline:
        """Return the outline of a decision."""
        return cls(
            decision.verdict.value,
            frozenset(
                Mark(one.rule, one.category, one.verdict.value, one.span.start, one.span.end)
                for one in decision.findings
            ),
        )

    @classmethod
    def parse(cls, document: Mapping[str, Any] | None) -> Outline:
        """Return the outline of a decision that was stored as JSON values; None is `UNDECIDED`.

        Raises `ValueError` for a document that holds no decision.
        """
        if not document:
            return cls(UNDECIDED)
        try:
            verdict = Verdict(document["verdict"]).value
            marks = frozenset(
                Mark(one["rule"], one["category"], Verdict(one["verdict"]).value, span["start"], span["end"])
                for one in document["findings"]
                for span in (one["span"],)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the stored decision cannot be read: {error!r}") from error
        return cls(verdict, marks)


@dataclass(frozen=True, slots=True)
class Change:
    """How the decision about one text differs between two policies."""

    episode_id: str
    title: str
    old: str
    new: str
    appeared: tuple[Sighting, ...]  # the strictest first, at most `MOST_FINDINGS`
    vanished: tuple[Sighting, ...]
    error: str = ""  # why the text could not be screened

    @property
    def direction(self) -> str:
        """Whether the new policy is "stricter" or "milder", the "same" in verdict, or "unknown"."""
        if self.old not in _SEVERITY or self.new not in _SEVERITY:
            return "unknown" if self.old != self.new else "same"
        difference = _SEVERITY[self.new] - _SEVERITY[self.old]
        return "stricter" if difference > 0 else "milder" if difference < 0 else "same"

    def to_dict(self) -> dict[str, object]:
        """Return the change as JSON values."""
        return {
            "episode": self.episode_id,
            "title": self.title,
            "old": self.old,
            "new": self.new,
            "direction": self.direction,
            "appeared": [sighting.to_dict() for sighting in self.appeared],
            "vanished": [sighting.to_dict() for sighting in self.vanished],
            "error": self.error,
        }


@dataclass(slots=True)
class Comparison:
    """Two policies over many texts, counted as they come; memory does not grow with their number."""

    compared: int = 0
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)  # (old verdict, new verdict) to number of texts
    appeared: Counter[tuple[str, str]] = field(default_factory=Counter)  # (rule, category) to number of texts
    vanished: Counter[tuple[str, str]] = field(default_factory=Counter)
    directions: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    unlisted: int = 0  # changes beyond `MOST_CHANGES`

    def add(self, old: Outline, new: Outline, *, episode_id: str, title: str, text: str = "", error: str = "") -> None:
        """Count one text; what was judged is `text`."""
        appeared, vanished = new.marks - old.marks, old.marks - new.marks
        change = Change(
            episode_id, title, old.verdict, new.verdict, _first(appeared, text), _first(vanished, text), error
        )
        self.compared += 1
        self.matrix[old.verdict, new.verdict] += 1
        self.directions[change.direction] += 1
        self.appeared.update({(mark.rule, mark.category) for mark in appeared})
        self.vanished.update({(mark.rule, mark.category) for mark in vanished})
        if old.verdict != new.verdict or appeared or vanished:
            if len(self.changes) < MOST_CHANGES:
                self.changes.append(change)
            else:
                self.unlisted += 1

    @property
    def differs(self) -> bool:
        """Whether any text got another verdict or other findings, or could not be screened."""
        return bool(self.changes) or any(new == FAILED for _, new in self.matrix)

    def to_dict(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        return {
            "compared": self.compared,
            "same": self.directions["same"],
            "stricter": self.directions["stricter"],
            "milder": self.directions["milder"],
            "unknown": self.directions["unknown"],
            "verdicts": [{"old": old, "new": new, "texts": count} for (old, new), count in sorted(self.matrix.items())],
            "rules": [
                {"rule": rule, "category": category, "appeared": self.appeared[key], "vanished": self.vanished[key]}
                for key in sorted({*self.appeared, *self.vanished})
                for rule, category in (key,)
            ],
            "changes": [change.to_dict() for change in self.changes],
            "unlisted": self.unlisted,
        }


def _first(marks: frozenset[Mark], text: str) -> tuple[Sighting, ...]:
    ordered = sorted(marks, key=lambda mark: (-_SEVERITY[mark.verdict], mark.start, mark))
    return tuple(
        Sighting(mark, text[mark.start : min(mark.end, mark.start + QUOTE_CHARACTERS)])
        for mark in ordered[:MOST_FINDINGS]
    )
