"""A working encoder of words and a stance model that answers as told, for tests of matching and of the matrix."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from policies.knowledge import ClaimRecord, KnowledgeBase, Publisher, ReviewRating
from policies.rules.stance import LABELS, Passage


class WordEncoder:
    """Adds one random direction per word: texts that share words are close, as with the real encoder."""

    model = ("words", "sha256:" + "0" * 64)

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += len(texts)
        rows = np.array([self._sum(text) for text in texts], dtype=np.float32).reshape(len(texts), 64)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    @staticmethod
    def _sum(text: str) -> NDArray[np.float32]:
        total = np.full(64, 1e-6, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).standard_normal(64).astype(np.float32)
        return total


class ToldStance:
    """Answers every passage with what `answer` says, at the probability `share`."""

    models = (("told", "sha256:" + "1" * 64),)

    def __init__(self, answer: str | Callable[[Passage], str] = "assert", share: float = 0.96) -> None:
        self._answer = answer
        self._share = share
        self.passages: list[Passage] = []

    def stances(self, passages: Sequence[Passage]) -> list[Mapping[str, float]]:
        self.passages += passages
        rest = (1.0 - self._share) / (len(LABELS) - 1)
        told = [self._answer if isinstance(self._answer, str) else self._answer(passage) for passage in passages]
        return [{label: self._share if label == name else rest for label in LABELS} for name in told]


class EverythingIsCheckWorthy:
    model = ("check-worthy", "sha256:" + "2" * 64)

    def __init__(self, score: float = 1.0) -> None:
        self._score = score

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full(len(vectors), self._score, dtype=np.float32)


def record(name: str, claim: str, *, rating: int | None = 1, harm: str = "high", **more: object) -> ClaimRecord:
    """Return a record of a feed: no paraphrases, no corrections."""
    return ClaimRecord(
        id=name,
        claimReviewed=claim,
        reviewRating=ReviewRating(ratingValue=rating, alternateName="False" if rating == 1 else "other"),
        author=Publisher(name="The Desk"),
        url="https://desk.example/review",
        datePublished=date(2026, 5, 1),
        topic="health",
        harm=harm,
        **more,
    )


def base(*records: ClaimRecord) -> KnowledgeBase:
    return KnowledgeBase(tuple(records))
