"""Remember what a model said about a text, so that no text is scored twice: overlapping windows, other views, several
policies over the same script, a replay of stored scripts.

Texts are kept as digests only: a memory of unpublished scripts has no business in a server's core dump. An answer from
memory is the answer that the model gave, so a decision does not depend on what is remembered.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from policies.rules.claim_matching import SentenceEncoder
from policies.rules.toxicity import ToxicityModel

# A day of speech has about 12,000 sentences. Seven scores take some 400 bytes with their key, a vector 1.7 kB.
SCORES = 60_000
VECTORS = 16_000

Value = TypeVar("Value")


class _Memory(Generic[Value]):
    """The most recently used answers; safe to share between threads."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a memory of {limit} texts remembers nothing; give at least 1")
        self._limit = limit
        self._known: OrderedDict[bytes, Value] = OrderedDict()
        self._lock = Lock()

    def complete(self, texts: Sequence[str], ask: Callable[[list[str]], Sequence[Value]]) -> list[Value]:
        """Return one answer per text; `ask` is called at most once, with each unknown text once."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        answers: dict[bytes, Value] = {}
        with self._lock:
            for key in keys:
                if key in self._known:
                    self._known.move_to_end(key)
                    answers[key] = self._known[key]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in answers}
        if missing:
            # Outside the lock: two threads may ask about the same text, which costs time and changes nothing.
            answers.update(zip(missing, ask(list(missing.values())), strict=True))
            with self._lock:
                for key in missing:
                    self._known[key] = answers[key]
                    self._known.move_to_end(key)
                while len(self._known) > self._limit:
                    self._known.popitem(last=False)
        return [answers[key] for key in keys]

    def __len__(self) -> int:
        return len(self._known)


class RememberedScores:
    """A toxicity model that remembers its scores."""

    def __init__(self, model: ToxicityModel, *, limit: int = SCORES) -> None:
        self._model = model
        self._memory = _Memory[tuple[float, ...]](limit)
        self.models = model.models
        self.classes = model.classes

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return one score 0..1 per class for each text, in the order of `texts`."""
        answers = self._memory.complete(texts, self._ask)
        return [dict(zip(self.classes, answer, strict=True)) for answer in answers]

    def _ask(self, texts: list[str]) -> list[tuple[float, ...]]:
        return [tuple(scores[name] for name in self.classes) for scores in self._model.score(texts)]


class RememberedVectors:
    """A sentence encoder that remembers its vectors."""

    def __init__(self, encoder: SentenceEncoder, *, limit: int = VECTORS) -> None:
        self._encoder = encoder
        self._memory = _Memory[NDArray[np.float32]](limit)
        self.model = encoder.model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array (len(texts), dimensions) of unit vectors, in the order of `texts`."""
        return np.stack(self._memory.complete(texts, self._ask)) if texts else self._encoder.encode([])

    def _ask(self, texts: list[str]) -> list[NDArray[np.float32]]:
        # A row is copied, because a view of it would keep the whole array alive.
        return [row.copy() for row in self._encoder.encode(texts)]
