"""An encoder that remembers recent vectors, so that rules which read the same sentences encode them once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from policies.rules.claim_matching import SentenceEncoder

# Vectors of 1,536 bytes each: 12 MiB, more than a long script with all its readings needs.
_CAPACITY = 8192


class RememberingEncoder:
    """A `SentenceEncoder` over another one; safe to call concurrently. Keeps digests of texts, never the texts."""

    def __init__(self, encoder: SentenceEncoder, *, capacity: int = _CAPACITY) -> None:
        self._encoder = encoder
        self._capacity = capacity
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the encoder below."""
        return self._encoder.model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array (len(texts), dimensions) of unit vectors, as the encoder below would."""
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        found: dict[bytes, NDArray[np.float32]] = {}
        with self._lock:
            for key in keys:
                if (vector := self._known.get(key)) is not None:
                    self._known.move_to_end(key)
                    found[key] = vector
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing or not keys:
            fresh = self._encoder.encode(list(missing.values()))
            if fresh.ndim != 2 or len(fresh) != len(missing) or not keys:
                return fresh  # the caller checks the shape and says what is wrong
            found.update((key, vector.copy()) for key, vector in zip(missing, fresh, strict=True))
            with self._lock:
                self._known.update((key, found[key]) for key in missing)
                while len(self._known) > self._capacity:
                    self._known.popitem(last=False)
        return np.stack([found[key] for key in keys])
