"""Misinformation: match sentences to fact-checked claims, take the stance, and follow the verdict matrix.

Nothing here decides what is true. A finding always carries the dated review that it rests on; a topical claim without
a record is "unverified" and at most reviewed. The order of the steps:

1. match every sentence with the knowledge base (`claim_matching`);
2. take the stance of each match by cues (`stance.judge`) and by the entailment model, once for the whole script;
3. weigh both (`stance.weigh`); of two records that a sentence may speak of, keep the one it speaks of more;
4. follow the matrix of rating, stance and harm;
5. of what is left, report what promises a cure or declares an election stolen, if it is check-worthy at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from policies.checkworthiness import CheckWorthinessModel
from policies.decision import Evidence, Finding, Span, Verdict
from policies.errors import ScreeningError
from policies.knowledge import KnowledgeBase
from policies.rule_settings import MisinformationRule
from policies.rules.claim_matching import (
    NEIGHBOURS,
    ClaimIndex,
    Match,
    SentenceEncoder,
    following,
    match_sentences,
    preceding,
)
from policies.rules.stance import Judgement, Passage, Stance, StanceModel, is_rebuttal, judge, weigh
from policies.rules.unverified import is_advice, is_unverified_claim
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.vectors import VectorCache
from policies.views import Views

CONTEXT = 2  # sentences on each side that the entailment model reads
# About a minute of the entailment model on one core. A script that speaks of this many claims is no episode.
MAX_PASSAGES = 6000
# Far from the claim corrections say little about the stance, so the model's own reading must be this sure.
SURE_READING = 0.75


@dataclass(frozen=True, slots=True)
class _Judged:
    match: Match
    judgement: Judgement
    relevance: float  # cosine times the model's certainty that the sentence speaks of this claim


class Misinformation:
    """Finds claims that fact-checkers rated, unless the script debunks them."""

    id = "misinformation"

    def __init__(
        self,
        *,
        knowledge: KnowledgeBase,
        encoder: SentenceEncoder,
        stance: StanceModel,
        check_worthiness: CheckWorthinessModel,
        settings: MisinformationRule,
        today: date | None = None,
        vectors: VectorCache | None = None,
    ) -> None:
        """`today` (UTC) decides which records have expired; by default it is the day of each screening.

        `vectors` keeps the vectors of claims between processes.
        """
        self._settings = settings
        self._today = today
        self._stance = stance
        self._check_worthiness = check_worthiness
        self._index = ClaimIndex(knowledge=knowledge, encoder=encoder, vectors=vectors)
        topics = {f"misinformation/{record.topic}" for record in knowledge.records}
        self.categories: tuple[str, ...] = tuple(sorted(topics | {"unverified_claim"}))
        self.models = tuple(sorted({encoder.model, check_worthiness.model, *stance.models}))

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Match every sentence; report each claim with its stance and its evidence."""
        if not manuscript.text.strip():
            return []
        sentences = views.sentences
        texts = [_reading(views, sentence) for sentence in sentences]
        matches, vectors = match_sentences(
            self._index, sentences, texts, floor=self._settings.related, strong=self._settings.strong
        )
        judged = self._judge(matches, sentences, texts)
        debunked: dict[str, list[int]] = {}
        for item in judged:
            if item.judgement.stance is Stance.DEBUNK:
                debunked.setdefault(item.match.record.id, []).append(item.match.sentence)
        findings = [
            finding
            for item in judged
            if (finding := self._finding(item, sentences, debunked.get(item.match.record.id, []))) is not None
        ]
        known = {item.match.sentence for item in judged if item.match.reach >= self._settings.candidate} | {
            item.match.sentence for item in judged if self._verdict(item, []) is not None
        }
        return findings + self._unverified(sentences, texts, vectors, known=known)

    def _judge(self, matches: Sequence[Match], sentences: Sequence[Sentence], texts: Sequence[str]) -> list[_Judged]:
        """Return the stance of each sentence to the record that it speaks of most, one for a sentence at most."""
        passages = [_passage(match, sentences, texts) for match in matches]
        unique = list(dict.fromkeys(passages))
        if len(unique) > MAX_PASSAGES:
            raise ScreeningError(
                f"{len(unique)} passages may speak of reviewed claims, more than {MAX_PASSAGES}; split the script"
            )
        told: dict[Passage, Mapping[str, float]] = dict(zip(unique, self._stance.stances(unique), strict=True))
        best: dict[int, _Judged] = {}
        for match, passage in zip(matches, passages, strict=True):
            probabilities = told[passage]
            cues = judge(
                texts[match.sentence],
                before=[texts[near] for near in preceding(sentences, match.sentence)],
                after=[texts[near] for near in following(sentences, match.sentence)],
                field=match.field,
                wordings=match.record.wordings,
                margin=match.margin,
                answered=match.answered,
            )
            judgement = weigh(cues, probabilities, certain=self._settings.certain, margin=match.margin)
            if judgement is None:
                continue
            item = _Judged(match, judgement, match.reach * (1.0 - 0.5 * probabilities["unrelated"]))
            if match.sentence not in best or item.relevance > best[match.sentence].relevance:
                best[match.sentence] = item
        return [best[at] for at in sorted(best)]

    def _finding(self, item: _Judged, sentences: Sequence[Sentence], debunked: Sequence[int]) -> Finding | None:
        verdict = self._verdict(item, debunked)
        if verdict is None:
            return None
        match, record = item.match, item.match.record
        sentence = sentences[match.sentence]
        evidence = Evidence(
            claim=record.claimReviewed,
            rating=record.reviewRating.alternateName,
            publisher=record.author.name,
            url=record.url,
            published_on=record.dated,
            similarity=round(min(1.0, max(0.0, match.similarity)), 4),
            record=record.id,
            matched=match.field,
        )
        return Finding(
            rule=self.id,
            category=f"misinformation/{record.topic}",
            verdict=verdict,
            span=Span(sentence.start, sentence.end),
            score=evidence.similarity,
            threshold=self._threshold(match.similarity),
            stance=str(item.judgement.stance),
            explanation=self._explanation(item, debunked),
            evidence=(evidence,),
        )

    def _threshold(self, similarity: float) -> float:
        """Return the highest threshold of the policy that the cosine reached."""
        settings = self._settings
        reached = [limit for limit in (settings.candidate, settings.strong) if similarity >= limit]
        return max(reached, default=settings.related)

    def _explanation(self, item: _Judged, debunked: Sequence[int]) -> str:
        record = item.match.record
        text = (
            f"The sentence matches a claim rated {record.reviewRating.alternateName!r} by {record.author.name} "
            f"and {item.judgement.cue}."
        )
        if item.match.other_numbers:
            text += " Its figures are others than those of the claim."
        if not record.is_current(self._day()):
            text += " The review is outside its time of validity."
        if item.judgement.stance is not Stance.DEBUNK and debunked:
            where = "near it" if _is_near(item.match.sentence, debunked) else "far from it"
            text += f" The script rejects the claim elsewhere, {where}."
        return text

    def _day(self) -> date:
        return self._today or datetime.now(UTC).date()

    def _verdict(self, item: _Judged, debunked: Sequence[int]) -> Verdict | None:
        """Follow the matrix of knowledge and stance; None means that there is nothing to tell.

        `debunked` are the sentences of the script that reject the claim.
        """
        match, judgement, record = item.match, item.judgement, item.match.record
        stance = judgement.stance
        if match.similarity < self._settings.candidate:
            # So far from the claim only what is certain counts, and at most as a question to a person.
            sure = stance is Stance.ASSERT and judgement.clear and judgement.read >= SURE_READING
            if sure and not record.is_true and not match.other_numbers:
                return Verdict.REVIEW
            corrected = stance is Stance.DEBUNK and judgement.clear and match.reach >= self._settings.candidate
            return Verdict.ALLOW if corrected and not record.is_true else None
        if stance is Stance.UNSURE:
            return None if record.is_true else Verdict.REVIEW
        if record.is_true:
            return Verdict.REVIEW if stance is Stance.DEBUNK and judgement.clear and not match.corrects else None
        if stance is Stance.DEBUNK:
            return Verdict.ALLOW if judgement.clear else Verdict.REVIEW
        if not record.is_false or not record.is_current(self._day()):
            return Verdict.REVIEW
        if stance in (Stance.ATTRIBUTE, Stance.QUESTION):
            # A listener may hear only a part: a rebuttal far away does not answer for this sentence.
            return Verdict.ALLOW if _is_near(match.sentence, debunked) else Verdict.REVIEW
        strong = match.similarity >= self._settings.strong and judgement.clear and not match.other_numbers
        return Verdict.BLOCK if strong and not debunked and record.harm == "high" else Verdict.REVIEW

    def _unverified(
        self,
        sentences: Sequence[Sentence],
        texts: Sequence[str],
        vectors: NDArray[np.float32],
        *,
        known: set[int],
    ) -> list[Finding]:
        if self._settings.unverified is Verdict.ALLOW:
            return []
        suspects = [
            at
            for at, text in enumerate(texts)
            if at not in known
            and is_unverified_claim(text)
            and not any(is_rebuttal(texts[near]) for near in following(sentences, at))
        ]
        if not suspects:
            return []
        scores = self._check_worthiness.scores(vectors[suspects])
        return [
            Finding(
                rule=self.id,
                category="unverified_claim",
                verdict=self._settings.unverified,
                span=Span(sentences[at].start, sentences[at].end),
                score=round(float(score), 4),
                threshold=self._settings.check_worthy,
                explanation="Listeners may act on this claim, and no fact-check of it is known to this policy.",
            )
            for at, score in zip(suspects, scores, strict=True)
            if score >= self._settings.check_worthy or is_advice(texts[at])
        ]


def _is_near(sentence: int, others: Sequence[int]) -> bool:
    return any(abs(sentence - other) <= 2 * NEIGHBOURS for other in others)


def _passage(match: Match, sentences: Sequence[Sentence], texts: Sequence[str]) -> Passage:
    before = [texts[near] for near in reversed(preceding(sentences, match.sentence)[:CONTEXT])]
    after = [texts[near] for near in following(sentences, match.sentence)[:CONTEXT]]
    return Passage(match.field, texts[match.sentence], " ".join(before), " ".join(after))


def _reading(views: Views, sentence: Sentence) -> str:
    """Return the last view's text of a sentence: disguises undone, so that a claim cannot hide in look-alikes."""
    readings = views.readings(sentence.start, sentence.end)
    return readings[-1][1] if readings else ""
