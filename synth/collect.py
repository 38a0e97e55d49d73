"""Turns decoded frames into one mono float32 array, block by block and within limits (no I/O)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from synth.audio import Samples
from synth.errors import AudioError

MAX_SECONDS = 4 * 3600.0  # the longest programme that is worth checking; also what `synth.speak` may make
MAX_ENCODED_BYTES = 4 << 30  # four hours of 48 kHz stereo PCM are 2.6 GiB
MAX_DECODED_BYTES = 3 << 30  # four hours of 44.1 kHz float32 are 2.4 GiB
# Opus speech at 6 kbit/s unfolds 256-fold to 48 kHz float32; a thousand-fold means an artificial file.
MAX_RATIO = 1_000.0
RATIO_FREE_BYTES = 64 << 20  # six minutes; below that no file does harm, and silence compresses without bound
MAX_CHANNELS = 8  # 7.1; more are scientific recordings
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 192_000  # Hz
MAX_MAGNITUDE = 100.0  # 40 dB over full scale; floating-point files may exceed 1.0, but not by this
_BLOCK_SECONDS = 10  # joined before they are resampled


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a file may cost; each limit is enforced while decoding, whatever the headers claim."""

    max_seconds: float = MAX_SECONDS
    max_encoded_bytes: int = MAX_ENCODED_BYTES
    max_decoded_bytes: int = MAX_DECODED_BYTES  # of the mono float32 result, after resampling
    max_ratio: float = MAX_RATIO  # decoded to encoded bytes


class Collector:
    """Takes frames in order; mixes down by the mean of all channels, and resamples with soxr if asked to."""

    def __init__(self, limits: DecodeLimits, encoded_bytes: int, target_rate: int | None) -> None:
        self._limits = limits
        self._encoded_bytes = encoded_bytes
        self._target_rate = target_rate
        self._resampler: soxr.ResampleStream | None = None
        self._pending: list[NDArray[Any]] = []  # shape (channels, n), as decoded
        self._pending_length = 0
        self._taken = 0  # samples before resampling
        self._result: Samples = np.empty(0, dtype=np.float32)
        self._length = 0  # of the result so far; the array is longer
        self.source_sample_rate = 0
        self.channels = 0
        self.damaged = 0  # frames that were replaced by silence

    @property
    def seconds(self) -> float:
        """What has been taken so far."""
        return self._taken / self.source_sample_rate if self.source_sample_rate else 0.0

    @property
    def sample_rate(self) -> int:
        """Of the result, in Hz."""
        return self._target_rate or self.source_sample_rate

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next frame; raise `AudioError` if it breaks a limit."""
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        if not self.channels:
            self._begin(channels, rate)
        self._taken += frame.samples
        if self.seconds > self._limits.max_seconds:
            raise AudioError(f"the file is longer than {self._limits.max_seconds / 60:.0f} minutes; send a shorter one")
        if (channels, rate) == (self.channels, self.source_sample_rate):
            values: NDArray[Any] = frame.to_ndarray()
            self._pending.append(values if frame.format.is_planar else values.reshape(-1, channels).T)
        else:
            # A changed byte can make a frame one of another format. It becomes silence, like all damage, so that what
            # follows keeps its place, and is counted.
            self._pending.append(np.zeros((self.channels, frame.samples), dtype=np.float32))
            self.damaged += 1
        self._pending_length += frame.samples
        if self._pending_length >= _BLOCK_SECONDS * self.source_sample_rate:
            self._store(last=False)

    def finish(self) -> Samples:
        """Return everything, float32 of shape (T,)."""
        self._store(last=True)
        self._result.resize(self._length, refcheck=False)
        return self._result

    def _begin(self, channels: int, rate: int) -> None:
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioError(f"the file has {channels} channels; at most {MAX_CHANNELS} are read")
        if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
            raise AudioError(f"the file has {rate} Hz; {MIN_SAMPLE_RATE}..{MAX_SAMPLE_RATE} are read")
        self.channels, self.source_sample_rate = channels, rate
        if self._target_rate is not None and self._target_rate != rate:
            self._resampler = soxr.ResampleStream(rate, self._target_rate, 1, dtype="float32", quality="HQ")

    def _store(self, *, last: bool) -> None:
        block = self._block()
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block, last=last)
        end = self._length + len(block)
        if 4 * end > self._limits.max_decoded_bytes:
            raise AudioError(f"the decoded file exceeds {self._limits.max_decoded_bytes} bytes; send a shorter one")
        if 4 * end > max(RATIO_FREE_BYTES, self._limits.max_ratio * self._encoded_bytes):
            raise AudioError(f"the file unfolds more than {self._limits.max_ratio:g}-fold; this is not a recording")
        if end > len(self._result):
            # Reallocated in place by the system, so that there are never two copies; an eighth more saves most calls.
            self._result.resize(end + end // 8, refcheck=False)
        self._result[self._length : end] = block
        self._length = end

    def _block(self) -> Samples:
        """Return the pending frames as mono samples, those beyond all measure as silence."""
        pending, self._pending, self._pending_length = self._pending, [], 0
        if not pending:
            return np.zeros(0, dtype=np.float32)
        if len({values.dtype for values in pending}) == 1:
            mono = _mono(np.concatenate(pending, axis=1))
            if (np.abs(mono) <= MAX_MAGNITUDE).all():
                return mono
        parts = [_mono(values) for values in pending]
        for index, part in enumerate(parts):
            if not (np.abs(part) <= MAX_MAGNITUDE).all():
                parts[index] = np.zeros_like(part)
                self.damaged += 1
        return np.concatenate(parts)


def _mono(values: NDArray[Any]) -> Samples:
    """Return the mean of all channels, full scale 1.0, of `values` of shape (channels, n)."""
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128.0) / 128.0
    elif values.dtype.kind == "i":
        values = values.astype(np.float32) / float(1 << (8 * values.dtype.itemsize - 1))
    # Floating-point files may hold infinities and numbers beyond float32; the caller counts what comes of them.
    with np.errstate(over="ignore", invalid="ignore"):
        mono: Samples = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mono
