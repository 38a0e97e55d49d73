"""Watermarks that can be set while sound is made: the port, and the chain of all layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from synth.audio import Samples, check_samples
from synth.errors import MarkUnavailableError
from synth.watermark import Payload, Watermark


class SoundStream(Protocol):
    """Takes sound piece by piece and gives it back marked, some time later; not for several threads at once.

    Obligations: all that came out after `finish` is as many samples as went in, whatever the pieces.
    """

    def push(self, samples: Samples) -> Samples:
        """Take the next samples, float32 of shape (T,), and return the marked ones that are ready; perhaps none."""

    def finish(self) -> Samples:
        """Return the rest; the programme has ended."""


@runtime_checkable
class StreamingWatermark(Protocol):
    """A watermark that does not need the whole programme at once."""

    @property
    def name(self) -> str:
        """Name of the layer."""

    @property
    def version(self) -> str:
        """What makes the mark."""

    def marking(self, sample_rate: int, payload: Payload) -> SoundStream:
        """Open a stream for one programme; raises `MarkUnavailableError` if these weights cannot."""


def require_streams(marks: Sequence[Watermark]) -> list[StreamingWatermark]:
    """Return `marks` as what can mark a stream; raises `MarkUnavailableError` if one cannot, or if there is none."""
    if not marks:
        raise MarkUnavailableError("no watermark is configured; nothing may be spoken without one")
    able: list[StreamingWatermark] = [mark for mark in marks if isinstance(mark, StreamingWatermark)]
    if len(able) < len(marks):
        raise MarkUnavailableError("a configured mark needs whole programmes; ask for a file, not a stream")
    return able


class AddedSound:
    """A stream out of one that says what is to be added: holds the sound until that is known."""

    def __init__(self, source: SoundStream) -> None:
        self._source = source
        self._held = np.zeros(0, dtype=np.float32)
        self._added = np.zeros(0, dtype=np.float32)

    def push(self, samples: Samples) -> Samples:
        """Take the next samples and return those of which the mark is known."""
        self._held = np.concatenate([self._held, samples])
        self._added = np.concatenate([self._added, self._source.push(samples)])
        return self._out(min(len(self._held), len(self._added)))

    def finish(self) -> Samples:
        """Return the rest; where nothing is to be added any more, the sound as it is."""
        added = np.concatenate([self._added, self._source.finish()])[: len(self._held)]
        self._added = np.pad(added, (0, len(self._held) - len(added)))
        return self._out(len(self._held))

    def _out(self, count: int) -> Samples:
        sound, self._held = self._held[:count], self._held[count:]
        added, self._added = self._added[:count], self._added[count:]
        highest = np.maximum(1.0, np.abs(sound))
        marked: Samples = np.clip(sound + added, -highest, highest)
        return marked


class MarkChain:
    """Every layer of an installation, one after another, as one stream."""

    def __init__(self, marks: Sequence[Watermark], sample_rate: int, payload: Payload) -> None:
        """Open all layers; raises `MarkUnavailableError` if there is none, or one that needs whole programmes."""
        self._layers: list[SoundStream] = [mark.marking(sample_rate, payload) for mark in require_streams(marks)]
        self._rate = sample_rate

    def push(self, samples: Samples) -> Samples:
        """Take the next samples and return those that carry every mark; perhaps none."""
        check_samples(samples, self._rate)
        for layer in self._layers:
            samples = layer.push(samples)
        return samples

    def finish(self) -> Samples:
        """Return the rest, which carries every mark."""
        rest = np.zeros(0, dtype=np.float32)
        for layer in self._layers:
            rest = np.concatenate([layer.push(rest), layer.finish()])
        return rest
