"""Trees in memory that need not be honest: checkpoints and proofs over any leaves."""

from __future__ import annotations

from collections.abc import Sequence

from audit import merkle
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.note import LogKey, split_note
from audit.witness import Submission, read_checkpoint_text

LEAVES = tuple(f"entry {number}".encode() for number in range(300))


def node_reader(leaves: Sequence[bytes]) -> merkle.NodeReader:
    def read(level: int, index: int) -> bytes:
        if level == 0:
            return merkle.leaf_hash(leaves[index])
        return merkle.node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    return read


def checkpoint_of(leaves: Sequence[bytes], *, origin: str, key: LogKey) -> Checkpoint:
    root = merkle.range_root(0, len(leaves), node_reader(leaves)) if leaves else merkle.EMPTY_ROOT
    return sign_checkpoint(origin=origin, size=len(leaves), root=root, key=key)


def submission_of(leaves: Sequence[bytes], *, old: int, origin: str, key: LogKey) -> Submission:
    """The request that brings a witness from `old` entries of exactly these leaves to all of them."""
    note = checkpoint_of(leaves, origin=origin, key=key).note
    text, signatures = split_note(note)
    proof = merkle.consistency_proof(old, len(leaves), node_reader(leaves)) if 0 < old <= len(leaves) else ()
    _, head = read_checkpoint_text(text)
    return Submission(old, tuple(proof), origin, head, text, signatures)
