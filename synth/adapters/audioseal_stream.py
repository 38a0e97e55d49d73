"""Marks a programme piece by piece: what comes out, joined, is what marking it at once gives.

Latency, from a sample going in to the same sample coming out marked: the contract's look-ahead and one latent frame
(640 + 320 samples at 16 kHz, 60 ms, for our weights), and at other rates the delay of the resampler on the way to
16 kHz and back.  The first 0.1 s are held back, because audio that ends within them stays unmarked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
import torch
from torch import Tensor
from torch.nn import functional

from synth.adapters.audioseal_contract import SAMPLE_RATE, Contract, Shaping, overlap_add, windowed_rms
from synth.adapters.audioseal_layers import Step, start
from synth.audio import Samples, check_samples
from synth.errors import MarkUnavailableError

SHORTEST_SECONDS: Final = 0.1
"""Shorter audio is returned unmarked."""
RESAMPLER_SECONDS: Final = 0.09
"""Bound on what soxr holds back on the way to 16 kHz and back; measured up to 0.084 s at 16 to 48 kHz."""
INAUDIBLE: Final = 1e-9
"""What a resampler leaves in silence, -180 dBFS, is not a mark."""


@dataclass(frozen=True, slots=True)
class Player:
    """The parts of a causal generator, as steps."""

    encoder: tuple[Step, ...]
    decoder: tuple[Step, ...]
    hop: int


class Marker:
    """The mark for mono audio at 16 kHz, piece by piece; `push` returns as much of it as is certain."""

    def __init__(self, contract: Contract, player: Player, message: Tensor) -> None:
        """Start silent; `message` (1, channels, 1) is what the message adds to the latent frames."""
        if contract.shaping is None:
            raise MarkUnavailableError(
                "These AudioSeal weights have no [contract.shaping] in their card and cannot mark a stream; "
                "mark whole programmes with them, or use the weights that come with the package."
            )
        self._contract, self._shaping, self._hop = contract, contract.shaping, player.hop
        self._encode, self._decode, self._message = start(player.encoder), start(player.decoder), message
        self._waiting = torch.zeros(1, 0)  # not yet a whole latent frame
        self._history = torch.zeros(1, contract.envelope_samples)
        shaping = contract.shaping
        self._sound = torch.zeros(1, shaping.frame)  # from the frame before the next that is shaped
        self._played = torch.zeros(1, shaping.frame - shaping.hop)  # from the next frame that is shaped
        self._overlap = torch.zeros(1, shaping.frame - shaping.hop)
        self._skip = shaping.frame - shaping.hop  # samples before the programme begins
        self._left = 0  # samples that went in and did not come out

    @property
    def lag(self) -> int:
        """Samples by which the mark that came out may be behind the sound that went in."""
        return self._shaping.ahead + self._hop

    @torch.inference_mode()
    def push(self, sound: Tensor) -> Tensor:
        """Take sound (1, n), return the next part of the mark (1, m), `lag` behind at most."""
        self._left += sound.shape[-1]
        waiting = torch.cat([self._waiting, sound], -1)
        ready = waiting.shape[-1] // self._hop * self._hop
        self._waiting = waiting[:, ready:]
        return self._out(self._shaped(waiting[:, :ready], self._play(waiting[:, :ready])))

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """Return the rest of the mark; the programme has ended."""
        last = functional.pad(self._waiting, (0, -self._waiting.shape[-1] % self._hop))
        tail = torch.zeros(1, self._shaping.ahead + self._shaping.frame)
        sound = torch.cat([last, tail], -1)
        played = torch.cat([self._play(last), tail], -1)
        return self._out(self._shaped(sound, played))

    def _play(self, sound: Tensor) -> Tensor:
        """What the generator plays to whole latent frames of sound (1, n)."""
        if not sound.shape[-1]:
            return sound
        joined = torch.cat([self._history, sound], -1)
        self._history = joined[:, -self._contract.envelope_samples :]
        level = windowed_rms(joined, self._contract.envelope_samples)
        return self._decode(self._encode(self._contract.to_generator(sound, level)) + self._message)[:, 0]

    def _shaped(self, sound: Tensor, played: Tensor) -> Tensor:
        shaping: Shaping = self._shaping
        self._sound = torch.cat([self._sound, sound], -1)
        self._played = torch.cat([self._played, played], -1)
        number = (self._sound.shape[-1] - shaping.frame) // shaping.hop + 1 - 2
        if number < 1:
            return sound[:, :0]
        long = (number - 1) * shaping.hop + shaping.frame
        pieces = shaping.frames(self._played[:, :long], shaping.levels(self._sound[:, : long + 2 * shaping.hop]))
        joined = overlap_add(pieces, shaping.hop)
        joined[:, : self._overlap.shape[-1]] += self._overlap
        done = number * shaping.hop
        self._overlap = joined[:, done:].clone()
        self._sound, self._played = self._sound[:, done:], self._played[:, done:]
        return self._contract.gain * joined[:, :done]

    def _out(self, mark: Tensor) -> Tensor:
        skipped = min(self._skip, mark.shape[-1])
        self._skip -= skipped
        mark = mark[:, skipped : skipped + self._left]
        self._left -= mark.shape[-1]
        return mark


class MarkStream:
    """Adds the mark to a programme that arrives in pieces of any size; not for use by several threads at once.

    Peaks stay within full scale, or within the sample's own size where that was higher.
    """

    def __init__(self, marker: Marker, sample_rate: int) -> None:
        """Mark audio at `sample_rate` hertz with `marker`, which works at 16 kHz."""
        self._marker, self._rate = marker, sample_rate
        other = sample_rate != SAMPLE_RATE
        self._down = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32") if other else None
        self._up = soxr.ResampleStream(SAMPLE_RATE, sample_rate, 1, dtype="float32") if other else None
        self._held: deque[Samples] = deque()  # what went in and did not come out
        self._marks: deque[Samples] = deque()  # marks without their sound; at most the resampler's rounding
        self._beginning: list[Samples] | None = []  # until it is long enough to be marked
        self._closed = False

    @property
    def latency(self) -> float:
        """Seconds by which the output lags behind the input, at most; add the length of a piece."""
        own = self._marker.lag / SAMPLE_RATE
        if self._down is not None:
            own += RESAMPLER_SECONDS * max(1.0, SAMPLE_RATE / self._rate)
        return max(own, SHORTEST_SECONDS)

    def push(self, samples: Samples) -> Samples:
        """Take the next samples (n,), return the marked samples (m,) that are ready; they may be none.

        Raises `AudioError` for samples that are not finite mono float32; the stream then goes on as if they had not
        come.
        """
        check_samples(samples, self._rate)
        if self._closed:
            raise MarkUnavailableError("This stream was finished; open another one for another programme.")
        if self._beginning is not None:
            self._beginning.append(samples.copy())
            samples = np.concatenate(self._beginning)
            if len(samples) < SHORTEST_SECONDS * self._rate:
                return samples[:0]
            self._beginning = None
            return self._marked(samples, last=False)
        return self._marked(samples.copy(), last=False)

    def finish(self) -> Samples:
        """Return what is left; as many samples have then come out as went in."""
        if self._closed:
            return np.zeros(0, np.float32)
        self._closed = True
        if self._beginning is not None:  # too short for a mark
            return np.concatenate([*self._beginning, np.zeros(0, np.float32)])
        return self._marked(np.zeros(0, np.float32), last=True)

    def _marked(self, samples: Samples, *, last: bool) -> Samples:
        if len(samples):
            self._held.append(samples)
        low = samples if self._down is None else self._down.resample_chunk(samples, last=last)
        mark = self._marker.push(torch.from_numpy(low)[None])
        if last:
            mark = torch.cat([mark, self._marker.finish()], -1)
        high = mark[0].numpy()
        if self._up is not None:
            high = self._up.resample_chunk(np.ascontiguousarray(high), last=last)
            high[np.abs(high) < INAUDIBLE] = 0
        if len(high):
            self._marks.append(high)
        held, waiting = sum(map(len, self._held)), sum(map(len, self._marks))
        if last and waiting < held:
            self._marks.append(np.zeros(held - waiting, np.float32))  # the resampler rounds the length
        count = min(held, held if last else waiting)
        sound, added = _take(self._held, count), _take(self._marks, count)
        limit = np.maximum(1.0, np.abs(sound))
        added += sound
        return np.clip(added, -limit, limit, out=added)


def _take(queue: deque[Samples], count: int) -> Samples:
    """Remove the first `count` samples of a queue of arrays."""
    parts: list[Samples] = []
    while count:
        first = queue.popleft()
        if len(first) > count:
            queue.appendleft(first[count:])
            first = first[:count]
        parts.append(first)
        count -= len(first)
    return np.concatenate([np.zeros(0, np.float32), *parts])
