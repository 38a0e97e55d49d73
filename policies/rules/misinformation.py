"""Misinformation: match sentences to fact-checked claims, take the stance, and follow the verdict matrix.

Nothing here decides what is true. A finding always carries the dated review that it rests on; a topical claim without
a record is "unverified" and at most reviewed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.decision import Evidence, Finding, Span, Verdict
from policies.errors import ScreeningError
from policies.knowledge import ClaimRecord, KnowledgeBase
from policies.pack_schema import MisinformationRule
from policies.rules.negation import is_negated
from policies.rules.stance import Judgement, Stance, is_rebuttal, judge
from policies.rules.unverified import is_unverified_claim
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.views import Views

_NEIGHBOURS = 3  # sentences on each side that a listener still connects with a claim
_LONG_WORDS = 12  # a longer sentence hides its claim among other words, so its clauses are matched too
_CLAUSE_WORDS = 5
_CLAUSE = re.compile(r"[;:—–]\s|,\s|\s(?:because|but|and|so|while|that|which|who|since)\s")
_PRONOUN = re.compile(r"^(?:and |but |so )?(?:it|they|this|these|that|those|he|she|its|their)\b", re.IGNORECASE)
# A correction worded with a negation that the sentence lacks is no sign that the sentence corrects anything.
_PARITY_DISCOUNT = 0.06


class SentenceEncoder(Protocol):
    """Turns sentences into unit vectors; safe to call concurrently, deterministic, never on the network."""

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the weights."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array (len(texts), dimensions) of unit vectors."""
        ...


@dataclass(frozen=True, slots=True)
class _Field:
    record: int
    text: str
    correction: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class _Query:
    sentence: int
    text: str
    floor: float  # least cosine that counts


@dataclass(frozen=True, slots=True)
class _Match:
    sentence: int
    record: ClaimRecord
    field: str  # wording of the claim that is closest
    similarity: float  # to the claim
    margin: float  # how much closer a correction is
    text: str  # what was compared
    corrects: bool  # the sentence states a correction


