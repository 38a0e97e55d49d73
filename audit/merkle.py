"""RFC 6962 Merkle trees: hashes, the compact frontier, and proofs made and verified (pure).

Section 2.1 of RFC 6962 defines the tree, RFC 9162 sections 2.1.3.2 and 2.1.4.2 the two verifications. Every hash is
SHA-256 and 32 bytes. A stored node is named `(level, index)`: the root of the complete subtree over the leaves
`[index * 2**level, (index + 1) * 2**level)`. Such a node never changes once the log is long enough to hold it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from audit.errors import ProofError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()  # the root of a log without entries

NodeReader = Callable[[int, int], bytes]  # (level, index) → 32-byte root of that complete subtree


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry; the 0x00 prefix keeps an entry from posing as an inner node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Combine subtree roots that stand side by side, largest first, into one; nothing gives the empty root."""
    if not hashes:
        return EMPTY_ROOT
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power-of-two number of neighbouring nodes of one level."""
    level = list(hashes)
    if not level or len(level) & (len(level) - 1):
        raise ValueError(f"{len(level)} nodes are not a complete subtree")
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: everything an append needs to know about the entries before it.

    `hashes` holds one root per set bit of `size`, largest subtree first.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def decode(cls, size: int, encoded: bytes) -> Frontier:
        """Read the concatenation that `encode` wrote; raises `ProofError` if it does not fit `size`."""
        if size < 0 or len(encoded) != size.bit_count() * HASH_BYTES:
            raise ProofError(f"a frontier of {len(encoded)} bytes does not belong to a tree of {size} entries")
        return cls(size, split_hashes(encoded))

    def encode(self) -> bytes:
        """Return the hashes one after the other, largest subtree first."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier after one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """Return the frontier after more leaf hashes, in order."""
        hashes, size = list(self.hashes), self.size
        for leaf in leaves:
            remaining, carried = size, leaf
            while remaining & 1:
                carried = node_hash(hashes.pop(), carried)
                remaining >>= 1
            hashes.append(carried)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return fold(self.hashes)


def split_hashes(encoded: bytes) -> tuple[bytes, ...]:
    """Cut concatenated hashes apart; the length must be a multiple of 32 bytes."""
    return tuple(encoded[at : at + HASH_BYTES] for at in range(0, len(encoded), HASH_BYTES))


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return the `(level, index)` nodes that cover the leaves `[start, end)`, left to right, largest fitting first."""
    nodes = []
    while start < end:
        fitting = (end - start).bit_length() - 1
        level = min(fitting, (start & -start).bit_length() - 1) if start else fitting
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def range_root(start: int, end: int, read_node: NodeReader) -> bytes:
    """Return the root over the leaves `[start, end)`, which must be a subtree of the log's tree."""
    return fold([read_node(level, index) for level, index in complete_subtrees(start, end)])


def frontier_at(size: int, read_node: NodeReader) -> Frontier:
    """Return the frontier that the log had when it was `size` entries long."""
    return Frontier(size, tuple(read_node(level, index) for level, index in complete_subtrees(0, size)))


def inclusion_proof(index: int, size: int, read_node: NodeReader) -> tuple[bytes, ...]:
    """Return the sibling hashes, leaf's sibling first, that connect leaf `index` to the root of `size` entries."""
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size} entries")
    start, end, siblings = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return _roots(reversed(siblings), read_node)


def consistency_proof(old_size: int, new_size: int, read_node: NodeReader) -> tuple[bytes, ...]:
    """Return the hashes that show the tree of `new_size` to begin with the tree of `old_size` (RFC 6962 2.1.2)."""
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of {old_size} entries cannot be an earlier state of one with {new_size}")
    if old_size in (0, new_size):
        return ()
    start, end, recorded = 0, new_size, []
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            recorded.append((middle, end))
            end = middle
        else:
            recorded.append((start, middle))
            start = middle
    if start:
        recorded.append((start, end))
    return _roots(reversed(recorded), read_node)


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that leaf hash `leaf` is entry `index` of the tree with `size` entries and `root` (RFC 9162 2.1.3.2).

    Raises `ProofError` with the reason.
    """
    _require_hashes((root,))
    if inclusion_root(index=index, size=size, leaf=leaf, proof=proof) != root:
        raise ProofError(f"the inclusion proof leads to another root: entry {index} is not the one that was signed")


def inclusion_root(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root to which `proof` leads from leaf hash `leaf`; a signature must then say that it is the log's.

    Raises `ProofError` if the proof cannot be one for entry `index` of `size`.
    """
    if not 0 <= index < size:
        raise ProofError(f"entry {index} is not in a tree of {size} entries")
    _require_hashes((leaf, *proof))
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof has more hashes than the tree has levels")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof has too few hashes")
    return computed


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new_size` begins with the tree of `old_size` (RFC 9162 2.1.4.2).

    Raises `ProofError` with the reason. Nothing can be shown about a tree without entries, so `old_size` 0 is refused.
    """
    if not 0 < old_size <= new_size:
        raise ProofError(f"consistency is not defined between trees of {old_size} and {new_size} entries")
    _require_hashes((old_root, new_root, *proof))
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError(f"two different trees claim to have {old_size} entries")
        return
    if not proof:
        raise ProofError("the consistency proof is empty")
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:  # the old tree is one complete subtree, so its root is the first hash
        hashes.insert(0, old_root)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_computed = new_computed = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError("the consistency proof has more hashes than the tree has levels")
        if node & 1 or node == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new_computed = node_hash(new_computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof has too few hashes")
    if old_computed != old_root:
        raise ProofError(f"the consistency proof does not start at the signed tree of {old_size} entries")
    if new_computed != new_root:
        raise ProofError(f"the consistency proof does not lead to the signed tree of {new_size} entries")


def _split(size: int) -> int:
    """Return the largest power of two strictly below `size`, where RFC 6962 divides a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _roots(ranges: Iterable[tuple[int, int]], read_node: NodeReader) -> tuple[bytes, ...]:
    return tuple(range_root(start, end, read_node) for start, end in ranges)


def _require_hashes(hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError(f"a hash has {len(value)} bytes instead of {HASH_BYTES}")
