"""What a recording sounds like in 40 bytes a second, and where one recording occurs in another (pure, no I/O).

After Haitsma and Kalker (2002): the sign of how the energy difference of neighbouring bands changes over time. Here 33
bands from 300 to 3,000 Hz, frames of half a second every tenth of a second, and a change over four tenths, chosen so
that an excerpt that begins between two frames still agrees. Only signs are stored; what is compared with them keeps the
size of its changes, so that those near zero, which damage flips first, count little. A fingerprint holds no secret and
proves nothing by itself: it says that two recordings have the same content, whoever made them.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft

from synth.audio import Samples, check_samples
from synth.errors import AudioError

VERSION = 2
HOP_SECONDS = 0.1
RATE = 8_000  # Hz at which frames are taken
HOP, FRAME, TRANSFORM = 800, 4_000, 4_096  # samples
LAG = 4  # hops over which the change is taken
BITS = 32
BAND_EDGES = 300.0 * 10.0 ** (np.arange(BITS + 2) / (BITS + 1))  # Hz, 33 bands
FLOOR = 0.1  # of the mean energy of a band: keeps noise in pauses from deciding bits
FULL = 1.0  # change (natural logarithm of an energy ratio) from which a bit counts fully
QUIET = 1e-3  # of the mean energy of a frame: below it there is nothing to compare
SILENCE = 1e-8  # mean square of samples (-80 dBFS) below which audio is silent as a whole
FRAMES_AT_ONCE = 600  # one minute: bounds memory at about 30 MB
LONG_ENOUGH = 100  # words (10 s) of overlap that are always enough to consider an alignment

AGREEMENT = 0.30  # error rate up to which two recordings agree; measured distributions are in docs/fingerprint.md
SHORTEST_AGREEMENT = 5.0  # seconds of sounding overlap below which agreement is not claimed

_HEADER = struct.Struct(">4sBHI")  # magic, version, hop in milliseconds, number of words
_MAGIC = b"AsFP"

Changes = NDArray[np.float32]
"""Shape (words, 32), each in -1..1: the sign is the bit, the size how much it counts; rows of 0 are silence."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A sequence of 32-bit words, one per hop; the word 0 stands for silence."""

    version: int
    hop_seconds: float
    words: bytes  # big-endian uint32

    def __len__(self) -> int:
        return len(self.words) // 4

    def to_bytes(self) -> bytes:
        """Return the file form: "AsFP", version, hop in milliseconds, count, words; all big-endian."""
        return _HEADER.pack(_MAGIC, self.version, round(self.hop_seconds * 1000), len(self)) + self.words

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprint:
        """Read what `to_bytes` wrote; raise `AudioError` for anything else."""
        if len(data) < _HEADER.size:
            raise AudioError(f"{len(data)} bytes are too few for a fingerprint; the file is truncated")
        magic, version, hop, count = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != VERSION or hop != round(HOP_SECONDS * 1000):
            raise AudioError("this is not a fingerprint of a version that this software reads")
        if len(data) != _HEADER.size + 4 * count:
            raise AudioError(f"the fingerprint announces {count} words but holds {(len(data) - _HEADER.size) / 4:g}")
        return cls(version=version, hop_seconds=hop / 1000, words=data[_HEADER.size :])

    def signs(self) -> Changes:
        """Return the bits as ±1, and 0 in silence, shape (words, 32)."""
        words = np.frombuffer(self.words, dtype=np.uint8).reshape(-1, 4)
        signs = 2 * np.unpackbits(words, axis=1).astype(np.float32) - 1
        signs[~words.any(axis=1)] = 0
        return signs


@dataclass(frozen=True, slots=True)
class Match:
    """The best alignment of a query with a reference."""

    offset_seconds: float  # place in the reference where the query begins; negative if it begins before
    bit_error_rate: float  # about 0 if the content is the same, 0.5 if unrelated or if nothing could be compared
    overlap_seconds: float  # sounding time that was compared


def fingerprint(samples: Samples, sample_rate: int) -> Fingerprint:
    """Return the fingerprint of float32 samples (T,); raise `AudioError` if they are not finite mono float32.

    Audio shorter than 0.9 s (one frame and the lag) has no words.
    """
    changes = listen(samples, sample_rate)
    return Fingerprint(VERSION, HOP_SECONDS, np.packbits(changes > 0, axis=1).tobytes())


