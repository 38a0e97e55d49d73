"""The words that blocks carry: two pseudo-random functions of the key, made for searching a million episodes (pure).

A word has 64 bits. The first half depends on the key, the block's index and the episode's *lane*, one of 32 into which
the key sorts all episodes; the second half on the key, the index and the episode itself. A search first finds lane and
position with the first half, and then the episode within the lane with the second: 32 + N/32 comparisons instead of N.
To anybody without the key both halves are coins, and the statistic of a match counts all 64.

Both functions are AES-256 on distinct 16-byte blocks: fast enough to make a million episodes' words on the fly.
"""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from synth.keyed.key import BITS, MarkKeys

LANES = 32
HALF = BITS // 2  # bits of a word that the lane decides; the episode decides the others

Codes = NDArray[np.uint64]  # `Payload.code` of episodes, shape (episodes,)
Bytes = NDArray[np.uint8]

_LANE_OF, _LANE_WORD, _EPISODE_WORD = 1, 2, 3  # first byte of the tag: no two functions share an input


class WordBook:
    """The words of every episode under one key; immutable, hence safe to share between threads."""

    def __init__(self, *, keys: MarkKeys) -> None:
        self._lane_key = keys.lanes
        self._word_key = keys.words

    def lanes(self, codes: Codes) -> NDArray[np.int64]:
        """Return the lane, 0..31, of every episode; shape (episodes,)."""
        return _aes(self._lane_key, _LANE_OF, codes, np.zeros(1, np.uint32))[:, 0, 0].astype(np.int64) % LANES

    def lane_bytes(self, lane: int, positions: NDArray[np.int64]) -> Bytes:
        """Return the first halves of a lane's words at block indices `positions`, shape (positions, 4)."""
        return _aes(self._lane_key, _LANE_WORD, np.array([lane], np.uint64), positions)[0, :, : HALF // 8]

    def episode_bytes(self, codes: Codes, positions: NDArray[np.int64]) -> Bytes:
        """Return the second halves of episodes' words, shape (episodes, positions, 4)."""
        return _aes(self._word_key, _EPISODE_WORD, codes, positions)[:, :, : HALF // 8]

    def words(self, code: int, count: int) -> NDArray[np.int8]:
        """Return the words of blocks 0..count-1 of the episode `code` (64 bits): ±1, shape (count, 64)."""
        codes, positions = np.array([code], np.uint64), np.arange(count)
        lane = int(self.lanes(codes)[0])
        halves = [self.lane_bytes(lane, positions), self.episode_bytes(codes, positions)[0]]
        return signs(np.concatenate(halves, axis=1))


def signs(packed: Bytes) -> NDArray[np.int8]:
    """Return bits as ±1, most significant first: shape (..., bytes) to (..., 8 · bytes)."""
    return 2 * np.unpackbits(packed, axis=-1).astype(np.int8) - 1


def _aes(key: bytes, tag: int, names: Codes, positions: NDArray[np.integer]) -> Bytes:
    """Return AES(key, tag ‖ position ‖ name) for all pairs, big-endian, shape (names, positions, 16).

    Electronic codebook mode on inputs that are all different is the block cipher itself, used as a pseudo-random
    function: nothing is encrypted here.
    """
    blocks = np.zeros((len(names), len(positions)), dtype=[("tag", ">u4"), ("position", ">u4"), ("name", ">u8")])
    blocks["tag"] = tag
    blocks["position"] = positions[None, :].astype(np.uint32)
    blocks["name"] = names[:, None]
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - no message, see above
    return np.frombuffer(encryptor.update(blocks.tobytes()), dtype=np.uint8).reshape(len(names), len(positions), 16)
