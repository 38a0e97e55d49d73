"""Toxicity: a Detoxify-format model over every sentence, then over windows and clauses where a sentence is in doubt.

1. Every sentence is scored in every view; the highest score per class counts.
2. A sentence is clear when every score is below `CLEAR` of the class's lowest threshold. Around sentences that are not,
   windows of more sentences are scored, and the clauses of long ones: an attack may span sentences, or drown in a long
   one. Around clear sentences there is nothing to span or to drown.
3. Scores that reach a threshold become findings; the smallest window that is as strict as any around it is reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from policies.decision import Finding, Span, Verdict
from policies.errors import ModelUnavailableError
from policies.rule_settings import ToxicityRule
from policies.rules.reported_speech import is_condemned, is_reported
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.views import Views

# A window of more characters would not fit the model's 128 tokens, and no listener hears it as one thought.
MAX_WINDOW_CHARACTERS = 480
# Share of a class's lowest threshold below which a sentence is clear; docs/toxicity.md says what this loses.
CLEAR = 0.2
_LONG_WORDS = 14
_CLAUSE_WORDS = 4
_CLAUSE = re.compile(r"[;:—–]\s|,\s(?:and |but )?")

_MEANING = {
    "toxicity": "rude or hateful words that drive people away",
    "severe_toxicity": "very hateful or aggressive words",
    "obscene": "obscene words",
    "identity_attack": "an attack on people for what they are",
    "insult": "an insult",
    "threat": "a threat of harm",
    "sexual_explicit": "sexually explicit words",
}


class ToxicityModel(Protocol):
    """A classifier with the seven Detoxify classes; safe to call concurrently, deterministic, never on the network."""

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(model id, "sha256:<hex>") of all weights that make a score."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that `score` returns."""
        ...

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return one score 0..1 per class for each text; texts are not empty and are scored whole."""
        ...


@dataclass(frozen=True, slots=True)
class _Window:
    start: int
    end: int
    sentences: range  # indices of the sentences it covers


@dataclass(frozen=True, slots=True)
class _Scored:
    """A window with its highest score per class and the view that gave it."""

    window: _Window
    original: str
    plainest: str  # the last reading, in which most disguises are undone
    best: Mapping[str, tuple[float, str]]  # class: (score, view)


@dataclass(frozen=True, slots=True)
class _Candidate:
    window: _Window
    category: str
    verdict: Verdict
    score: float
    threshold: float
    view: str
    reported: bool


class Toxicity:
    """Finds abuse above the policy's thresholds and points at the smallest run of sentences that still fires."""

    id = "toxicity"

    def __init__(self, *, model: ToxicityModel, settings: ToxicityRule) -> None:
        missing = ({*settings.review, *settings.block}) - set(model.classes)
        if missing:
            raise ModelUnavailableError(
                f"model {model.models[0][0]} has no class {sorted(missing)}, which the policy sets thresholds for; "
                "use a model with these classes or remove the thresholds"
            )
        self._model = model
        self._thresholds = tuple(  # the strictest first
            (verdict, {str(name): score for name, score in thresholds.items()})
            for verdict, thresholds in ((Verdict.BLOCK, settings.block), (Verdict.REVIEW, settings.review))
        )
        self._width = settings.window_sentences
        self.categories = tuple(sorted({*settings.review, *settings.block}))
        self.verdicts = tuple(Verdict) if settings.block else (Verdict.ALLOW, Verdict.REVIEW)
        self.models = model.models

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Score every sentence in every view, look closer where one is in doubt, and report the smallest that fire."""
        scored = self._score(views, _windows(views.sentences, range(1, 2)))
        doubtful = {item.window.sentences[0] for item in scored if not self._is_clear(item)}
        if doubtful:
            wider = _windows(views.sentences, range(2, self._width + 1))
            scored += self._score(views, [window for window in wider if not doubtful.isdisjoint(window.sentences)])
        clauses = [_clauses(item) if item.window.sentences[0] in doubtful else [] for item in scored]
        parts = list(dict.fromkeys(part for listed in clauses for part in listed))
        part_scores = dict(zip(parts, self._model.score(parts), strict=True)) if parts else {}
        candidates: list[_Candidate] = []
        for item, listed in zip(scored, clauses, strict=True):
            found = [
                candidate
                for category, (value, view) in item.best.items()
                if (candidate := self._candidate(item, category, value, view, [part_scores[part] for part in listed]))
            ]
            if found:
                condemned, reported = is_condemned(_context(manuscript, views, item.window)), is_reported(item.original)
                candidates += [_framed(candidate, reported=reported, condemned=condemned) for candidate in found]
        return [_finding(candidate) for candidate in _smallest(candidates)]

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return the model's score of every class for each text, whatever the thresholds are."""
        return self._model.score(texts)

    def _score(self, views: Views, windows: Sequence[_Window]) -> list[_Scored]:
        """Score every reading of every window; each distinct text once."""
        readings = [(window, views.readings(window.start, window.end)) for window in windows]
        texts = list(dict.fromkeys(text for _, listed in readings for _, text in listed))
        scores = dict(zip(texts, self._model.score(texts), strict=True)) if texts else {}
        return [
            _Scored(
                window,
                listed[0][1],
                listed[-1][1],
                {
                    category: max(((scores[text][category], name) for name, text in listed), key=lambda pair: pair[0])
                    for category in self.categories
                },
            )
            for window, listed in readings
            if listed
        ]

    def _is_clear(self, item: _Scored) -> bool:
        return all(
            item.best[category][0] < CLEAR * threshold
            for _, thresholds in self._thresholds
            for category, threshold in thresholds.items()
        )

    def _reached(self, category: str, score: float) -> tuple[Verdict, float]:
        """Return the strictest verdict whose threshold `score` reaches, and that threshold."""
        for verdict, thresholds in self._thresholds:
            threshold = thresholds.get(category)
            if threshold is not None and score >= threshold:
                return verdict, threshold
        return Verdict.ALLOW, 0.0

    def _candidate(
        self, item: _Scored, category: str, value: float, view: str, parts: Sequence[Mapping[str, float]]
    ) -> _Candidate | None:
        verdict, threshold = self._reached(category, value)
        if verdict is Verdict.ALLOW:
            inside = max((part[category] for part in parts), default=0.0)
            strict, threshold = self._reached(category, inside)
            if strict is not Verdict.BLOCK:
                return None
            # A clause alone has lost its context ("nobody should say that ..."), so it is a question, no block.
            verdict, value = Verdict.REVIEW, inside
        return _Candidate(item.window, category, verdict, value, threshold, view, reported=False)


