"""Samples of fact-checks for the tests of the knowledge base, and an encoder without weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.importers.found import Found, Skipped
from policies.importers.records import ImportSettings
from policies.knowledge import ClaimRecord

TODAY = date(2026, 11, 25)
SETTINGS = ImportSettings(source="feed.json", today=TODAY, languages=("en",), language="en")


def claim_review(claim: Any = "The town hall is made of cheese.", **changes: Any) -> dict[str, Any]:
    """A complete ClaimReview as a publisher's page holds it."""
    review: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ClaimReview",
        "claimReviewed": claim,
        "reviewRating": {
            "@type": "Rating",
            "ratingValue": 1,
            "bestRating": 5,
            "worstRating": 1,
            "alternateName": "False",
        },
        "author": {"@type": "Organization", "name": "Example Check"},
        "url": "https://check.example.org/cheese",
        "datePublished": "2025-03-04",
        "inLanguage": "en",
    }
    return review | changes


def record(identifier: str = "cheese", **changes: Any) -> ClaimRecord:
    """A record as it stands in a pack."""
    fields: dict[str, Any] = {
        "id": identifier,
        "claimReviewed": f"The {identifier} is made of cheese.",
        "reviewRating": {"ratingValue": 1, "alternateName": "False"},
        "author": {"name": "Example Check"},
        "url": f"https://check.example.org/{identifier}",
        "reviewed_on": TODAY,
        "topic": "science",
        "harm": "low",
    }
    return ClaimRecord.model_validate(fields | changes)


def found_in(items: Iterable[Found | Skipped]) -> list[Found]:
    """All items, none of which may have been left out."""
    listed = list(items)
    assert not [item for item in listed if isinstance(item, Skipped)]
    return [item for item in listed if isinstance(item, Found)]


class WordEncoder:
    """Unit vectors of hashed words: texts that share words are close. Counts what it encodes."""

    def __init__(self, name: str = "words") -> None:
        self.model = (name, "sha256:" + hashlib.sha256(name.encode()).hexdigest())
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += texts
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or ["-"]:
                vectors[row, hashlib.sha256((self.model[0] + word).encode()).digest()[0] % 64] += 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
