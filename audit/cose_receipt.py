"""COSE receipts: the same inclusion proof in CBOR, for tools of the SCITT family (RFC 9942, RFC 9052; pure).

A COSE_Sign1 whose payload, the root, is detached: the reader computes it from the entry and the proof, and checks the
log's signature over it. So a changed entry, index, size or hash shows as a bad signature. Witnesses have no place in
this format; the `.tlog-proof` of the same entry carries them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit import merkle
from audit.checkpoint import Verifier
from audit.errors import ProofError
from audit.note import LogKey
from audit.receipt import MAX_PATH_HASHES, Receipt, verify_receipt

MEDIA_TYPE = 'application/cose; cose-type="cose-sign1"'
MAX_COSE_BYTES = 65_536  # 63 hashes and a signature have about 2,300

_COSE_SIGN1 = 18  # CBOR tag
_ALGORITHM, _EDDSA = 1, -8
_DATA_STRUCTURE, _RFC9162_SHA256 = 395, 1
_PROOFS, _INCLUSION = 396, -1
_UNREADABLE = (cbor2.CBORError, EOFError, MemoryError, RecursionError, OverflowError)  # what the parser raises ...
_UNEXPECTED = (ValueError, TypeError, KeyError, AttributeError)  # ... and what taking its result apart does
_PROTECTED = cbor2.dumps({_ALGORITHM: _EDDSA, _DATA_STRUCTURE: _RFC9162_SHA256})


@dataclass(frozen=True, slots=True)
class Included:
    """What a COSE receipt proves of an entry: its place, and the size of the signed tree."""

    index: int
    size: int


def sign_cose_receipt(receipt: Receipt, *, origin: str, key: LogKey) -> bytes:
    """Return `receipt` as a COSE receipt signed by the log's `key`.

    Signs only a root that the log has signed before: the receipt is verified first. Raises `ProofError` or
    `CheckpointError`.
    """
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=origin, verifier=key.verifier(origin))
    return _encode(checkpoint.size, receipt.index, receipt.path, key.private_key.sign(_to_be_signed(checkpoint.root)))


def verify_cose_receipt(encoded: bytes, *, leaf: bytes, verifier: Verifier) -> Included:
    """Check that `leaf` is in the log whose key is `verifier`; raises `ProofError` with the reason.

    1. A COSE_Sign1 with our one algorithm and data structure, one inclusion proof and a detached payload.
    2. Entry and proof give a root.
    3. The log's key signed that root.
    """
    # 1.
    if len(encoded) > MAX_COSE_BYTES:
        raise ProofError(f"a COSE receipt has at most {MAX_COSE_BYTES} bytes")
    try:
        tag = cbor2.loads(encoded)
        _, unprotected, _, signature = tag.value
        (proof,) = unprotected[_PROOFS][_INCLUSION]
        size, index, path = cbor2.loads(proof)
        again = _encode(size, index, path, signature)
    except (*_UNREADABLE, *_UNEXPECTED) as error:
        raise ProofError(f"this is not a COSE receipt: {type(error).__name__}") from error
    if again != encoded:
        # One spelling only, so that no byte of a receipt can change unnoticed.
        raise ProofError("the COSE receipt is not of the kind that this log signs (EdDSA, RFC 9162 SHA-256, detached)")
    numbers = all(isinstance(one, int) and not isinstance(one, bool) for one in (size, index))
    if not numbers or len(path) > MAX_PATH_HASHES or not all(isinstance(one, bytes) for one in (*path, signature)):
        raise ProofError("the COSE receipt's proof or signature cannot be one")
    # 2.
    root = merkle.inclusion_root(index=index, size=size, leaf=merkle.leaf_hash(leaf), proof=tuple(path))
    # 3.
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public_key).verify(signature, _to_be_signed(root))
    except InvalidSignature as error:
        raise ProofError(
            "the log's key did not sign the root that entry and proof give: one of them was changed"
        ) from error
    return Included(index, size)


def _encode(size: int, index: int, path: Sequence[bytes], signature: bytes) -> bytes:
    proof = cbor2.dumps([size, index, list(path)])
    return cbor2.dumps(cbor2.CBORTag(_COSE_SIGN1, [_PROTECTED, {_PROOFS: {_INCLUSION: [proof]}}, None, signature]))


def _to_be_signed(root: bytes) -> bytes:
    return cbor2.dumps(["Signature1", _PROTECTED, b"", root])
