"""Match sentences to reviewed claims by meaning: which records a sentence may speak of, and how closely (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policies.knowledge import ClaimRecord
from policies.rules.claim_index import ClaimIndex, Hit, SentenceEncoder
from policies.rules.negation import is_negated
from policies.rules.stance import vouches
from policies.sentences import Sentence

__all__ = ["ClaimIndex", "Hit", "Match", "SentenceEncoder", "following", "match_sentences", "preceding"]

NEIGHBOURS = 3  # sentences on each side that a listener still connects with a claim
_RECORDS = 2  # records a sentence may speak of; the stance model decides between them
_LONG_WORDS = 12  # a longer sentence hides its claim among other words, so its clauses are matched too
_CLAUSE_WORDS = 5
_CLAUSE = re.compile(r"[;:—–]\s|,\s|\s(?:because|but|and|so|while|that|which|who|since)\s")
_PRONOUN = re.compile(r"^(?:and |but |so )?(?:it|they|this|these|that|those|he|she|its|their)\b", re.IGNORECASE)
# Clauses and joined sentences are only encoded where the sentence is this near to the base, less than its candidates.
_NEAR = 0.12
# Two sentences together are near many claims; they count from here on.
_JOINED = 0.65
# A correction worded with a negation that the sentence lacks is no sign that the sentence corrects anything.
_PARITY_DISCOUNT = 0.06
# Cosines closer than this are the same to the encoder.
_CORRECTS_BY = 0.03
# A neighbouring sentence this close to a correction answers the claim. Far below the candidate floor: that it stands
# beside the claim already says what it is about.
_ANSWER_FLOOR = 0.45
# Figures by themselves: neither "COVID-19" nor "5G" nor "9/11" counts anything.
_FIGURE = re.compile(r"(?<![\w/.,-])\d+(?:[.,]\d+)*(?![\w/])")
_SPOKEN = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "billion": "1000000000",
}


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that may speak of a reviewed claim."""

    sentence: int  # index
    number: int  # of the record in the knowledge base
    record: ClaimRecord
    field: str  # the wording of the claim that is closest
    similarity: float  # cosine to the claim
    reach: float  # cosine to the claim, its title or a correction, whichever is closest
    margin: float  # how much closer a correction is; negative when the claim is closer
    answered: bool = False  # a neighbouring sentence states a correction
    other_numbers: bool = False  # both give figures, and not one is the same

    @property
    def corrects(self) -> bool:
        """Whether the sentence is closer to a correction than to the claim."""
        return self.margin >= _CORRECTS_BY


@dataclass(frozen=True, slots=True)
class _Query:
    sentence: int
    text: str
    floor: float  # least cosine that counts
    joined: bool = False  # the text holds the sentence before too


def match_sentences(
    index: ClaimIndex, sentences: Sequence[Sentence], texts: Sequence[str], *, floor: float, strong: float
) -> tuple[list[Match], NDArray[np.float32]]:
    """Return at most two matches per sentence, in order, the better first, and one vector per sentence.

    `texts` are the sentences as they will be heard. Every sentence is encoded once; clauses of long sentences and
    sentences that begin with a pronoun, joined to the one before, are encoded only near a claim.
    Raises `ScreeningError` when the encoder returns anything but finite vectors of the right shape.
    """
    unique = list(dict.fromkeys(texts))
    encoded = dict(zip(unique, index.encode(unique), strict=True)) if unique else {}
    if not unique:
        return [], np.zeros((0, 1), dtype=np.float32)
    near = dict(zip(unique, index.nearest(np.stack(list(encoded.values()))) >= floor - _NEAR, strict=True))
    queries = [query for at in range(len(texts)) for query in _queries(at, sentences, texts, near, floor, strong)]
    missing = [text for text in dict.fromkeys(query.text for query in queries) if text not in encoded]
    if missing:
        encoded.update(zip(missing, index.encode(missing), strict=True))
    vectors = np.stack([encoded[text] for text in texts])
    if not queries:
        return [], vectors
    found = index.hits(
        [query.text for query in queries],
        np.stack([encoded[query.text] for query in queries]),
        floors=[query.floor for query in queries],
        limit=_RECORDS,
    )
    best: dict[int, dict[int, Match]] = {}
    for query, hits in zip(queries, found, strict=True):
        for hit in hits:
            match = _match(index, query, hit, encoded[query.text])
            if query.joined:
                match = _with_own_margin(index, match, texts[query.sentence], encoded[texts[query.sentence]])
            known = best.setdefault(query.sentence, {})
            if hit.number not in known or match.reach > known[hit.number].reach:
                known[hit.number] = match
    matches = []
    for at in sorted(best):
        ranked = sorted(best[at].values(), key=lambda match: -match.reach)[:_RECORDS]
        matches += [replace(match, answered=_answered(index, match, sentences, texts, encoded)) for match in ranked]
    return matches, vectors