def listen(samples: Samples, sample_rate: int, *, rate: float = 1.0, tempo: float = 1.0, start: float = 0.0) -> Changes:
    """Return the changes heard in float32 samples (T,) that play `rate` times as high and `tempo` times as fast.

    Both are undone, so that the changes compare with the fingerprint of the original, whose seconds one hop counts;
    `start` is the original second of the first sample to begin from, which must not be negative. Raises `AudioError`
    for samples that are not finite mono float32.
    """
    check_samples(samples, sample_rate)
    energy = _band_energy(samples, sample_rate, rate, tempo, start)
    if len(energy) <= LAG or float(np.dot(samples, samples)) < SILENCE * len(samples):
        return np.zeros((max(0, len(energy) - LAG), BITS), dtype=np.float32)
    energy /= energy.mean()
    tilt = np.diff(np.log(energy + FLOOR), axis=1)
    changes: Changes = np.clip((tilt[LAG:] - tilt[:-LAG]) / FULL, -1, 1).astype(np.float32)
    total = energy.mean(axis=1)
    changes[np.maximum(total[LAG:], total[:-LAG]) < QUIET] = 0
    return changes


def compare(query: Changes | Fingerprint, reference: Fingerprint) -> Match:
    """Return the alignment with the lowest error rate; raise `AudioError` if the versions differ.

    All alignments are tried at once by fast Fourier transform. An alignment counts if at least ten seconds of sound
    overlap, or half of what the quieter of the two has. The error rate of changes is weighted by their size.
    """
    if isinstance(query, Fingerprint):
        if (query.version, query.hop_seconds) != (reference.version, reference.hop_seconds):
            raise AudioError("fingerprints of different versions cannot be compared; make both with the same version")
        query = query.signs()
    stored = reference.signs()
    sounding = [sounds(changes)[:, None].astype(np.float32) for changes in (query, stored)]
    needed = min(LONG_ENOUGH, math.ceil(min(sounding[0].sum(), sounding[1].sum()) / 2))
    if needed == 0:
        return Match(offset_seconds=0.0, bit_error_rate=0.5, overlap_seconds=0.0)
    size = fft.next_fast_len(len(query) + len(stored) - 1, real=True)
    overlap = np.rint(_correlate(sounding[0], sounding[1], size))
    weight = _correlate(np.abs(query).sum(axis=1, keepdims=True), sounding[1], size)
    errors = 0.5 - _correlate(query, stored, size) / (2 * np.maximum(weight, 1e-3))
    errors[(overlap < needed) | (weight < 1e-3)] = 1.0
    best = int(np.argmin(errors))
    shift = best if best < len(stored) else best - size
    return Match(
        offset_seconds=round(shift * reference.hop_seconds, 3),
        bit_error_rate=round(max(0.0, float(errors[best])), 6),  # rounding hides what the transform adds
        overlap_seconds=round(float(overlap[best]) * reference.hop_seconds, 3),
    )


def agrees(match: Match) -> bool:
    """Tell whether the match is the same content: few enough wrong bits over at least five sounding seconds."""
    return match.overlap_seconds >= SHORTEST_AGREEMENT and match.bit_error_rate <= AGREEMENT


def sounds(changes: Changes) -> NDArray[np.bool_]:
    """Return which words hold sound, shape (words,)."""
    return np.asarray(changes.any(axis=1))


def _band_energy(samples: Samples, sample_rate: int, rate: float, tempo: float, start: float) -> NDArray[np.float64]:
    """Return the energy of 33 bands in every whole frame, shape (frames, 33).

    Frames are `HOP` apart in the original; in sound whose frequencies are set right, `rate / tempo` times as far.
    """
    native = sample_rate / rate
    pace = rate / tempo
    length = int(len(samples) / native * RATE)
    # The middle of a frame, not its beginning, is what moves with the pace.
    first_start = (start * RATE + FRAME / 2) * pace - FRAME / 2
    count = max(0, math.floor((length - FRAME - first_start) / (HOP * pace)) + 1)
    starts = np.rint(first_start + np.arange(count) * HOP * pace).astype(np.int64).clip(0)
    window = np.hanning(FRAME).astype(np.float32)
    edges = np.searchsorted(np.arange(TRANSFORM // 2 + 1) * RATE / TRANSFORM, BAND_EDGES)
    energy = np.zeros((count, BITS + 1))
    for first in range(0, count, FRAMES_AT_ONCE):
        chosen = starts[first : first + FRAMES_AT_ONCE]
        begin, end = int(chosen[0]), int(chosen[-1]) + FRAME
        piece = samples[round(begin / RATE * native) : round(end / RATE * native)]
        sound = np.asarray(soxr.resample(piece, native, RATE), dtype=np.float32)[: end - begin]
        sound = np.pad(sound, (0, end - begin - len(sound)))
        frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[chosen - begin] * window
        power = np.square(np.abs(fft.rfft(frames, TRANSFORM, axis=1)), dtype=np.float64)
        energy[first : first + FRAMES_AT_ONCE] = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return energy


def _correlate(query: NDArray[Any], reference: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return the cyclic cross-correlation over axis 0, summed over axis 1; index = shift of the query."""
    spectra = [fft.rfft(recording.astype(np.float64), size, axis=0) for recording in (query, reference)]
    product = np.einsum("fb,fb->f", spectra[1], np.conj(spectra[0]))
    correlation: NDArray[np.float64] = fft.irfft(product, size)
    return correlation
