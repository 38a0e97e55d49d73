"""A voice that needs no engine: one buzz per word, for tests and for timing the chain without synthesis (pure)."""

from __future__ import annotations

import numpy as np

from synth.audio import Samples
from synth.errors import VoiceError
from synth.voice import Unspeakable

_SAMPLE_RATE = 24_000  # Hz
_SECONDS_PER_LETTER = 0.06  # about what speech takes
_GAP = 0.04  # seconds between words
_HARMONICS = 12
_LEVEL = 0.1  # near -26 LUFS, as quiet as the embedded engine


class ToneVoice:
    """Buzzes each word at `frequency` Hz for as long as it has letters; speaks printable ASCII only."""

    def __init__(self, *, id: str, frequency: float = 120.0, language: str = "en") -> None:
        """Take the catalogue id, the pitch in Hz (50..1000) and the language that it stands for."""
        if not 50.0 <= frequency <= 1000.0:
            raise VoiceError(f"{frequency} Hz is not a pitch of 50..1000 Hz")
        self._id = id
        self._frequency = frequency
        self._language = language

    @property
    def id(self) -> str:
        """Catalogue id."""
        return self._id

    @property
    def language(self) -> str:
        """BCP 47 primary tag."""
        return self._language

    @property
    def sample_rate(self) -> int:
        """24 kHz."""
        return _SAMPLE_RATE

    @property
    def version(self) -> str:
        """Name, version and pitch."""
        return f"tone/1 {self._frequency:g} Hz"

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Return the first character that is not printable ASCII."""
        for offset, character in enumerate(text):
            if not " " <= character <= "~":
                return Unspeakable(offset, f"U+{ord(character):04X} is not printable ASCII")
        return None

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return float32 samples at 24 kHz; `seed` sets the phases of the harmonics."""
        if found := self.unspeakable(text):
            raise VoiceError(f"voice '{self._id}' cannot speak this text: {found.reason}")
        words = [sum(character.isalnum() for character in word) for word in text.split()]
        if not any(words):
            raise VoiceError(f"voice '{self._id}' was given no words to speak")
        phases = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, _HARMONICS)
        gap = np.zeros(round(_GAP * _SAMPLE_RATE), dtype=np.float32)
        parts = [part for letters in words if letters for part in (gap, self._word(letters, phases))]
        return np.concatenate([*parts, gap])

    def _word(self, letters: int, phases: np.ndarray) -> Samples:
        time = np.arange(round(letters * _SECONDS_PER_LETTER * _SAMPLE_RATE)) / _SAMPLE_RATE
        orders = np.arange(1, _HARMONICS + 1)
        waves = np.sin(2.0 * np.pi * self._frequency * np.outer(orders, time) + phases[:, None]) / orders[:, None]
        envelope = np.sin(np.pi * np.arange(len(time)) / len(time))
        word: Samples = (_LEVEL * envelope * waves.sum(axis=0)).astype(np.float32)
        return word
