"""Sentence encoder for claim matching: the packaged all-MiniLM-L6-v2, mean pooling, unit length."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from policies.adapters.packaged_encoder import MODEL_ID, PackagedEncoder

MAX_TOKENS = 128  # what the model was trained with; a sentence that people can follow is shorter
_BATCH = 64


class MiniLmEncoder:
    """Encodes sentences; one instance may be shared, calls are serialised because the tokenizer keeps state."""

    def __init__(self, *, packaged: PackagedEncoder) -> None:
        self._encoder = packaged.loaded()
        self._tokenizer = packaged.tokenizer()
        self._lock = Lock()
        self.model = (MODEL_ID, packaged.digest)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (len(texts), 384) float32 unit vectors; a text of more than 128 tokens counts by its beginning."""
        vectors = np.zeros((len(texts), self._encoder.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        with self._lock, torch.inference_mode():
            for at in range(0, len(order), _BATCH):
                group = order[at : at + _BATCH]
                encoded = self._tokenizer(
                    [texts[index] for index in group],
                    truncation=True,
                    max_length=MAX_TOKENS,
                    padding=True,
                    return_tensors="pt",
                )
                hidden = self._encoder(
                    input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]
                ).last_hidden_state.float()
                mask = encoded["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
                vectors[group] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return vectors
