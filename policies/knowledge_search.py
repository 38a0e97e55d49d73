"""Search a knowledge base by meaning: the records whose wordings are closest to a text (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.errors import ScreeningError
from policies.knowledge import ClaimRecord
from policies.vectors import Encoder, VectorCache


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that speaks of something like the text."""

    record: ClaimRecord
    similarity: float  # cosine of the closest wording
    matched: str  # that wording
    is_correction: bool  # it is a correction: the text sounds like the debunk


class ClaimSearch:
    """All wordings of some records, ready for questions; immutable."""

    def __init__(self, *, records: Sequence[ClaimRecord], encoder: Encoder, vectors: VectorCache) -> None:
        self._encoder = encoder
        self._rows = [
            (record, wording, is_correction)
            for record in records
            for is_correction, wordings in ((False, record.wordings), (True, record.corrections))
            for wording in wordings
        ]
        self._matrix = vectors.load_or_build([wording for _, wording, _ in self._rows], encoder=encoder)

    def nearest(self, text: str, *, limit: int) -> list[Hit]:
        """Return at most `limit` records, the closest first; no threshold is applied.

        Raises `ScreeningError` when the encoder returns unusable vectors.
        """
        vector = self._encoder.encode([text])
        if vector.shape != (1, self._matrix.shape[1]) or not np.isfinite(vector).all():
            raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
        cosines = self._matrix @ vector[0]
        hits: dict[str, Hit] = {}
        for row in np.argsort(-cosines):
            record, wording, is_correction = self._rows[int(row)]
            if record.id not in hits:
                hits[record.id] = Hit(record, float(cosines[row]), wording, is_correction)
            if len(hits) >= limit:
                break
        return list(hits.values())