def _match(index: ClaimIndex, query: _Query, hit: Hit, vector: NDArray[np.float32]) -> Match:
    negated = is_negated(query.text, query.text)
    nearest = max(
        (
            cosine - _PARITY_DISCOUNT * (is_negated(correction, correction) != negated)
            for correction, cosine in index.correction_cosines(hit.number, vector)
        ),
        default=-1.0,
    )
    return Match(
        sentence=query.sentence,
        number=hit.number,
        record=hit.record,
        field=hit.matched,
        similarity=hit.similarity,
        reach=hit.reach,
        margin=nearest - hit.similarity,
        other_numbers=differ_in_numbers(query.text, hit.record.wordings),
    )


def _with_own_margin(index: ClaimIndex, match: Match, text: str, vector: NDArray[np.float32]) -> Match:
    """Let what the sentence says by itself count: it may correct the claim that stands before it."""
    own = _match(index, _Query(match.sentence, text, 0.0), index.compare(match.number, vector), vector)
    return replace(match, margin=own.margin) if own.reach >= _ANSWER_FLOOR and own.margin > match.margin else match


def _answered(
    index: ClaimIndex,
    match: Match,
    sentences: Sequence[Sentence],
    texts: Sequence[str],
    encoded: dict[str, NDArray[np.float32]],
) -> bool:
    for near in following(sentences, match.sentence):
        if vouches(texts[near]):
            continue
        vector = encoded[texts[near]]
        answer = _match(index, _Query(near, texts[near], 0.0), index.compare(match.number, vector), vector)
        if answer.corrects and answer.reach >= _ANSWER_FLOOR:
            return True
    return False


def differ_in_numbers(text: str, wordings: Sequence[str]) -> bool:
    """Say whether `text` gives figures and every wording that gives figures gives others: 5 % is not 50 %."""
    said = _figures(text)
    reviewed = [figures for figures in map(_figures, wordings) if figures]
    return bool(said) and bool(reviewed) and not any(said & figures for figures in reviewed)


def _figures(text: str) -> frozenset[str]:
    written = {figure.replace(",", "") for figure in _FIGURE.findall(text)}
    return frozenset(written | {_SPOKEN[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _SPOKEN})


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
    at: int,
    sentences: Sequence[Sentence],
    texts: Sequence[str],
    near: dict[str, bool],
    floor: float,
    strong: float,
) -> list[_Query]:
    text = texts[at]
    if not any(character.isalpha() for character in text):
        return []
    joined = _PRONOUN.search(text) and at > 0 and sentences[at - 1].segment == sentences[at].segment
    if not (near[text] or (joined and near[texts[at - 1]])):
        return []
    queries = [_Query(at, text, floor)]
    if len(text.split()) > _LONG_WORDS:
        parts = [part.strip() for part in _CLAUSE.split(text) if part]
        queries += [_Query(at, part, strong) for part in parts if len(part.split()) >= _CLAUSE_WORDS]
    if joined:
        queries.append(_Query(at, f"{texts[at - 1]} {text}", max(floor, _JOINED), joined=True))
    return queries
