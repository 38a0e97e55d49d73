"""The watermark port: what every layer promises, and what a detection says (pure values, no I/O)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from synth.audio import Samples


@dataclass(frozen=True, slots=True)
class Payload:
    """What a mark stands for: one episode."""

    episode_id: str

    @property
    def code(self) -> int:
        """The episode as 64 bits: the first 8 bytes of SHA-256 of its id, big-endian."""
        return int.from_bytes(hashlib.sha256(self.episode_id.encode()).digest()[:8], "big")

    def message(self, bits: int) -> int:
        """The top `bits` (1..64) bits of `code`, for layers that carry a short message."""
        return self.code >> (64 - bits)


class Presence(StrEnum):
    """How sure a layer is that its mark is there."""

    DETECTED = "detected"  # over the layer's threshold
    INCONCLUSIVE = "inconclusive"  # too short, too quiet or too damaged to say
    NOT_DETECTED = "not_detected"  # nothing found; never means "made by a human"


@dataclass(frozen=True, slots=True)
class Detection:
    """What one layer found in one piece of audio."""

    layer: str
    presence: Presence
    episode_id: str | None = None  # only from layers whose mark is an identity
    message: int | None = None  # decoded short message, if the layer carries one
    message_bits: int | None = None
    spans: tuple[tuple[float, float], ...] = ()  # seconds in which the mark was found
    score: float = 0.0  # layer-specific; internal, never shown to the public
    false_match_bound: float | None = None  # proven bound on the probability of a false match, if there is one


class Watermark(Protocol):
    """An inaudible mark in the sound itself.

    Obligations: `embed` returns as many samples at the same rate, adds nothing to digital silence but a ring-out of at
    most 60 ms, and is deterministic; `detect` accepts any finite audio of any length with bounded memory; both are safe
    to call from several threads; errors are `synth.errors.SynthError` only. Construction fails with
    `MarkUnavailableError` when the weights or the key are not there: a stand-in mark does not exist.
    """

    @property
    def name(self) -> str:
        """Name of the layer, for example "audioseal"."""

    @property
    def version(self) -> str:
        """What made the mark: algorithm version and digest of weights or key epoch, never the key."""

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Return `samples` (float32, shape (T,)) with the mark for `payload` added."""

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        """Look for the mark; `candidates` are the episodes it may stand for (needed by identifying layers)."""


def reads_back(detection: Detection, payload: Payload) -> bool:
    """True if `detection` shows the mark of exactly this payload."""
    if detection.presence is not Presence.DETECTED:
        return False
    if detection.episode_id is not None:
        return detection.episode_id == payload.episode_id
    if detection.message is None or detection.message_bits is None:
        return False
    return detection.message == payload.message(detection.message_bits)
