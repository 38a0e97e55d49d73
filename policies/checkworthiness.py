"""Whether a sentence states something that could be checked: a small head over its vector (pure once loaded).

Opinions, greetings, questions, plans and what somebody lived through are none. It says nothing about truth, and it
never keeps a sentence from being matched with a claim.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from policies.errors import ModelUnavailableError

MODEL_ID = "assay/checkworthiness"
WEIGHTS = Path(__file__).parent / "weights" / "checkworthy"


class CheckWorthinessModel(Protocol):
    """Scores vectors of sentences; safe to call concurrently, deterministic."""

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the weights."""
        ...

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (sentences,) probabilities 0..1 for unit vectors (sentences, dimensions)."""
        ...


class CheckWorthiness:
    """One hidden layer over the encoder's vector; immutable."""

    def __init__(self, *, encoder: tuple[str, str], weights: Path = WEIGHTS) -> None:
        """Load the weights for the vectors of `encoder` (model id, digest).

        Raises `ModelUnavailableError` if a file is missing, damaged, or made for another encoder.
        """
        try:
            card = tomllib.loads((weights / "card.toml").read_text(encoding="utf-8"))
            content = (weights / "model.safetensors").read_bytes()
            expected, base = card["weights"]["sha256"], card["base"]["sha256"]
        except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
            raise ModelUnavailableError(f"{weights}: weights or their card cannot be read: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise ModelUnavailableError(f"{weights}: model.safetensors has sha256 {digest}, its card says {expected}")
        if encoder[1] != f"sha256:{base}":
            raise ModelUnavailableError(f"{weights}: was made for the vectors of another encoder ({base})")
        try:
            self._layers = {name: array.astype(np.float32) for name, array in load(content).items()}
            self._inner, self._outer = self._layers["inner.weight"].T, self._layers["outer.weight"].T
            self._biases = self._layers["inner.bias"], self._layers["outer.bias"]
        except (SafetensorError, KeyError) as error:
            raise ModelUnavailableError(f"{weights}: model.safetensors cannot be parsed: {error}") from error
        self.model = (MODEL_ID, "sha256:" + digest)

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (sentences,) probabilities 0..1 for unit vectors (sentences, dimensions)."""
        hidden = np.maximum(vectors @ self._inner + self._biases[0], 0.0)
        logits = (hidden @ self._outer + self._biases[1])[:, 0]
        scores: NDArray[np.float32] = 0.5 + 0.5 * np.tanh(0.5 * logits)  # the logistic function, without overflow
        return scores
