"""The words that blocks carry: two pseudo-random functions of the key, made for searching a million episodes (pure).

A word has 64 bits. The first 16 depend on the key, the block's index and the episode's *lane*, one of 32 into which the
key sorts all episodes; the other 48 on the key, the index and the episode itself. A search first finds lane and
position with the first part, and then the episode within the lane with the second: 32 + N/32 comparisons, not N.

Only the second part proves anything. It is as random to sound that bears the mark of another episode of the same lane
as to sound without a mark, and to what the first part selects: so an episode that is not in the registry is never taken
for one that is.

Both functions are AES-256 on distinct 16-byte blocks: fast enough to make a million episodes' words on the fly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from synth.keyed.key import BITS, MarkKeys

LANES = 32
LANE_BITS = 16  # bits of a word that the lane decides; the episode decides the others
LANE_BYTES, EPISODE_BYTES = LANE_BITS // 8, (BITS - LANE_BITS) // 8

Codes = NDArray[np.uint64]  # `Payload.code` of episodes, shape (episodes,)
Bytes = NDArray[np.uint8]

_EPISODE_MASK = np.uint64((1 << 64) - (1 << LANE_BITS))
_LANE_OF, _LANE_WORD, _EPISODE_WORD = 1, 2, 3  # first byte of the tag: no two functions share an input


class WordBook:
    """The words of every episode under one key; immutable, hence safe to share between threads."""

    def __init__(self, *, keys: MarkKeys) -> None:
        self._lane_key = keys.lanes
        self._word_key = keys.words

    def lanes(self, codes: Codes) -> NDArray[np.int64]:
        """Return the lane, 0..31, of every episode; shape (episodes,)."""
        return _aes(self._lane_key, _LANE_OF, codes, np.zeros(1, np.uint32))[:, 0, 0].astype(np.int64) % LANES

    def lanes_bytes(self, lanes: Sequence[int], positions: NDArray[np.int64]) -> Bytes:
        """Return the first parts of lanes' words at block indices `positions`, shape (lanes, positions, 2)."""
        return _aes(self._lane_key, _LANE_WORD, np.array(lanes, np.uint64), positions)[:, :, :LANE_BYTES]

    def episode_bytes(self, codes: Codes, positions: NDArray[np.int64]) -> Bytes:
        """Return the second parts of episodes' words, shape (episodes, positions, 6)."""
        return _aes(self._word_key, _EPISODE_WORD, codes, positions)[:, :, :EPISODE_BYTES]

    def crowd(self, codes: Codes) -> Crowd:
        """Return a fast reader of the second parts of the words of many episodes."""
        return Crowd(self._word_key, codes)

    def words(self, code: int, count: int) -> NDArray[np.int8]:
        """Return the words of blocks 0..count-1 of the episode `code` (64 bits): ±1, shape (count, 64)."""
        codes, positions = np.array([code], np.uint64), np.arange(count)
        lane = int(self.lanes(codes)[0])
        parts = [self.lanes_bytes([lane], positions)[0], self.episode_bytes(codes, positions)[0]]
        return signs(np.concatenate(parts, axis=1))


class Crowd:
    """The second parts of the words of many episodes, made on the fly into buffers of its own: for one thread."""

    def __init__(self, word_key: bytes, codes: Codes) -> None:
        self._key = word_key
        self._codes = codes
        self._inputs: dict[int, NDArray[np.void]] = {}  # cipher blocks for each number of positions, kept between calls

    def at(self, positions: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Return the 48 bits at each position, high bits first with 16 zeros below, shape (episodes, positions)."""
        count = len(positions)
        if count not in self._inputs:
            self._inputs[count] = _blocks(_EPISODE_WORD, self._codes, np.zeros(count, np.uint32))
        inputs = self._inputs[count]
        inputs["position"] = positions[None, :]
        encryptor = Cipher(algorithms.AES256(self._key), modes.ECB()).encryptor()  # noqa: S305 - see `_aes`
        octets = encryptor.update(inputs.view(np.uint8).data)
        words = np.frombuffer(octets, dtype=">u8").reshape(len(self._codes), count, 2)[:, :, 0]
        return words.astype(np.uint64) & _EPISODE_MASK


def signs(packed: Bytes) -> NDArray[np.int8]:
    """Return bits as ±1, most significant first: shape (..., bytes) to (..., 8 · bytes)."""
    return 2 * np.unpackbits(packed, axis=-1).astype(np.int8) - 1


def _aes(key: bytes, tag: int, names: Codes, positions: NDArray[np.integer]) -> Bytes:
    """Return AES(key, tag ‖ position ‖ name) for all pairs, big-endian, shape (names, positions, 16).

    Electronic codebook mode on inputs that are all different is the block cipher itself, used as a pseudo-random
    function: nothing is encrypted here.
    """
    blocks = _blocks(tag, names, positions)
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - no message, see above
    return np.frombuffer(encryptor.update(blocks.tobytes()), dtype=np.uint8).reshape(len(names), len(positions), 16)


def _blocks(tag: int, names: Codes, positions: NDArray[np.integer]) -> NDArray[np.void]:
    """Return the inputs of the cipher for all pairs, shape (names, positions), 16 bytes each."""
    blocks = np.zeros((len(names), len(positions)), dtype=[("tag", ">u4"), ("position", ">u4"), ("name", ">u8")])
    blocks["tag"] = tag
    blocks["position"] = positions[None, :]
    blocks["name"] = names[:, None]
    return blocks
