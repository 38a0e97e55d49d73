"""Topic heads: a small network over sentence vectors that tells hazardous topics from talk about them.

The vectors are those of the encoder that claim matching uses, so a script is encoded once for both. The weights are a
few hundred kilobytes of safetensors, checked against their card and applied with NumPy.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from policies.errors import ModelUnavailableError, ScreeningError
from policies.rules.claim_matching import SentenceEncoder

OWN_MODEL_ID = "assay/topic-heads"
OWN_WEIGHTS = Path(__file__).parents[1] / "weights" / "topics"
WEIGHTS_FILE = "model.safetensors"
TOPICS = (
    "self_harm",  # any of the next two, or encouraging somebody to hurt himself
    "self_harm/intent",  # the speaker means to hurt himself
    "self_harm/instructions",  # methods, asked for or given
    "violence",  # threats, incitement, praise of violence
    "violence/graphic",  # injury and death in gory detail
    "illicit",  # how to commit a crime
    "illicit/violent",  # the same, with weapons or harm to people
    "extremism",  # recruiting for, or praising, violent and hateful movements
    "dangerous_advice",  # advice that hurts whoever follows it
    "scam",  # posing as somebody to get money or secrets
    "prompt_injection",  # words addressed to the machine that judges the text
)
_TENSORS = frozenset({"hidden.weight", "hidden.bias", "output.weight", "output.bias"})


class TopicHeads:
    """Scores sentence vectors per topic; immutable after construction, so it may be shared between threads."""

    def __init__(self, *, encoder: SentenceEncoder, weights: Path = OWN_WEIGHTS) -> None:
        """Load `weights` for vectors of `encoder`.

        Raises `ModelUnavailableError` if a file is missing or damaged, or if the weights belong to another encoder.
        """
        digest, base, self.topics, tensors = _read(weights)
        if base != encoder.model[1]:
            raise ModelUnavailableError(
                f"{weights}: these heads were trained on encoder {base}, not {encoder.model[1]}; use heads made for it"
            )
        self._encoder = encoder
        self._hidden = (tensors["hidden.weight"], tensors["hidden.bias"])
        self._output = (tensors["output.weight"], tensors["output.bias"])
        self.models = ((OWN_MODEL_ID, digest), encoder.model)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (len(texts), dimensions) float32 unit vectors; raises `ScreeningError` if the encoder's are unusable.

        A text of more than 128 tokens counts by its beginning.
        """
        width = self._hidden[0].shape[0]
        if not texts:
            return np.zeros((0, width), dtype=np.float32)
        vectors = self._encoder.encode(texts)
        if vectors.shape != (len(texts), width) or not np.isfinite(vectors).all():
            raise ScreeningError("the sentence encoder returned unusable vectors; check the model")
        return vectors

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (len(vectors), len(topics)) calibrated scores 0..1; topics do not exclude each other."""
        hidden = np.maximum(vectors @ self._hidden[0] + self._hidden[1], 0.0)
        logits = np.clip(hidden @ self._output[0] + self._output[1], -60.0, 60.0)
        scores: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        return scores


def _read(folder: Path) -> tuple[str, str, tuple[str, ...], dict[str, NDArray[np.float32]]]:
    """Return (digest, digest of the encoder, topics, tensors)."""
    try:
        card = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
        content = (folder / WEIGHTS_FILE).read_bytes()
        expected, base = str(card["weights"]["sha256"]), str(card["base"]["sha256"])
        topics = tuple(str(name) for name in card["topics"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ModelUnavailableError(f"{folder}: topic heads or their card cannot be read: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ModelUnavailableError(f"{folder}: {WEIGHTS_FILE} has sha256 {digest}, its card says {expected}")
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ModelUnavailableError(f"{folder}: {WEIGHTS_FILE} cannot be parsed: {error}") from error
    if set(tensors) != _TENSORS or tensors["output.bias"].shape != (len(topics),):
        raise ModelUnavailableError(f"{folder}: {WEIGHTS_FILE} does not hold heads for {topics}; reinstall the package")
    return "sha256:" + digest, "sha256:" + base, topics, tensors
