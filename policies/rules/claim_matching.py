"""Match sentences to reviewed claims by meaning: every wording of a claim and of its correction is compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.errors import ScreeningError
from policies.knowledge import ClaimRecord, KnowledgeBase
from policies.rules.negation import is_negated, stems
from policies.rules.stance import vouches
from policies.sentences import Sentence
from policies.vectors import VectorCache

NEIGHBOURS = 3  # sentences on each side that a listener still connects with a claim
_LONG_WORDS = 12  # a longer sentence hides its claim among other words, so its clauses are matched too
_CLAUSE_WORDS = 5
_CLAUSE = re.compile(r"[;:—–]\s|,\s|\s(?:because|but|and|so|while|that|which|who|since)\s")
_PRONOUN = re.compile(r"^(?:and |but |so )?(?:it|they|this|these|that|those|he|she|its|their)\b", re.IGNORECASE)
# A correction worded with a negation that the sentence lacks is no sign that the sentence corrects anything.
_PARITY_DISCOUNT = 0.06
# "Today we talk about vaccines" is near every claim about vaccines; a weak match must share more than its topic.
_SHARED_STEMS = 2
# Cosines closer than this are the same to the encoder.
_CORRECTS_BY = 0.03
# A neighbouring sentence this close to a correction answers the claim. Far below the candidate floor: that it stands
# beside the claim already says what it is about.
_ANSWER_FLOOR = 0.45


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
class Match:
    """A sentence that speaks of a reviewed claim."""

    sentence: int  # index
    number: int  # of the record in the knowledge base
    record: ClaimRecord
    field: str  # the wording of the claim that is closest
    similarity: float  # cosine to the claim
    margin: float  # how much closer a correction is; negative when the claim is closer
    answered: bool  # a neighbouring sentence states a correction

    @property
    def corrects(self) -> bool:
        """Whether the sentence is closer to a correction than to the claim."""
        return self.margin >= _CORRECTS_BY

    @property
    def reach(self) -> float:
        """Cosine to the claim or to a correction, whichever is closer."""
        return max(self.similarity, self.similarity + self.margin)


@dataclass(frozen=True, slots=True)
class _Query:
    sentence: int
    text: str
    floor: float  # least cosine that counts
    alone: str = ""  # the sentence by itself, where `text` holds the one before it too


class ClaimIndex:
    """All wordings of a knowledge base as vectors; immutable, safe to share between threads."""

    def __init__(
        self, *, knowledge: KnowledgeBase, encoder: SentenceEncoder, vectors: VectorCache | None = None
    ) -> None:
        """Encode every wording, or take its vector from `vectors`."""
        self._encoder = encoder
        self._records = knowledge.records
        texts: list[str] = []
        owners: list[int] = []
        self._claim_rows: list[range] = []  # by record: rows of its claim and paraphrases ...
        self._correction_rows: list[range] = []  # ... and of its corrections, of which imported records have none
        for number, record in enumerate(knowledge.records):
            first = len(texts)
            texts += record.wordings
            middle = len(texts)
            texts += record.corrections
            owners += [number] * (len(texts) - first)
            self._claim_rows.append(range(first, middle))
            self._correction_rows.append(range(middle, len(texts)))
        self._texts = tuple(texts)
        self._owners = np.array(owners)
        self._matrix = (vectors or VectorCache(folder=None)).load_or_build(self._texts, encoder=encoder)

    def match(
        self, sentences: Sequence[Sentence], texts: Sequence[str], *, candidate: float, strong: float
    ) -> list[Match]:
        """Return at most one match per sentence, in order; `texts` are the sentences as they will be heard.

        Raises `ScreeningError` when the encoder returns anything but finite vectors of the right shape.
        """
        queries = [query for at in range(len(sentences)) for query in _queries(at, sentences, texts, candidate, strong)]
        if not queries:
            return []
        unique = list(dict.fromkeys(query.text for query in queries))
        vectors = self._encoder.encode(unique)
        if vectors.shape != (len(unique), self._matrix.shape[1]) or not np.isfinite(vectors).all():
            raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
        rows = dict(zip(unique, vectors @ self._matrix.T, strict=True))
        best: dict[int, Match] = {}
        for query in queries:
            cosines = rows[query.text]
            for number in np.unique(self._owners[cosines >= query.floor]):
                match = self._compare(query.sentence, query.text, int(number), cosines)
                if match.reach < strong and len(stems(query.text) & stems(match.field)) < _SHARED_STEMS:
                    continue
                if query.alone:
                    # What the pronoun sentence says by itself counts: it may correct the claim before it.
                    alone = self._compare(query.sentence, query.alone, int(number), rows[query.alone])
                    if alone.reach >= _ANSWER_FLOOR and alone.margin > match.margin:
                        match = replace(match, margin=alone.margin)
                if query.sentence not in best or match.reach > best[query.sentence].reach:
                    best[query.sentence] = match
        return [replace(best[at], answered=self._answered(best[at], sentences, texts, rows)) for at in sorted(best)]

    def _compare(self, sentence: int, text: str, number: int, cosines: NDArray[np.float32]) -> Match:
        claims, corrections = self._claim_rows[number], self._correction_rows[number]
        closest = claims[int(np.argmax(cosines[claims.start : claims.stop]))]
        negated = is_negated(text, text)
        nearest = max(
            (
                float(cosines[row]) - _PARITY_DISCOUNT * (is_negated(self._texts[row], self._texts[row]) != negated)
                for row in corrections
            ),
            default=-1.0,
        )
        margin = nearest - float(cosines[closest])
        return Match(
            sentence=sentence,
            number=number,
            record=self._records[number],
            field=self._texts[closest],
            similarity=float(cosines[closest]),
            margin=margin,
            answered=False,
        )

    def _answered(
        self,
        match: Match,
        sentences: Sequence[Sentence],
        texts: Sequence[str],
        rows: dict[str, NDArray[np.float32]],
    ) -> bool:
        for near in following(sentences, match.sentence):
            cosines = rows.get(texts[near])
            if cosines is None or vouches(texts[near]):
                continue
            answer = self._compare(near, texts[near], match.number, cosines)
            if answer.corrects and answer.reach >= _ANSWER_FLOOR:
                return True
        return False


def following(sentences: Sequence[Sentence], at: int) -> list[int]:
    """Return the next sentences that are heard, across a change of speaker too: a co-host's answer is heard at once."""
    last = min(len(sentences), at + 1 + 2 * NEIGHBOURS)  # labels and headings between turns are not spoken
    heard = [near for near in range(at + 1, last) if sentences[near].spoken == sentences[at].spoken]
    return heard[:NEIGHBOURS]


def preceding(sentences: Sequence[Sentence], at: int) -> list[int]:
    """Return the sentences heard before, the nearest first."""
    first = max(0, at - 2 * NEIGHBOURS)
    heard = [near for near in range(first, at) if sentences[near].spoken == sentences[at].spoken]
    return list(reversed(heard[-NEIGHBOURS:]))


def _queries(
    at: int, sentences: Sequence[Sentence], texts: Sequence[str], candidate: float, strong: float
) -> list[_Query]:
    text = texts[at]
    if not any(character.isalpha() for character in text):
        return []
    queries = [_Query(at, text, candidate)]
    if len(text.split()) > _LONG_WORDS:
        parts = [part.strip() for part in _CLAUSE.split(text) if part]
        queries += [_Query(at, part, strong) for part in parts if len(part.split()) >= _CLAUSE_WORDS]
    if _PRONOUN.search(text) and at > 0 and sentences[at - 1].segment == sentences[at].segment:
        queries.append(_Query(at, f"{texts[at - 1]} {text}", candidate, alone=text))
    return queries
