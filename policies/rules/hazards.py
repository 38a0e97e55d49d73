"""Hazardous topics: small heads over sentence vectors, for each sentence and each pair of neighbours.

A model's word alone asks for a person. A block needs a second, independent sign in the same sentence: a listed phrase
of the same family. A cry for help is never blocked, so that a person reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.decision import Finding, Span, Verdict
from policies.errors import ModelUnavailableError
from policies.lexicon import Lexicon
from policies.rule_settings import HazardsRule
from policies.rules.hazard_frames import share_left
from policies.rules.lexicon import SENSITIVE, softened
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

INTENT = "self_harm/intent"
# Two sentences further apart than this are not heard as one thought, and their mean vector means little.
_PAIR_CHARACTERS = 400
# A mean of two vectors says less than either, so a pair has to be surer, by this share of the way from threshold to 1.
_PAIR_MARGIN = 0.35
_MEANING = {
    "self_harm": "encouragement of self-harm or talk that glorifies it",
    "self_harm/intent": "a speaker who means to hurt himself",
    "self_harm/instructions": "methods of self-harm",
    "violence": "a threat, a call for violence or praise of it",
    "violence/graphic": "injury or death in gory detail",
    "illicit": "how to commit a crime",
    "illicit/violent": "how to get weapons or to harm people",
    "extremism": "recruiting for, or praise of, a violent or hateful movement",
    "dangerous_advice": "advice that can hurt whoever follows it",
    "scam": "somebody who poses as another to get money or secrets",
}


class TopicModel(Protocol):
    """Scores sentence vectors per topic; safe to call concurrently, deterministic, never on the network."""

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(model id, "sha256:<hex>") of all weights that make a score."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """Names of the columns of `score`."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (len(texts), dimensions) unit vectors; raises `ScreeningError` when they are unusable."""
        ...

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (len(vectors), len(topics)) scores 0..1; any unit vectors of the same dimensions are accepted."""
        ...


@dataclass(frozen=True, slots=True)
class _Candidate:
    first: int  # index of the first sentence
    last: int
    category: str
    verdict: Verdict
    score: float
    view: str
    eased: bool  # the words around it report it, so a block became a review

    @property
    def family(self) -> str:
        return self.category.partition("/")[0]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One sentence as one view shows it."""

    sentence: int
    view: str
    text: str