def _windows(sentences: Sequence[Sentence], counts: range) -> list[_Window]:
    """Return runs of so many sentences inside one segment, the shortest first."""
    windows = []
    for count in counts:
        for first in range(len(sentences) - count + 1):
            last = first + count - 1
            head, tail = sentences[first], sentences[last]
            if head.segment == tail.segment and (count == 1 or tail.end - head.start <= MAX_WINDOW_CHARACTERS):
                windows.append(_Window(head.start, tail.end, range(first, last + 1)))
    return windows


def _clauses(item: _Scored) -> list[str]:
    """Return the clauses of a long single sentence: a short attack drowns in a long sentence."""
    if len(item.window.sentences) > 1 or len(item.plainest.split()) <= _LONG_WORDS:
        return []
    return [
        part for part in (part.strip() for part in _CLAUSE.split(item.plainest)) if len(part.split()) >= _CLAUSE_WORDS
    ]


def _context(manuscript: Manuscript, views: Views, window: _Window) -> str:
    """Return the window with one sentence on each side of the same segment: a condemnation stands close by."""
    sentences = views.sentences
    segment = sentences[window.sentences[0]].segment
    first, last = window.sentences[0], window.sentences[-1]
    if first > 0 and sentences[first - 1].segment == segment:
        first -= 1
    if last + 1 < len(sentences) and sentences[last + 1].segment == segment:
        last += 1
    return manuscript.text[sentences[first].start : sentences[last].end]


def _framed(candidate: _Candidate, *, reported: bool, condemned: bool) -> _Candidate:
    softened = _soften(candidate.verdict, candidate.category, reported=reported, condemned=condemned)
    return replace(candidate, verdict=softened, reported=reported or softened is not candidate.verdict)


def _soften(verdict: Verdict, category: str, *, reported: bool, condemned: bool) -> Verdict:
    """Turn a block on reported or condemned words into a review; dialogue that attacks no group is only noted.

    An attack on an identity stays at least a review in any frame, or quotation marks would be a way around the rule.
    """
    if reported and category not in ("identity_attack", "severe_toxicity", "sexual_explicit"):
        return Verdict.REVIEW if verdict is Verdict.BLOCK and category == "threat" and not condemned else Verdict.ALLOW
    if verdict is Verdict.BLOCK and (reported or condemned):
        return Verdict.REVIEW
    return verdict


def _smallest(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Drop a window if a smaller one inside it has the same category and is at least as strict."""
    strictest: dict[tuple[str, int], list[tuple[_Window, int]]] = {}  # by category and first sentence
    kept = []
    for candidate in candidates:  # shortest windows come first
        covered = candidate.window.sentences
        inside = [
            severity
            for first in covered
            for window, severity in strictest.get((candidate.category, first), ())
            if window.sentences.stop <= covered.stop
        ]
        if max(inside, default=-1) < candidate.verdict.severity:
            kept.append(candidate)
            key = (candidate.category, covered.start)
            strictest.setdefault(key, []).append((candidate.window, candidate.verdict.severity))
    return kept


def _finding(candidate: _Candidate) -> Finding:
    explanation = f"The model hears {_MEANING.get(candidate.category, candidate.category)}."
    if candidate.reported:
        explanation += " The words seem to be reported or condemned, so a person should read them in context."
    return Finding(
        rule=Toxicity.id,
        category=candidate.category,
        verdict=candidate.verdict,
        span=Span(candidate.window.start, candidate.window.end),
        score=round(min(1.0, max(0.0, candidate.score)), 4),
        explanation=explanation,
        view=candidate.view,
        threshold=candidate.threshold,
    )
