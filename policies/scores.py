"""What models think of every sentence, below thresholds too: for calibration, for ranking, for other moderation APIs.

A score is no finding: only a policy's threshold makes one of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from policies.decision import Decision, Span
from policies.views import Views


@runtime_checkable
class Scoring(Protocol):
    """A rule with a model that gives every text a score; obligations as for `Rule`."""

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return one score 0..1 per category for each text; texts are not empty and are scored whole."""
        ...


@dataclass(frozen=True, slots=True)
class SentenceScores:
    """One sentence of the author's text, and the highest score of each category over its readings."""

    span: Span
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Examination:
    """A decision, and what the models think of each sentence."""

    decision: Decision
    sentences: tuple[SentenceScores, ...]

    @property
    def scores(self) -> dict[str, float]:
        """The highest score per category, over all sentences and findings."""
        highest: dict[str, float] = {}
        found = ({finding.category: finding.score} for finding in self.decision.findings)
        for scores in (*(sentence.scores for sentence in self.sentences), *found):
            for category, score in scores.items():
                highest[category] = max(highest.get(category, 0.0), score)
        return highest


def sentence_scores(rules: Sequence[Scoring], listed: Sequence[Views]) -> list[tuple[SentenceScores, ...]]:
    """Return the scores of every sentence of every manuscript; each distinct text is scored once by each rule."""
    readings = [
        [
            (
                views.manuscript.author_span(Span(sentence.start, sentence.end)),
                [text for _, text in views.readings(sentence.start, sentence.end)],
            )
            for sentence in views.sentences
        ]
        for views in listed
    ]
    texts = list(dict.fromkeys(text for sentences in readings for _, read in sentences for text in read))
    merged: dict[str, dict[str, float]] = {text: {} for text in texts}
    if texts:
        with ThreadPoolExecutor(max(1, len(rules))) as pool:  # no model waits for another
            for listed_scores in pool.map(lambda rule: rule.scores(texts), rules):
                for text, scores in zip(texts, listed_scores, strict=True):
                    merged[text] |= scores
    result = []
    for sentences in readings:
        scored = []
        for span, read in sentences:
            highest: dict[str, float] = {}
            for text in read:
                for category, score in merged[text].items():
                    highest[category] = max(highest.get(category, 0.0), score)
            scored.append(SentenceScores(span, highest))
        result.append(tuple(scored))
    return result
