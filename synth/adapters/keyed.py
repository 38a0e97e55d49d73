"""Writes the keyed mark: optimises a field of gains against the frozen decoder with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor
from torch.nn.functional import softplus

from synth.audio import Samples, check_samples
from synth.errors import AudioError
from synth.keyed.decoder import FLOOR, LEAST, PAUSE, TAP, VARIANCE_FLOOR
from synth.keyed.gains import NODE_FRAMES, NODES, added_signal, node_weights, over_time
from synth.keyed.key import BANDS, derive_keys, detector_weights, noise_seed
from synth.keyed.reader import KeyedReader
from synth.keyed.spectrum import (
    BLOCK,
    FRAME,
    FRAMES_PER_BLOCK,
    HOP,
    INNER_FRAMES,
    SAMPLE_RATE,
    SILENCE,
    mel_matrix,
    spectra,
)
from synth.keyed.words import WordBook
from synth.markstream import AddedSound
from synth.watermark import Detection, Payload

BLOCKS_AT_ONCE = 24  # one minute: large enough for fast matrix products, about 150 MB of memory
ROWS = FRAMES_PER_BLOCK // NODE_FRAMES  # rows of nodes in a block
FEED_SECONDS = 10
QUIET_SAMPLES = 161  # a stretch of silence longer than this (10 ms) stays silent
INAUDIBLE = 1e-6  # -120 dBFS
NOTHING = 1e-9  # what is added below this is an echo of the arithmetic
NOISE_MAGNITUDE = 0.886 * (384**0.5)  # mean magnitude of a Hann-windowed frame of white noise of variance 1


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How hard a block is marked; together with the decoder they fix the trade between strength and sound."""

    iterations: int = 80
    depth: float = 0.5  # the logarithm of the gain stays within ± this: 4.3 dB
    learning_rate: float = 0.25
    sharpness: float = 30.0  # steepness of the loss around the wanted margin
    margin: float = 0.05  # logit beyond which a bit is safe
    thrift: float = 0.1  # weight of the penalty on change
    white_noise: tuple[float, float] = (-3.0, 20.0)  # dB, range of signal-to-noise ratios of the attack inside the loop
    shaped_noise: tuple[float, float] = (-5.0, 12.0)  # dB, the same for noise with the spectrum of the block itself