class Hazards:
    """Finds sentences about the policy's hazardous topics and points at the smallest run that fires."""

    id = "hazards"

    def __init__(self, *, model: TopicModel, lexicon: Lexicon, settings: HazardsRule) -> None:
        unknown = {*settings.review, *settings.block} - set(model.topics)
        if unknown:
            raise ModelUnavailableError(
                f"model {model.models[0][0]} has no topic {sorted(unknown)}, which the policy sets thresholds for; "
                "use heads with these topics or remove the thresholds"
            )
        self._model = model
        self._review: Mapping[str, float] = {str(name): score for name, score in settings.review.items()}
        self._block: Mapping[str, float] = {str(name): score for name, score in settings.block.items()}
        self._phrases = Lexicon(tuple(entry for entry in lexicon.entries if entry.category in SENSITIVE))
        self._columns = {name: column for column, name in enumerate(model.topics)}
        self.categories = tuple(sorted({*settings.review, *settings.block}))
        self.models = model.models
        self.verdicts = (Verdict.REVIEW, Verdict.BLOCK) if settings.block else (Verdict.REVIEW,)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Score every reading of every sentence, then pairs of neighbours by the mean of their vectors."""
        readings = [
            _Reading(at, view, text)
            for at, sentence in enumerate(views.sentences)
            for view, text in views.readings(sentence.start, sentence.end)
        ]
        if not readings:
            return []
        texts = list(dict.fromkeys(reading.text for reading in readings))
        vectors = self._model.encode(texts)
        left = np.array([share_left(text) for text in texts], dtype=np.float32)
        scores = self._model.score(vectors) * left[:, None]
        rows = {text: row for row, text in enumerate(texts)}
        candidates: dict[tuple[int, int, str], _Candidate] = {}
        for reading in readings:
            row = scores[rows[reading.text]]
            for candidate in self._judge(reading.sentence, reading.sentence, row, reading.view, reading.text):
                key = (candidate.first, candidate.last, candidate.category)
                if key not in candidates or candidate.score > candidates[key].score:
                    candidates[key] = self._in_context(candidate, manuscript, views.sentences)
        heard = {reading.sentence: rows[reading.text] for reading in readings if reading.view == ORIGINAL}
        alone = {(candidate.first, candidate.family) for candidate in candidates.values()}
        for candidate in self._pairs(views.sentences, heard, vectors, left):
            family = candidate.family
            if (candidate.first, family) not in alone and (candidate.last, family) not in alone:
                candidates[candidate.first, candidate.last, candidate.category] = candidate
        kept = _most_specific(candidates.values())
        return [self._finding(candidate, views.sentences) for candidate in kept]

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return the score of every topic of the policy for each text, whatever the thresholds are."""
        if not texts:
            return []
        left = np.array([share_left(text) for text in texts], dtype=np.float32)
        scores = self._model.score(self._model.encode(texts)) * left[:, None]
        return [{name: float(row[self._columns[name]]) for name in self.categories} for row in scores]

    def _judge(
        self, first: int, last: int, row: NDArray[np.float32], view: str, text: str | None
    ) -> Iterable[_Candidate]:
        """Yield what `row` reaches; `text` (of a single sentence) may hold the listed phrase that a block needs."""
        wants_help = row[self._columns[INTENT]] >= self._review.get(INTENT, 2.0)
        families: set[str] | None = None
        for category in self.categories:
            score = float(row[self._columns[category]])
            verdict = Verdict.ALLOW
            if score >= self._review.get(category, 2.0):
                verdict = Verdict.REVIEW
            if text is not None and score >= self._block.get(category, 2.0) and not wants_help:
                if families is None:
                    families = {hit.entry.category.partition("/")[0] for hit in self._phrases.search(text)}
                if category.partition("/")[0] in families:
                    verdict = Verdict.BLOCK
            if verdict is not Verdict.ALLOW:
                yield _Candidate(first, last, category, verdict, score, view, eased=False)

    def _in_context(self, found: _Candidate, manuscript: Manuscript, sentences: Sequence[Sentence]) -> _Candidate:
        span = Span(sentences[found.first].start, sentences[found.last].end)
        verdict = softened(found.verdict, manuscript.text, span)
        if verdict is found.verdict:
            return found
        return _Candidate(found.first, found.last, found.category, verdict, found.score, found.view, eased=True)

    def _pairs(
        self,
        sentences: Sequence[Sentence],
        heard: Mapping[int, int],
        vectors: NDArray[np.float32],
        left: NDArray[np.float32],
    ) -> Iterable[_Candidate]:
        near = [
            at
            for at in range(1, len(sentences))
            if at in heard
            and at - 1 in heard
            and sentences[at].segment == sentences[at - 1].segment
            and sentences[at].end - sentences[at - 1].start <= _PAIR_CHARACTERS
        ]
        if not near:
            return
        one, other = np.array([heard[at - 1] for at in near]), np.array([heard[at] for at in near])
        means = vectors[one] + vectors[other]
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
        # What either sentence turns around, it turns around for both: "Do not do this: ..."
        scores = self._model.score(means) * np.minimum(left[one], left[other])[:, None]
        for at, row in zip(near, scores, strict=True):
            for candidate in self._judge(at - 1, at, row, ORIGINAL, None):
                threshold = self._review.get(candidate.category, 1.0)
                if candidate.score >= threshold + _PAIR_MARGIN * (1.0 - threshold):
                    yield candidate

    def _finding(self, candidate: _Candidate, sentences: Sequence[Sentence]) -> Finding:
        explanation = f"The model hears {_MEANING.get(candidate.category, candidate.category)}."
        if candidate.category == INTENT:
            explanation += " If a real person wrote this about himself, somebody should speak to that person today."
        if candidate.verdict is Verdict.BLOCK:
            explanation += " A listed phrase in the same sentence says the same."
        if candidate.eased:
            explanation += " The words seem to be reported or condemned, so a person should read them in context."
        thresholds = self._block if candidate.verdict is Verdict.BLOCK else self._review
        return Finding(
            rule=self.id,
            category=candidate.category,
            verdict=candidate.verdict,
            span=Span(sentences[candidate.first].start, sentences[candidate.last].end),
            score=round(min(1.0, max(0.0, candidate.score)), 4),
            explanation=explanation,
            view=candidate.view,
            threshold=thresholds.get(candidate.category),
        )


def _most_specific(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Drop "illicit" where "illicit/violent" was found in the same sentences and is at least as strict."""
    listed = list(candidates)
    below: dict[tuple[int, int, str], int] = {}
    for candidate in listed:
        if candidate.category != candidate.family:
            key = (candidate.first, candidate.last, candidate.family)
            below[key] = max(below.get(key, 0), candidate.verdict.severity)
    return [
        candidate
        for candidate in listed
        if candidate.category != candidate.family
        or candidate.verdict.severity > below.get((candidate.first, candidate.last, candidate.family), 0)
    ]
