"""What was heard in finished audio, and the port of whatever hears it (pure values)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LISTENING_RATE = 16_000  # Hz of the samples that a listener takes


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One recognised word, with its punctuation; times are seconds from the start of the audio."""

    text: str
    start: float
    end: float
    probability: float  # 0..1, the recogniser's own confidence


@dataclass(frozen=True, slots=True)
class Transcript:
    """Every word that was recognised, in order."""

    words: tuple[HeardWord, ...]
    duration: float  # seconds of audio

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def digest(self) -> str:
        """SHA-256 as "sha256:<hex>" of the UTF-8 text."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()


class Listener(Protocol):
    """A speech recogniser.

    Obligations: hears all of the audio or raises `ScreeningError`; same samples, same transcript; safe to call from
    several threads; never on the network.
    """

    @property
    def model(self) -> tuple[str, str]:
        """(model id, "sha256:<hex>") of the weights."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Primary language tags that it can transcribe."""
        ...

    def listen(self, samples: NDArray[np.float32], *, language: str) -> Transcript:
        """Transcribe mono samples of shape (T,) at `LISTENING_RATE`."""
        ...
