"""Receipts: proof, checkable offline, that an entry is in the log (C2SP tlog-proof v1; pure).

The file carries the entry itself in the format's `extra` line, so that a receipt and the log's public key are all that
a stranger needs. That line is not trusted: the entry counts only because its hash leads to the signed root.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit import merkle
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify, parse_decimal
from audit.errors import CheckpointError, ProofError
from audit.event import MAX_ENTRY_BYTES
from audit.note import decode_base64, encode_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH_HASHES = 63  # a log has fewer than 2**63 entries


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that `leaf` is entry `index` of the log whose checkpoint `note` this is; unverified until verified."""

    index: int  # zero-based
    leaf: bytes  # the entry: canonical bytes of an event
    path: tuple[bytes, ...]  # 32-byte hashes, the leaf's sibling first
    note: str  # the signed checkpoint, verbatim

    @property
    def leaf_hash(self) -> bytes:
        """RFC 6962 hash of the entry, 32 bytes."""
        return merkle.leaf_hash(self.leaf)

    def to_text(self) -> str:
        """Return the receipt as a `.tlog-proof` file with the entry in its `extra` line."""
        lines = [HEADER, f"extra {encode_base64(self.leaf)}", f"index {self.index}", *map(encode_base64, self.path)]
        return "\n".join(lines) + "\n\n" + self.note

    @classmethod
    def from_text(cls, text: str, *, leaf: bytes | None = None) -> Receipt:
        """Read a `.tlog-proof` file; `leaf` is needed only where the file does not carry the entry.

        Raises `ProofError` if the file is malformed. Says nothing about truth: call `verify_receipt`.
        """
        proof, separator, note = text.partition("\n\n")
        lines = proof.split("\n")
        if not separator or not note or lines.pop(0) != HEADER:
            raise ProofError(f"this is not a receipt: it does not have the form {HEADER}")
        try:
            if lines and lines[0].startswith("extra "):
                carried = decode_base64(lines.pop(0).removeprefix("extra "), "the entry in the receipt")
                if leaf is not None and carried != leaf:
                    raise ProofError("the receipt carries another entry than the one it was given for")
                leaf = carried
            if not lines or not lines[0].startswith("index "):
                raise ProofError("the receipt does not say which entry it is for")
            index = parse_decimal(lines.pop(0).removeprefix("index "), "the receipt's index")
            if len(lines) > MAX_PATH_HASHES:
                raise ProofError("the receipt has more hashes than any log has levels")
            path = tuple(decode_base64(line, "a hash in the receipt") for line in lines)
        except CheckpointError as error:
            raise ProofError(str(error)) from error
        if leaf is None:
            raise ProofError("the receipt does not carry the entry; pass the entry's bytes as well")
        if len(leaf) > MAX_ENTRY_BYTES:
            raise ProofError(f"the receipt's entry is longer than {MAX_ENTRY_BYTES} bytes")
        return cls(index, leaf, path, note)


def verify_receipt(receipt: Receipt, *, leaf: bytes, origin: str, verifier: Verifier) -> Checkpoint:
    """Check that `leaf` is in the log `origin`, and return the checkpoint that says so.

    1. The receipt is for exactly the bytes of `leaf`.
    2. The checkpoint is of this log and signed by its key.
    3. The path leads from the leaf to the signed root.

    Raises `ProofError` or `CheckpointError` with the reason.
    """
    # 1.
    if receipt.leaf != leaf:
        raise ProofError("the receipt is for another entry than the one in question")
    # 2.
    checkpoint = parse_and_verify(receipt.note, origin=origin, verifiers=(verifier,))
    # 3.
    merkle.verify_inclusion(
        index=receipt.index,
        size=checkpoint.size,
        leaf=merkle.leaf_hash(leaf),
        proof=receipt.path,
        root=checkpoint.root,
    )
    return checkpoint
