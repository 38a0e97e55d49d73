"""The parts of the keyed mark that its null is measured on: soft bits of a network, words of a word key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.watermark.attack import Samples
from synth.keyed.decoder import Decoder
from synth.keyed.key import BITS, block_words, derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK
from synth.keyed.statistic import soften

__all__ = ["BITS", "random_words", "soft_bits"]


def soft_bits(key: bytes, samples: Samples) -> NDArray[np.float32]:
    """Return the soft bits of the whole blocks of `samples` under the network of `key`, shape (blocks, bits)."""
    decoder = Decoder(weights=detector_weights(derive_keys(key).detector))
    return soften(decoder.read(samples, np.arange(len(samples) // BLOCK) * BLOCK))


def random_words(rng: np.random.Generator, count: int, blocks: int) -> NDArray[np.float32]:
    """Return the ±1 words of `count` word keys, each of one random episode from one random block on.

    Shape (count, blocks · bits).
    """
    words = np.empty((count, blocks * BITS), dtype=np.float32)
    for row in words:
        code, first = int(rng.integers(2**63)), int(rng.integers(64))
        row[:] = block_words(rng.bytes(32), code, first + blocks)[first:].ravel()
    return words
