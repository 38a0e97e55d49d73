"""Toxicity: a Detoxify-format model over every sentence and short windows of sentences, maximum per class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
class _Candidate:
    window: _Window
    category: str
    verdict: Verdict
    score: float
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
        self._settings = settings
        self.categories = tuple(sorted({*settings.review, *settings.block}))
        self.models = model.models

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Score every window in every view and report the smallest that fire."""
        windows = _windows(views.sentences, self._settings.window_sentences)
        readings = [views.readings(window.start, window.end) for window in windows]
        clauses = [_clauses(window, listed) for window, listed in zip(windows, readings, strict=True)]
        whole = [text for listed in readings for _, text in listed]
        texts = list(dict.fromkeys(whole + [part for parts in clauses for part in parts]))
        scores = dict(zip(texts, self._model.score(texts), strict=True)) if texts else {}
        candidates: list[_Candidate] = []
        for window, listed, parts in zip(windows, readings, clauses, strict=True):
            context = _context(manuscript, views, window)
            for category in self.categories:
                value, view = max(
                    ((scores[text][category], name) for name, text in listed),
                    key=lambda pair: pair[0],
                    default=(0.0, ""),
                )
                verdict = self._verdict(category, value)
                inside = max((scores[part][category] for part in parts), default=0.0)
                if verdict is Verdict.ALLOW and self._verdict(category, inside) is Verdict.BLOCK:
                    # A clause alone has lost its context ("nobody should say that ..."), so it is a question, no block.
                    verdict, value = Verdict.REVIEW, inside
                if verdict is not Verdict.ALLOW:
                    text = listed[0][1]
                    reported = is_reported(text)
                    softened = _soften(verdict, category, reported=reported, condemned=is_condemned(context))
                    candidates.append(
                        _Candidate(window, category, softened, value, view, reported or softened is not verdict)
                    )
        return [_finding(candidate) for candidate in _smallest(candidates)]

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return the model's score of every class for each text, whatever the thresholds are."""
        return self._model.score(texts)

    def _verdict(self, category: str, score: float) -> Verdict:
        for verdict, thresholds in ((Verdict.BLOCK, self._settings.block), (Verdict.REVIEW, self._settings.review)):
            threshold = thresholds.get(category)  # type: ignore[call-overload]  # a str is looked up among literals
            if threshold is not None and score >= threshold:
                return verdict
        return Verdict.ALLOW


def _windows(sentences: Sequence[Sentence], width: int) -> list[_Window]:
    """Return runs of 1..width sentences inside one segment, the shortest first."""
    windows = []
    for count in range(1, width + 1):
        for first in range(len(sentences) - count + 1):
            last = first + count - 1
            head, tail = sentences[first], sentences[last]
            if head.segment == tail.segment and (count == 1 or tail.end - head.start <= MAX_WINDOW_CHARACTERS):
                windows.append(_Window(head.start, tail.end, range(first, last + 1)))
    return windows


def _clauses(window: _Window, readings: Sequence[tuple[str, str]]) -> list[str]:
    """Return the clauses of a long single sentence: a short attack drowns in a long sentence."""
    if len(window.sentences) > 1 or not readings:
        return []
    text = readings[-1][1]
    if len(text.split()) <= _LONG_WORDS:
        return []
    return [part for part in (part.strip() for part in _CLAUSE.split(text)) if len(part.split()) >= _CLAUSE_WORDS]


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
    )
