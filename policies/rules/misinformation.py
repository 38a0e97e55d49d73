"""Misinformation: match sentences to fact-checked claims, take the stance, and follow the verdict matrix.

Nothing here decides what is true. A finding always carries the dated review that it rests on; a topical claim without
a record is "unverified" and at most reviewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from policies.decision import Evidence, Finding, Span, Verdict
from policies.knowledge import KnowledgeBase
from policies.rule_settings import MisinformationRule
from policies.rules.claim_matching import ClaimIndex, Match, SentenceEncoder, following, preceding
from policies.rules.stance import Judgement, Stance, is_rebuttal, judge
from policies.rules.unverified import is_unverified_claim
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.vectors import VectorCache
from policies.views import Views


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
        vectors: VectorCache | None = None,
    ) -> None:
        """`today` (UTC) decides which records have expired; by default it is the day of each screening.

        `vectors` keeps the vectors of claims between processes.
        """
        self._settings = settings
        self._today = today
        self._index = ClaimIndex(knowledge=knowledge, encoder=encoder, vectors=vectors)
        topics = {f"misinformation/{record.topic}" for record in knowledge.records}
        self.categories: tuple[str, ...] = tuple(sorted(topics | {"unverified_claim"}))
        self.models = (encoder.model,)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Match every sentence; report each claim with its stance and its evidence."""
        if not manuscript.text.strip():
            return []
        sentences = views.sentences
        texts = [_reading(views, sentence) for sentence in sentences]
        matches = self._index.match(sentences, texts, candidate=self._settings.candidate, strong=self._settings.strong)
        judged = [(match, _judge(match, sentences, texts)) for match in matches]
        rebutted = {match.record.id for match, judgement in judged if judgement.stance is Stance.DEBUNK}
        findings = []
        for match, judgement in judged:
            finding = self._finding(match, judgement, sentences, rebutted_somewhere=match.record.id in rebutted)
            if finding is not None:
                findings.append(finding)
        return findings + self._unverified(sentences, texts, known={match.sentence for match in matches})

    def _finding(
        self, match: Match, judgement: Judgement, sentences: Sequence[Sentence], *, rebutted_somewhere: bool
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
                f"The sentence matches a claim rated {record.reviewRating.alternateName!r} by {record.author.name} "
                f"and {judgement.cue}."
            ),
            evidence=(evidence,),
        )

    def _verdict(self, match: Match, judgement: Judgement, *, rebutted_somewhere: bool) -> Verdict | None:
        """Follow the matrix of knowledge and stance; None means that there is nothing to tell."""
        record, stance = match.record, judgement.stance
        weak = match.similarity < self._settings.candidate and not match.corrects
        today = self._today or datetime.now(UTC).date()
        expired = not record.is_current(today)
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

    def _unverified(self, sentences: Sequence[Sentence], texts: Sequence[str], *, known: set[int]) -> list[Finding]:
        if self._settings.unverified is Verdict.ALLOW:
            return []
        return [
            Finding(
                rule=self.id,
                category="unverified_claim",
                verdict=self._settings.unverified,
                span=Span(sentences[at].start, sentences[at].end),
                score=0.5,
                explanation="Listeners may act on this claim, and no fact-check of it is known to this policy.",
            )
            for at, text in enumerate(texts)
            if at not in known
            and is_unverified_claim(text)
            and not any(is_rebuttal(texts[near]) for near in following(sentences, at))
        ]


def _judge(match: Match, sentences: Sequence[Sentence], texts: Sequence[str]) -> Judgement:
    return judge(
        texts[match.sentence],
        before=[texts[near] for near in preceding(sentences, match.sentence)],
        after=[texts[near] for near in following(sentences, match.sentence)],
        field=match.field,
        wordings=(match.record.claimReviewed, *match.record.paraphrases),
        margin=match.margin,
        answered=match.answered,
    )


def _reading(views: Views, sentence: Sentence) -> str:
    """Return the last view's text of a sentence: disguises undone, so that a claim cannot hide in look-alikes."""
    readings = views.readings(sentence.start, sentence.end)
    return readings[-1][1] if readings else ""