class KeyedMark:
    """The keyed mark as a `synth.watermark.Watermark`: writes with PyTorch, reads with `KeyedReader`.

    Holds no mutable state, hence safe to share between threads. The added signal depends on the key, the payload and
    the sound alone: the same input gives the same output.
    """

    def __init__(self, *, key: bytes, older: Sequence[bytes] = (), settings: EmbeddingSettings | None = None) -> None:
        """Take the key that writes, and the `older` ones whose marks are still read."""
        self._reader = KeyedReader(key=key, older=older)
        keys = derive_keys(key)
        self._noise_key = keys.noise
        self._book = WordBook(keys=keys)
        self._decoder = TorchDecoder(torch.from_numpy(detector_weights(keys.detector)))
        self._settings = settings or EmbeddingSettings()

    @property
    def name(self) -> str:
        """Return "keyed"."""
        return self._reader.name

    @property
    def version(self) -> str:
        """Algorithm version and key epoch, for example "2+0123456789abcdef"."""
        return self._reader.version

    @property
    def epochs(self) -> tuple[str, ...]:
        """The names of all keys whose marks are read, newest first."""
        return self._reader.epochs

    def detect(
        self,
        samples: Samples,
        sample_rate: int,
        candidates: Sequence[Payload],
        likely: Sequence[Payload] = (),
        *,
        jitter: bytes | None = None,
    ) -> Detection:
        """Look for the mark of one of `candidates`; see `KeyedReader.detect`."""
        return self._reader.detect(samples, sample_rate, candidates, likely, jitter=jitter)

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Return `samples` with the mark of `payload` in every whole 2.5 s block that is not silent.

        Raises `AudioError` for samples that are not finite mono float32, or if the optimiser diverges. The peak rises
        by at most the added signal and never above full scale, unless the input was already above it. Besides input
        and output about 250 MB are needed, whatever the length.
        """
        marked = samples.copy()
        self.embed_in_place(marked, sample_rate, payload)
        return marked

    def embed_in_place(self, samples: Samples, sample_rate: int, payload: Payload) -> None:
        """Write over `samples` what `embed` would return."""
        check_samples(samples, sample_rate)
        peak = max(1.0, float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
        stream = self.stream(sample_rate, payload)
        done = 0
        for start in range(0, len(samples), FEED_SECONDS * sample_rate):
            # A copy, because what is added lies behind what is read, and the stream may still look back at it.
            block = samples[start : start + FEED_SECONDS * sample_rate].copy()
            done = _put(samples, done, stream.push(block))
        _put(samples, done, stream.finish())
        np.clip(samples, -peak, peak, out=samples)

    def stream(self, sample_rate: int, payload: Payload, *, blocks_at_once: int = BLOCKS_AT_ONCE) -> KeyedStream:
        """Return a writer that is fed with sound as it is made; `blocks_at_once` trades latency for speed.

        The latency is `blocks_at_once` blocks. Its output does not depend on how the sound is cut.
        """
        return KeyedStream(self._write, sample_rate, payload, blocks_at_once)

    def marking(self, sample_rate: int, payload: Payload) -> AddedSound:
        """Return a stream of marked sound, a block and a quarter of a second behind what goes in."""
        return AddedSound(self.stream(sample_rate, payload, blocks_at_once=1))

    def _write(self, sound: Samples, blocks: int, first: int, payload: Payload) -> Samples:
        """Return what is added to `sound`, at 16 kHz: `blocks` blocks and up to 768 samples more, all of which count.

        The first block is number `first` of the programme. Shape of the result: (blocks · 39936 + 768,).
        """
        whole = sound[: blocks * BLOCK].reshape(blocks, BLOCK)
        level = np.sqrt(np.mean(np.square(whole, dtype=np.float64), axis=1))
        chosen = np.flatnonzero(level >= SILENCE)
        nodes = np.zeros((blocks, ROWS, NODES), dtype=np.float32)
        if len(chosen):
            mel = np.stack([np.abs(spectra(whole[block])) @ mel_matrix() for block in chosen])
            words = self._book.words(payload.code, first + blocks)[first:][chosen]
            seeds = [noise_seed(self._noise_key, payload.code, first + int(block)) for block in chosen]
            random = [np.random.Generator(np.random.Philox(key=seed)) for seed in seeds]
            nodes[chosen] = self._optimise(mel, words.astype(np.float32), level[chosen].astype(np.float32), random)
        gains = np.concatenate([over_time(rows, FRAMES_PER_BLOCK) for rows in nodes])
        needed = blocks * BLOCK + FRAME - HOP
        padded = np.pad(sound, (0, needed - len(sound)))
        # A frame's change is smeared over the frame: digital silence stays silent all the same.
        sounding = maximum_filter1d(np.abs(padded), QUIET_SAMPLES) > INAUDIBLE
        added: Samples = added_signal(padded, gains, self._settings.depth) * sounding
        return added

    def _optimise(self, mel: Samples, words: Samples, level: Samples, random: list[np.random.Generator]) -> Samples:
        """Return the field at the nodes, shape (blocks, 39, 30), that makes the decoder read the words.

        Works on mel magnitudes (blocks, 153, 50): a gain that is smooth over frequency and time changes them nearly as
        it changes the sound. Every second step meets noise, so that the margin is real. Blocks do not influence each
        other.
        """
        settings = self._settings
        clean, target = torch.from_numpy(mel), torch.from_numpy(words)
        loudness = torch.from_numpy(level)[:, None, None]
        noise = torch.from_numpy(NOISE_MAGNITUDE * mel_matrix().sum(axis=0))
        with torch.inference_mode(mode=False), torch.enable_grad():
            bands = torch.from_numpy(node_weights(np.arange(BANDS, dtype=np.float64)))
            time = torch.from_numpy(over_time(np.eye(ROWS, dtype=np.float32), INNER_FRAMES))
            field = torch.zeros((len(random), ROWS, NODES), requires_grad=True)
            optimiser = torch.optim.Adam([field], lr=settings.learning_rate)
            for step in range(settings.iterations):
                heard = clean * torch.exp(settings.depth * torch.tanh(time @ field @ bands.T))
                if step % 2:
                    heard = _noisy(heard, loudness * noise, random, settings)
                margin = self._decoder(heard) * target - settings.margin
                # Sums over blocks, means within them: what a block becomes does not depend on its company.
                loss = softplus(-settings.sharpness * margin).mean(dim=1).sum()
                cost = torch.tanh(field).square().mean(dim=(1, 2)).sum()
                optimiser.zero_grad()
                torch.autograd.backward(loss + settings.thrift * cost)
                optimiser.step()
            nodes: Samples = field.detach().numpy()
        if not np.isfinite(nodes).all():
            raise AudioError("the keyed mark's optimiser diverged on this sound; report it with the script's id")
        return nodes


class TorchDecoder:
    """The network of `synth.keyed.decoder` with gradients, at the written tempo; a test compares the two."""

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights

    def __call__(self, mel: Tensor) -> Tensor:
        """Return logits (blocks, 64) for mel magnitudes (blocks, 153, 50)."""
        energy = mel.square().sum(dim=2, keepdim=True)
        mean = energy.mean(dim=1, keepdim=True)
        counts = energy / (energy + PAUSE * mean) + LEAST
        features = _normalised(torch.log(mel + FLOOR * torch.sqrt(mean / BANDS)), counts)
        both = torch.minimum(counts[:, :-TAP], counts[:, TAP:])
        outputs = _normalised(torch.cat([features[:, :-TAP], features[:, TAP:]], dim=2) @ self._weights, both)
        size = (outputs.abs() * both).sum(dim=1) / both.sum(dim=1)
        return size[:, 0::2] - size[:, 1::2]


def _normalised(values: Tensor, counts: Tensor) -> Tensor:
    share = counts / counts.sum(dim=1, keepdim=True)
    centred = values - (share * values).sum(dim=1, keepdim=True)
    return centred * torch.rsqrt((share * centred.square()).sum(dim=1, keepdim=True) + VARIANCE_FLOOR)


class KeyedStream:
    """Feeds sound of any rate, in pieces of any size, through the writer; not for use by several threads."""

    def __init__(self, write: Callable[..., Samples], sample_rate: int, payload: Payload, blocks_at_once: int) -> None:
        self._write = write
        self._payload = payload
        self._at_once = blocks_at_once
        self._down = _resampler(sample_rate, SAMPLE_RATE)
        self._up = _resampler(SAMPLE_RATE, sample_rate)
        self._sound = np.zeros(0, dtype=np.float32)  # at 16 kHz, what is not marked yet
        self._next = 0  # number of the first block that is not marked yet
        self._tail = np.zeros(FRAME - HOP, dtype=np.float32)  # what the last block adds beyond its end

    def push(self, samples: Samples) -> Samples:
        """Take more sound (float32, mono) and return what is to be added, from where the last return ended."""
        self._sound = np.concatenate([self._sound, self._down(samples, last=False)])
        parts = [np.zeros(0, dtype=np.float32)]
        while len(self._sound) >= self._at_once * BLOCK + FRAME - HOP:
            parts.append(self._up(self._mark(self._at_once), last=False))
        return np.concatenate(parts)

    def finish(self) -> Samples:
        """Return what is to be added to the rest; a last block that is not whole carries no mark."""
        self._sound = np.concatenate([self._sound, self._down(np.zeros(0, dtype=np.float32), last=True)])
        parts = [np.zeros(0, dtype=np.float32)]
        while (blocks := min(self._at_once, len(self._sound) // BLOCK)) > 0:
            parts.append(self._up(self._mark(blocks), last=False))
        parts.append(self._up(self._tail, last=True))
        return np.concatenate(parts)

    def _mark(self, blocks: int) -> Samples:
        """Return what is added to the next `blocks` blocks at 16 kHz, and move on."""
        own = blocks * BLOCK
        added = self._write(self._sound[: own + FRAME - HOP], blocks, self._next, self._payload)
        added[: len(self._tail)] += self._tail
        self._tail = added[own:].copy()
        self._sound = self._sound[own:]
        self._next += blocks
        return added[:own]


def _resampler(source: int, target: int) -> Callable[..., Samples]:
    """Return a function (samples, last) that resamples a stream piece by piece."""
    if source == target:
        return lambda samples, last: samples  # noqa: ARG005
    stream = soxr.ResampleStream(source, target, 1, dtype="float32")

    def resampled(samples: Samples, *, last: bool) -> Samples:
        result = np.array(stream.resample_chunk(samples, last=last), dtype=np.float32).reshape(-1)
        result[np.abs(result) < NOTHING] = 0
        return result

    return resampled


def _put(target: Samples, start: int, added: Samples) -> int:
    """Add `added` to `target` from `start` on, as far as it reaches, and return where it ended."""
    stop = min(len(target), start + len(added))
    target[start:stop] += added[: stop - start]
    return stop


def _noisy(mel: Tensor, magnitude: Tensor, random: list[np.random.Generator], settings: EmbeddingSettings) -> Tensor:
    """Return mel magnitudes (blocks, frames, 50) after noise at a random level, for each block by its own dice.

    Half of the time it is white, of `magnitude` at 0 dB; otherwise it has the spectrum of the block itself, which is
    what music, a room and the quantisation of a codec are like.
    """
    white, shaped = [], []
    dice = []
    for one in random:
        is_white = one.random() < 0.5
        decibels = one.uniform(*(settings.white_noise if is_white else settings.shaped_noise))
        white.append(10 ** (-decibels / 20) if is_white else 0.0)
        shaped.append(0.0 if is_white else 10 ** (-decibels / 20))
        dice.append(one.random((2, *mel.shape[1:]), dtype=np.float32))
    own = mel.detach().square().mean(dim=1, keepdim=True).sqrt()
    level = torch.tensor(white)[:, None, None] * magnitude + torch.tensor(shaped)[:, None, None] * own
    size, angle = torch.from_numpy(np.stack(dice)).unbind(dim=1)
    added = level * (0.6 + 0.8 * size)  # a band holds few bins, so the size of its noise varies
    # Sound and noise meet in any phase.
    return (mel.square() + added.square() + 1.4 * (2 * angle - 1) * mel * added).clamp_min(1e-12).sqrt()