class Misinformation:
    """Finds claims that fact-checkers rated, unless the script debunks them."""

    id = "misinformation"

    def __init__(
        self,
        *,
        knowledge: KnowledgeBase,
        encoder: SentenceEncoder,
        settings: MisinformationRule,
        today: date | None = None,
    ) -> None:
        self._settings = settings
        self._encoder = encoder
        self._records = knowledge.records
        self._today = today
        self._fields = tuple(
            _Field(number, text, correction, is_negated(text, text))
            for number, record in enumerate(knowledge.records)
            for correction, listed in (
                (False, (record.claimReviewed, *record.paraphrases)),
                (True, record.corrections),
            )
            for text in listed
        )
        self._matrix = encoder.encode([field.text for field in self._fields])
        self.categories: tuple[str, ...] = tuple(
            sorted({f"misinformation/{record.topic}" for record in knowledge.records} | {"unverified_claim"})
        )
        self.models = (encoder.model,)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Match every sentence; report each claim with its stance and its evidence."""
        sentences = views.sentences
        texts = [_reading(views, sentence) for sentence in sentences]
        matches = self._match(sentences, texts)
        rebutted = {
            match.record.id
            for match in matches
            if match.corrects or self._judge(match, sentences, texts).stance is Stance.DEBUNK
        }
        findings: list[Finding] = []
        for match in matches:
            judgement = self._judge(match, sentences, texts)
            finding = self._finding(match, judgement, sentences, rebutted_somewhere=match.record.id in rebutted)
            if finding is not None:
                findings.append(finding)
        known = {match.sentence for match in matches}
        if self._settings.unverified is not Verdict.ALLOW:
            findings += [
                self._unverified(sentences[at])
                for at, text in enumerate(texts)
                if at not in known
                and is_unverified_claim(text)
                and not any(map(is_rebuttal, _after(sentences, texts, at)))
            ]
        return findings

    def _match(self, sentences: Sequence[Sentence], texts: Sequence[str]) -> list[_Match]:
        queries = [query for at in range(len(sentences)) for query in self._queries(at, sentences, texts)]
        if not queries:
            return []
        unique = list(dict.fromkeys(query.text for query in queries))
        vectors = self._encoder.encode(unique)
        if vectors.shape != (len(unique), self._matrix.shape[1]) or not np.isfinite(vectors).all():
            raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
        place = {text: row for row, text in enumerate(unique)}
        best: dict[tuple[int, str], _Match] = {}
        for query in queries:
            similarities = self._matrix @ vectors[place[query.text]]
            for number in {self._fields[int(row)].record for row in np.flatnonzero(similarities >= query.floor)}:
                match = self._compare(query, number, similarities)
                key = (query.sentence, match.record.id)
                if key not in best or match.similarity > best[key].similarity:
                    best[key] = match
        return _strongest(list(best.values()))

    def _queries(self, at: int, sentences: Sequence[Sentence], texts: Sequence[str]) -> list[_Query]:
        text, candidate, strong = texts[at], self._settings.candidate, self._settings.strong
        if not any(character.isalpha() for character in text):
            return []
        queries = [_Query(at, text, candidate)]
        if len(text.split()) > _LONG_WORDS:
            queries += [
                _Query(at, part.strip(), strong)
                for part in _CLAUSE.split(text)
                if part and len(part.split()) >= _CLAUSE_WORDS
            ]
        if _PRONOUN.search(text) and at > 0 and sentences[at - 1].segment == sentences[at].segment:
            queries.append(_Query(at, f"{texts[at - 1]} {text}", strong))
        return queries

    def _compare(self, query: _Query, number: int, similarities: NDArray[np.float32]) -> _Match:
        claim, claim_field, correction = -1.0, "", -1.0
        asks = is_negated(query.text, query.text)
        for row, field in enumerate(self._fields):
            if field.record != number:
                continue
            value = float(similarities[row])
            if not field.correction and value > claim:
                claim, claim_field = value, field.text
            if field.correction:
                correction = max(correction, value - (_PARITY_DISCOUNT if field.negated != asks else 0.0))
        margin = correction - claim
        return _Match(
            query.sentence, self._records[number], claim_field, claim, margin, query.text, corrects=margin >= 0.03
        )

    def _judge(self, match: _Match, sentences: Sequence[Sentence], texts: Sequence[str]) -> Judgement:
        return judge(
            texts[match.sentence],
            before=_before(sentences, texts, match.sentence),
            after=_after(sentences, texts, match.sentence),
            field=match.field,
            wordings=(match.record.claimReviewed, *match.record.paraphrases),
            margin=match.margin,
        )

    def _finding(
        self, match: _Match, judgement: Judgement, sentences: Sequence[Sentence], *, rebutted_somewhere: bool
    ) -> Finding | None:
        verdict = self._verdict(match, judgement, rebutted_somewhere=rebutted_somewhere)
        if verdict is None:
            return None
        record = match.record
        sentence = sentences[match.sentence]
        evidence = Evidence(
            claim=record.claimReviewed,
            rating=record.reviewRating.alternateName,
            publisher=record.author.name,
            url=record.url,
            published_on=record.dated,
            similarity=round(min(1.0, max(0.0, match.similarity)), 4),
        )
        return Finding(
            rule=self.id,
            category=f"misinformation/{record.topic}",
            verdict=verdict,
            span=Span(sentence.start, sentence.end),
            score=evidence.similarity,
            explanation=(
                f"The sentence matches a claim rated {record.reviewRating.alternateName!r} by {record.author.name} and {judgement.cue}."
            ),
            evidence=(evidence,),
        )

    def _verdict(self, match: _Match, judgement: Judgement, *, rebutted_somewhere: bool) -> Verdict | None:
        """Follow the matrix of knowledge and stance; None means that there is nothing to tell."""
        record, stance = match.record, judgement.stance
        weak = match.similarity < self._settings.candidate and not match.corrects
        today = self._today or datetime.now(UTC).date()
        expired = record.valid_until is not None and record.valid_until < today
        if stance is Stance.UNSURE or weak:
            return Verdict.REVIEW if not weak else None
        if record.is_true:
            return Verdict.REVIEW if stance is Stance.DEBUNK and not match.corrects else None
        if stance is Stance.DEBUNK:
            return Verdict.ALLOW if judgement.clear else Verdict.REVIEW
        if expired or not record.is_false:
            return Verdict.REVIEW
        if stance in (Stance.ATTRIBUTE, Stance.QUESTION):
            return Verdict.ALLOW if rebutted_somewhere else Verdict.REVIEW
        strong = match.similarity >= self._settings.strong and judgement.clear and not rebutted_somewhere
        return Verdict.BLOCK if strong and record.harm == "high" else Verdict.REVIEW

    def _unverified(self, sentence: Sentence) -> Finding:
        return Finding(
            rule=self.id,
            category="unverified_claim",
            verdict=self._settings.unverified,
            span=Span(sentence.start, sentence.end),
            score=0.5,
            explanation="A claim about health or elections that listeners may act on, and no fact-check is known to this policy.",
        )


def _strongest(matches: list[_Match]) -> list[_Match]:
    """Keep one record per sentence, the closest one: the others are the same claim in other words."""
    by_sentence: dict[int, _Match] = {}
    for match in matches:
        known = by_sentence.get(match.sentence)
        reach = max(match.similarity, match.similarity + match.margin)
        if known is None or reach > max(known.similarity, known.similarity + known.margin):
            by_sentence[match.sentence] = match
    return [by_sentence[at] for at in sorted(by_sentence)]


def _reading(views: Views, sentence: Sentence) -> str:
    """Return the last view's text of a sentence: disguises undone, so that a claim cannot hide in look-alikes."""
    readings = views.readings(sentence.start, sentence.end)
    return readings[-1][1] if readings else ""


def _before(sentences: Sequence[Sentence], texts: Sequence[str], at: int) -> list[str]:
    spoken = [
        near for near in range(max(0, at - 2 * _NEIGHBOURS), at) if sentences[near].spoken == sentences[at].spoken
    ]
    return [texts[near] for near in reversed(spoken[-_NEIGHBOURS:])]


def _after(sentences: Sequence[Sentence], texts: Sequence[str], at: int) -> list[str]:
    """Return the next sentences, across a change of speaker too: a co-host's "that is false" is heard at once."""
    last = min(len(sentences), at + 1 + 2 * _NEIGHBOURS)  # labels and headings between turns are not spoken
    spoken = [near for near in range(at + 1, last) if sentences[near].spoken == sentences[at].spoken]
    return [texts[near] for near in spoken[:_NEIGHBOURS]]
