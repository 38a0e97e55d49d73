"""The voice port and the catalogue of voices that a script may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from synth.audio import Samples
from synth.errors import VoiceError


@dataclass(frozen=True, slots=True)
class Unspeakable:
    """A place in a text that a voice would drop or misread."""

    offset: int  # index into the text that was asked about
    reason: str  # plain words for the author, for example "the letter 'Ж' (U+0416) is not in this voice's alphabet"


class Voice(Protocol):
    """One speaker of one engine.

    Obligations: speaks the whole text or raises `VoiceError`, never drops words silently; same text and seed give the
    same samples; safe to call from several threads.
    """

    @property
    def id(self) -> str:
        """Catalogue id, for example "hibari-heart"."""

    @property
    def language(self) -> str:
        """BCP 47 primary tag of the language that the voice speaks."""

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of what `speak` returns."""

    @property
    def version(self) -> str:
        """Engine, its version and the digest of its weights."""

    def unspeakable(self, text: str) -> Unspeakable | None:
        """Return the first place in `text` that this voice cannot speak, or None; fast, no synthesis, never raises."""

    def speak(self, text: str, *, seed: int) -> Samples:
        """Return float32 samples of shape (T,), T > 0, at `sample_rate`."""


class Purpose(StrEnum):
    """What an episode is for; licences and consents allow some of these."""

    EDITORIAL = "editorial"  # news, talk, education
    AUDIOBOOK = "audiobook"  # books and stories
    COMMERCIAL = "commercial"  # anything that is sold or earns money
    ADVERTISING = "advertising"  # for a product, a service or a cause
    POLITICAL = "political"  # for or against a party, a candidate or a vote
    RESEARCH = "research"  # heard by researchers, not by the public


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """What the catalogue says about a voice, beside what its engine says."""

    id: str
    name: str  # for people
    language: str  # BCP 47 primary tag
    engine: str  # "hibari", "coqui" or "openai_speech"
    licence: str  # of the model and its data, SPDX id where there is one
    purposes: frozenset[Purpose]  # that the licence allows
    real_person: bool  # listeners could take it for a person who exists: then consent is needed


@dataclass(frozen=True, slots=True)
class VoiceCatalogue:
    """The voices that this installation allows, by id, and their cards."""

    voices: Mapping[str, Voice]
    cards: Mapping[str, VoiceCard] = field(default_factory=dict)

    def get(self, voice_id: str) -> Voice:
        """Return the voice, or raise `VoiceError` naming the ones that are allowed."""
        try:
            return self.voices[voice_id]
        except KeyError:
            allowed = ", ".join(sorted(self.voices))
            raise VoiceError(f"voice '{voice_id}' is not allowed here; choose one of: {allowed}") from None
