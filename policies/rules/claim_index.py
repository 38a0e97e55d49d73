"""All wordings of a knowledge base as vectors, and the search in them (pure; immutable, safe to share between threads).

Ranking is the greatest cosine over every wording of a record. Words that are rare in the base only break ties: on
fact-checks, fusing ranks with BM25 finds fewer right records than the vectors alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policies.errors import ScreeningError
from policies.knowledge import ClaimRecord, KnowledgeBase
from policies.rules.negation import stems
from policies.vectors import VectorCache

# Cosine that all rare words together are worth: two records closer than this are the same to the encoder.
_RARE_WORDS = 0.03
_POOL = 5  # times as many records as asked for are ranked by their words too
_ROWS_AT_ONCE = 256  # sentences multiplied at once; bounds the memory of a large base to about 60 MB


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
class Hit:
    """A record that a text may speak of."""

    number: int  # of the record in the knowledge base
    record: ClaimRecord
    similarity: float  # greatest cosine to the claim or a paraphrase
    reach: float  # greatest cosine to anything of the record: claim, paraphrase, title, correction
    matched: str  # the wording of the claim that is closest


class ClaimIndex:
    """Finds the records that a text may speak of."""

    def __init__(
        self, *, knowledge: KnowledgeBase, encoder: SentenceEncoder, vectors: VectorCache | None = None
    ) -> None:
        """Encode every wording, or take its vector from `vectors`."""
        self._encoder = encoder
        self.records = knowledge.records
        texts: list[str] = []
        starts: list[int] = []
        self._claims: list[range] = []  # by record: rows of its claim and paraphrases ...
        self._corrections: list[range] = []  # ... and of its corrections, of which imported records have none
        for record in knowledge.records:
            starts.append(len(texts))
            texts += record.wordings
            middle = len(texts)
            texts += record.corrections
            self._claims.append(range(starts[-1], middle))
            self._corrections.append(range(middle, len(texts)))
            # A title is a wording to be found by, and no wording of the claim: it often says the opposite.
            texts += [record.title] if record.title else []
        self.texts = tuple(texts)
        self._starts = np.array(starts)
        self._matrix = (vectors or VectorCache(folder=None)).load_or_build(self.texts, encoder=encoder)
        counts = Counter(stem for record in knowledge.records for stem in _stems_of(record))
        self._rarity = {stem: math.log(1 + len(starts) / count) for stem, count in counts.items()}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (len(texts), dimensions) unit vectors; raises `ScreeningError` for anything else."""
        vectors = self._encoder.encode(texts)
        if vectors.shape != (len(texts), self._matrix.shape[1]) or not np.isfinite(vectors).all():
            raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
        return vectors

    def nearest(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (texts,) the greatest cosine of each vector to anything in the base."""
        best = np.empty(len(vectors), dtype=np.float32)
        for at in range(0, len(vectors), _ROWS_AT_ONCE):
            best[at : at + _ROWS_AT_ONCE] = (vectors[at : at + _ROWS_AT_ONCE] @ self._matrix.T).max(axis=1)
        return best

    def hits(
        self, texts: Sequence[str], vectors: NDArray[np.float32], *, floors: Sequence[float], limit: int
    ) -> list[list[Hit]]:
        """Return for each text at most `limit` records that reach its floor, the best first."""
        found: list[list[Hit]] = []
        for at in range(0, len(texts), _ROWS_AT_ONCE):
            cosines = vectors[at : at + _ROWS_AT_ONCE] @ self._matrix.T
            by_record = np.maximum.reduceat(cosines, self._starts, axis=1)
            for row, (text, floor) in enumerate(
                zip(texts[at : at + _ROWS_AT_ONCE], floors[at : at + _ROWS_AT_ONCE], strict=True)
            ):
                numbers = np.flatnonzero(by_record[row] >= floor)
                if len(numbers) > limit * _POOL:
                    order = np.argpartition(-by_record[row][numbers], limit * _POOL)[: limit * _POOL]
                    numbers = numbers[order]
                hits = [self._hit(int(number), cosines[row], float(by_record[row][number])) for number in numbers]
                words = stems(text)
                hits.sort(key=lambda hit: (-hit.reach - _RARE_WORDS * self._shared(words, hit), hit.number))
                found.append(hits[:limit])
        return found

    def search(self, text: str, k: int) -> list[Hit]:
        """Return the `k` records that are closest to `text`, the best first; no threshold is applied."""
        return self.hits([text], self.encode([text]), floors=[-1.0], limit=k)[0]

    def correction_cosines(self, number: int, vector: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return (correction, cosine) for every correction of a record."""
        rows = self._corrections[number]
        cosines = self._matrix[rows.start : rows.stop] @ vector
        return [(self.texts[row], float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]

    def compare(self, number: int, vector: NDArray[np.float32]) -> Hit:
        """Return the hit of one vector on one record, however far they are apart."""
        claims = self._claims[number]
        cosines = self._matrix[claims.start : self._end(number)] @ vector
        closest = int(np.argmax(cosines[: len(claims)]))
        matched = self.texts[claims.start + closest]
        return Hit(number, self.records[number], float(cosines[closest]), float(cosines.max()), matched)

    def _end(self, number: int) -> int:
        return int(self._starts[number + 1]) if number + 1 < len(self._starts) else len(self.texts)

    def _hit(self, number: int, cosines: NDArray[np.float32], reach: float) -> Hit:
        claims = self._claims[number]
        closest = claims.start + int(np.argmax(cosines[claims.start : claims.stop]))
        return Hit(number, self.records[number], float(cosines[closest]), reach, self.texts[closest])

    def _shared(self, words: frozenset[str], hit: Hit) -> float:
        """Share of the wording's words that the text holds, rare words counting more: 0..1."""
        wanted = stems(hit.matched)
        whole = sum(self._rarity.get(stem, 0.0) for stem in wanted)
        return sum(self._rarity.get(stem, 0.0) for stem in wanted & words) / whole if whole else 0.0


def _stems_of(record: ClaimRecord) -> frozenset[str]:
    return frozenset(stem for wording in record.wordings for stem in stems(wording))
