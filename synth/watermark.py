"""The watermark port: what every layer promises, and what a detection says (pure values, no I/O)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from synth.audio import Samples

LONGEST_EPISODE = 3 * 3600.0  # seconds; what a registry assumes of episodes whose length it is not told


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


class Registry(Sequence[Payload]):
    """The episodes that a mark may stand for, as a search over a million of them wants them; immutable.

    `codes` holds `Payload.code` of every episode, shape (N,), uint64, in the order given; `longest` is the length in
    seconds of the longest episode: positions beyond it are not searched.
    """

    def __init__(self, episode_ids: Iterable[str], *, longest: float = LONGEST_EPISODE) -> None:
        self._ids = tuple(dict.fromkeys(episode_ids))
        self.codes: NDArray[np.uint64] = np.fromiter(
            (Payload(episode_id).code for episode_id in self._ids), dtype=np.uint64, count=len(self._ids)
        )
        self.longest = longest

    @classmethod
    def of(cls, candidates: Sequence[Payload]) -> Registry:
        """Return `candidates` as a registry; one that is a registry already is returned as it is."""
        return candidates if isinstance(candidates, Registry) else cls(one.episode_id for one in candidates)

    @overload
    def __getitem__(self, index: int) -> Payload: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Payload]: ...

    def __getitem__(self, index: int | slice) -> Payload | Sequence[Payload]:
        if isinstance(index, slice):
            return [Payload(episode_id) for episode_id in self._ids[index]]
        return Payload(self._ids[index])

    def __len__(self) -> int:
        return len(self._ids)


class Presence(StrEnum):
    """How sure a layer is that its mark is there."""

    DETECTED = "detected"  # over the layer's threshold
    INCONCLUSIVE = "inconclusive"  # too short, too quiet or too damaged to say
    NOT_DETECTED = "not_detected"  # nothing found; never means "made by a human"


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the examined audio, and the stretch of an episode that its mark was made for; times in seconds."""

    episode_id: str
    start: float  # of the examined audio
    end: float
    episode_start: float  # of the episode as published
    episode_end: float
    rate: float  # factor on all frequencies, relative to the episode as published: 1.06 is a semitone higher
    tempo: float  # factor on the pace: 1.1 plays ten per cent faster; a plain change of speed has tempo = rate
    false_match_bound: float  # proven bound on the probability that this passage is a false match


@dataclass(frozen=True, slots=True)
class Detection:
    """What one layer found in one piece of audio."""

    layer: str
    presence: Presence
    episode_id: str | None = None  # only from layers whose mark is an identity
    message: int | None = None  # decoded short message, if the layer carries one
    message_bits: int | None = None
    spans: tuple[tuple[float, float], ...] = ()  # seconds in which the mark was found
    passages: tuple[Passage, ...] = ()  # from identifying layers: which seconds are which seconds of which episode
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


@runtime_checkable
class InPlaceWatermark(Watermark, Protocol):
    """A watermark that can write over the sound: an hour of it has 640 MB, which nobody needs twice."""

    def embed_in_place(self, samples: Samples, sample_rate: int, payload: Payload) -> None:
        """Make `samples` what `embed` would return for them, sample by sample the same."""


@runtime_checkable
class IdentifyingWatermark(Watermark, Protocol):
    """A mark that names one episode of a registry, says where in it, and bounds the probability that it is wrong.

    Further obligations of `detect`: `likely` are episodes that something else points to, whether `candidates` has them
    or not; among so few, less sound is enough. `jitter` is a digest of the content, for questions from strangers: the
    same one always gives the same answer, and another one a slightly other edge.
    """

    @property
    def epochs(self) -> tuple[str, ...]:
        """The names of all keys whose marks are read, newest first."""

    def detect(
        self,
        samples: Samples,
        sample_rate: int,
        candidates: Sequence[Payload],
        likely: Sequence[Payload] = (),
        *,
        jitter: bytes | None = None,
    ) -> Detection:
        """Look for the mark of one of `candidates` or `likely`."""


def reads_back(detection: Detection, payload: Payload) -> bool:
    """True if `detection` shows the mark of exactly this payload."""
    if detection.presence is not Presence.DETECTED:
        return False
    if detection.episode_id is not None:
        return detection.episode_id == payload.episode_id
    if detection.message is None or detection.message_bits is None:
        return False
    return detection.message == payload.message(detection.message_bits)
