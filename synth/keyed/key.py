"""Everything the keyed mark derives from its secret: decoder weights, block words, noise seeds (pure).

All of it comes from HMAC-SHA256 (RFC 2104) under sub-keys made by HKDF (RFC 5869), never from a framework's random
generator, so that a mark stays readable on every platform and with every library version.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from synth.errors import MarkUnavailableError

BITS = 16  # bits that one block carries
LAYERS = ((70, 128), (128, 128), (128, 2 * BITS))  # (inputs, outputs) of the decoder's three layers
MINIMUM_KEY_BYTES = 32  # as long as the hash, so that the key is never the weakest part

Weights = tuple[NDArray[np.float32], ...]

_LABEL = b"assay keyed mark v1: "
_WORDS_PER_DIGEST = 32 * 8 // BITS  # 16 words of 16 bits fill one SHA-256 digest


@dataclass(frozen=True, slots=True)
class MarkKeys:
    """The sub-keys of one secret; each has one use and none reveals another."""

    detector: bytes = field(repr=False)  # decides the decoder's weights
    words: bytes = field(repr=False)  # decides the word of every block of every episode
    noise: bytes = field(repr=False)  # seeds the noise that the embedder trains against
    epoch: str  # 16 hex digits that name the secret without revealing it


def derive_keys(key: bytes) -> MarkKeys:
    """Return the sub-keys of `key` (at least 32 bytes), or raise `MarkUnavailableError`."""
    if len(key) < MINIMUM_KEY_BYTES:
        raise MarkUnavailableError(
            f"the watermark key has {len(key)} bytes, fewer than {MINIMUM_KEY_BYTES}; generate one with `assay keygen`"
        )

    def sub_key(label: bytes, length: int = 32) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=_LABEL + label).derive(key)

    return MarkKeys(
        detector=sub_key(b"detector"),
        words=sub_key(b"words"),
        noise=sub_key(b"noise"),
        epoch=sub_key(b"epoch", 8).hex(),
    )


def detector_weights(detector_key: bytes) -> Weights:
    """Return the decoder's float32 matrices, shape (inputs, outputs), uniform in ±sqrt(6 / (inputs + outputs)).

    The range is that of Glorot and Bengio (2010). The uint32 stream is HMAC(detector_key, 64-bit counter), big-endian.
    """
    count = sum(inputs * outputs for inputs, outputs in LAYERS)
    blocks = (hmac.digest(detector_key, counter.to_bytes(8, "big"), "sha256") for counter in range(-(-count // 8)))
    integers = np.frombuffer(b"".join(blocks), dtype=">u4")[:count].astype(np.float64)
    uniform = (integers + 0.5) / 2.0**31 - 1.0  # exact in float64, in the open interval (-1, 1)
    matrices, start = [], 0
    for inputs, outputs in LAYERS:
        stop = start + inputs * outputs
        bound = math.sqrt(6.0 / (inputs + outputs))
        matrices.append((uniform[start:stop] * bound).astype(np.float32).reshape(inputs, outputs))
        start = stop
    return tuple(matrices)


def weights_digest(weights: Weights) -> str:
    """Return the SHA-256 (hex) of the weights in order, as little-endian float32: the test that a port agrees."""
    return hashlib.sha256(b"".join(matrix.astype("<f4").tobytes() for matrix in weights)).hexdigest()


def block_words(word_key: bytes, code: int, count: int) -> NDArray[np.int8]:
    """Return the words of blocks 0..count-1 of the episode `code` (64 bits): ±1, shape (count, 16), first bit first.

    Word j is the 16-bit slice number j mod 16 of HMAC(word_key, code as 64 bits || j div 16 as 32 bits): one digest
    serves sixteen blocks, because a search over many episodes spends most of its time here.
    """
    prefix = code.to_bytes(8, "big")
    digests = b"".join(
        hmac.digest(word_key, prefix + group.to_bytes(4, "big"), "sha256")
        for group in range(-(-count // _WORDS_PER_DIGEST))
    )
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).astype(np.int8)
    return (2 * bits - 1).reshape(-1, BITS)[:count]


def noise_seed(noise_key: bytes, code: int) -> int:
    """Return the 128-bit seed of the noise used while marking the episode `code`."""
    return int.from_bytes(hmac.digest(noise_key, code.to_bytes(8, "big"), "sha256")[:16], "big")
