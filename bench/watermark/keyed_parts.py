"""The parts of the keyed mark that are measured by themselves: soft bits of a network, words of a word key, bounds."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from bench.watermark.attack import Place, Samples
from synth.keyed.bound import log_chance
from synth.keyed.decoder import Decoder
from synth.keyed.hearing import soften
from synth.keyed.key import derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, HOP, SAMPLE_RATE, mel_matrix, spectra
from synth.keyed.words import EPISODE_BYTES, LANE_BITS, WordBook

__all__ = ["BITS", "bit_accuracy", "needed_z", "others_words", "random_words", "soft_bits"]

BITS = 8 * EPISODE_BYTES  # of a block's word that belong to the episode: only these prove anything


def soft_bits(key: bytes, samples: Samples) -> NDArray[np.float32]:
    """Return the soft bits of the episode's part, under the network of `key`, of the whole blocks of `samples`.

    Shape (blocks, 48).
    """
    decoder = Decoder(weights=detector_weights(derive_keys(key).detector))
    starts = range(0, (len(samples) - BLOCK) // HOP + 1, BLOCK // HOP)
    return soften(decoder.read(np.abs(spectra(samples)) @ mel_matrix(), list(starts)))[:, LANE_BITS:]


def random_words(rng: np.random.Generator, count: int, *, blocks: int) -> NDArray[np.float32]:
    """Return the ±1 words of `count` word keys, each of one random episode from one random block on.

    Shape (count, blocks · 48). Every row has a word key of its own, so rows are independent.
    """
    keys = derive_keys(rng.bytes(32))
    words = np.empty((count, blocks * BITS), dtype=np.float32)
    for row in words:
        book = WordBook(keys=dataclasses.replace(keys, words=rng.bytes(32)))
        code = rng.integers(2**64, size=1, dtype=np.uint64)
        positions = int(rng.integers(4_096)) + np.arange(blocks)
        row[:] = np.unpackbits(book.episode_bytes(code, positions)[0]).reshape(-1)
    return 2 * words - 1


def others_words(key: bytes, rng: np.random.Generator, count: int, *, first: int, blocks: int) -> NDArray[np.float32]:
    """Return the ±1 words that `count` random episodes have under one key from block `first` on.

    Shape (count, blocks · 48).
    """
    codes = rng.integers(2**64, size=count, dtype=np.uint64)
    packed = WordBook(keys=derive_keys(key)).episode_bytes(codes, first + np.arange(blocks))
    return 2 * np.unpackbits(packed.reshape(count, -1), axis=1).astype(np.float32) - 1


def needed_z(bits: NDArray[np.float32], chance: float) -> float:
    """Return the z of `bits` (blocks, 48) at which the bound of one alignment is `chance`; inf if no z reaches it."""
    norm = float(np.linalg.norm(bits.astype(np.float64)))
    low, high = 0.0, float(np.abs(bits).sum(dtype=np.float64)) / norm
    if log_chance(bits, high * norm) > np.log(chance):
        return float("inf")
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if log_chance(bits, middle * norm) <= np.log(chance) else (middle, high)
    return high


def bit_accuracy(key: bytes, samples: Samples, code: int, place: Place) -> float | None:
    """Return the share of hard bits that are right in the whole blocks of a clip that was cut at a known place."""
    keys = derive_keys(key)
    mel = np.abs(spectra(samples)) @ mel_matrix(place.rate)
    block = BLOCK / SAMPLE_RATE
    numbers = np.arange(int(np.ceil(place.start / block)), 1 + int((place.start + len(samples) / SAMPLE_RATE) / block))
    starts = np.round((numbers * block - place.start) / place.tempo * SAMPLE_RATE / HOP).astype(int)
    logits = Decoder(weights=detector_weights(keys.detector)).read(mel, starts.tolist(), tempo=place.tempo)
    heard = logits.any(axis=1)
    words = WordBook(keys=keys).words(code, int(numbers[-1]) + 1)[numbers]
    return float(((logits > 0) == (words > 0))[heard].mean()) if heard.any() else None
