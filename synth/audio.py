"""The three stages of sound as types: `Speech → MarkedSpeech → SignedClip` (pure values, no I/O).

Samples are float32 mono, full scale ±1.0; the sample rate always travels with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.errors import AudioError

Samples = NDArray[np.float32]
_CHECKED = 1 << 22  # samples that are looked at together, so that looking at an hour takes no memory of its own


@dataclass(frozen=True, slots=True)
class Cue:
    """Who says what when; times are seconds from the start of the programme."""

    start: float
    end: float
    speaker: str
    text: str
    utterance: int | None = None  # index into `Script.utterances`; None for what the script does not hold


@dataclass(frozen=True, slots=True)
class ChapterMark:
    """A chapter's title and start in seconds."""

    start: float
    title: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken or mastered audio that carries no mark yet; it never leaves `synth.produce`."""

    samples: Samples  # shape (T,)
    sample_rate: int  # Hz
    cues: tuple[Cue, ...] = ()
    chapters: tuple[ChapterMark, ...] = ()

    def __post_init__(self) -> None:
        check_samples(self.samples, self.sample_rate)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class MarkedSpeech:
    """Audio that carries every configured watermark; only `synth.produce` makes it."""

    samples: Samples  # shape (T,)
    sample_rate: int  # Hz
    cues: tuple[Cue, ...]
    chapters: tuple[ChapterMark, ...]
    episode_id: str
    marks: tuple[tuple[str, str], ...]  # (layer name, layer version) in the order of embedding

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class SignedClip:
    """The final bytes of one rendition: marked, encoded, tagged, signed, and read back."""

    data: bytes
    media_type: str  # one of `synth.encode.MEDIA_TYPES`
    sha256: str  # hex, of `data`
    duration: float  # seconds, measured on the decoded file
    loudness: float  # LUFS, measured on the decoded file
    true_peak: float  # dBTP, measured on the decoded file
    episode_id: str
    manifest_label: str  # label of the active C2PA manifest, for example "urn:c2pa:..."
    manifest_store: bytes  # the C2PA store, embedded or beside the file, kept for recovery of stripped copies
    marks: tuple[tuple[str, str], ...]  # (layer name, layer version), each read back from `data`


def check_samples(samples: Samples, sample_rate: int) -> None:
    """Raise `AudioError` unless `samples` is float32 of shape (T,), finite, and the rate is 8..192 kHz."""
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise AudioError(f"expected mono float32 samples, got {samples.dtype} of shape {samples.shape}; convert first")
    if not 8_000 <= sample_rate <= 192_000:
        raise AudioError(f"sample rate {sample_rate} Hz is outside 8000..192000; resample first")
    if not all(np.isfinite(samples[start : start + _CHECKED]).all() for start in range(0, len(samples), _CHECKED)):
        raise AudioError("samples contain NaN or infinity; the engine that made them is broken")
