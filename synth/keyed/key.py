"""Everything the keyed mark derives from its secret: decoder weights, word keys, noise seeds (pure).

All of it comes from HMAC-SHA256 (RFC 2104) and AES (FIPS 197) under sub-keys made by HKDF (RFC 5869), never from a
framework's random generator, so that a mark stays readable on every platform and with every library version.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from synth.errors import MarkUnavailableError

BITS = 64  # bits that one block carries
BANDS = 50  # mel bands that the decoder sees
TAPS = 2  # frames that it sees at once
INPUTS = TAPS * BANDS
OUTPUTS = 2 * BITS  # a bit is the difference of two outputs
MINIMUM_KEY_BYTES = 32  # as long as the hash, so that the key is never the weakest part

Weights = NDArray[np.float32]  # shape (INPUTS, OUTPUTS)

_LABEL = b"assay keyed mark v2: "


@dataclass(frozen=True, slots=True)
class MarkKeys:
    """The sub-keys of one secret; each has one use and none reveals another."""

    detector: bytes = field(repr=False)  # decides the decoder's weights
    lanes: bytes = field(repr=False)  # AES-256: decides which lane an episode is in, and the first 16 bits of each word
    words: bytes = field(repr=False)  # AES-256: decides the other 48 bits of the word of every block of every episode
    noise: bytes = field(repr=False)  # seeds the noise that the embedder trains against
    query: bytes = field(repr=False)  # decides how a question is answered at the edge, see `synth.keyed.jitter`
    epoch: str  # 16 hex digits that name the secret without revealing it


def derive_keys(key: bytes) -> MarkKeys:
    """Return the sub-keys of `key` (at least 32 bytes), or raise `MarkUnavailableError`."""
    _require_length(key)

    def sub_key(label: bytes, length: int = 32) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=_LABEL + label).derive(key)

    return MarkKeys(
        detector=sub_key(b"detector"),
        lanes=sub_key(b"lanes"),
        words=sub_key(b"words"),
        noise=sub_key(b"noise"),
        query=sub_key(b"query"),
        epoch=sub_key(b"epoch", 8).hex(),
    )


def tenant_key(master: bytes, tenant: str) -> bytes:
    """Return the 32-byte watermark key of one tenant; it reveals neither `master` nor the key of another tenant.

    Raises `MarkUnavailableError` for a short master key or an empty name.
    """
    _require_length(master)
    if not tenant:
        raise MarkUnavailableError("a tenant's watermark key needs the tenant's name; it is empty")
    info = b"assay watermark key of tenant: " + tenant.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)


def detector_weights(detector_key: bytes) -> Weights:
    """Return the decoder's float32 matrix, shape (100, 128): uniform with variance 1 / inputs.

    The uint32 stream is HMAC(detector_key, 64-bit counter), big-endian.
    """
    count = INPUTS * OUTPUTS
    blocks = (hmac.digest(detector_key, counter.to_bytes(8, "big"), "sha256") for counter in range(-(-count // 8)))
    integers = np.frombuffer(b"".join(blocks), dtype=">u4")[:count].astype(np.float64)
    uniform = (integers + 0.5) / 2.0**31 - 1.0  # exact in float64, in the open interval (-1, 1)
    weights: Weights = (uniform * np.sqrt(3.0 / INPUTS)).astype(np.float32).reshape(INPUTS, OUTPUTS)
    return weights


def weights_digest(weights: Weights) -> str:
    """Return the SHA-256 (hex) of the weights as little-endian float32: the test that a port agrees."""
    return hashlib.sha256(weights.astype("<f4").tobytes()).hexdigest()


def noise_seed(noise_key: bytes, code: int, block: int) -> int:
    """Return the 128-bit seed of the noise used while marking one block of the episode `code`."""
    message = code.to_bytes(8, "big") + block.to_bytes(4, "big")
    return int.from_bytes(hmac.digest(noise_key, message, "sha256")[:16], "big")


def _require_length(key: bytes) -> None:
    if len(key) < MINIMUM_KEY_BYTES:
        raise MarkUnavailableError(
            f"the watermark key has {len(key)} bytes, fewer than {MINIMUM_KEY_BYTES}; generate one with `assay keygen`"
        )
