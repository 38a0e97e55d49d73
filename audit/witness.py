"""What a witness accepts, and how it refuses (C2SP tlog-witness v1.0.0; pure).

A witness remembers one thing per log: the largest checkpoint that it has cosigned. It cosigns another only if that one
provably adds to it. So a log that shows two histories, or takes one back, needs every witness of the quorum to lie.

`Submission.parse` and `Witnessed.examine` need no memory; `follow` compares with it and must run where nobody else can
change it in between (`audit.witness_store`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from audit import merkle
from audit.checkpoint import parse_decimal
from audit.errors import CheckpointError, ProofError, WitnessRefusalError
from audit.merkle import EMPTY_ROOT, HASH_BYTES
from audit.note import MAX_NOTE_CHARACTERS, Signature, Verifier, decode_base64, encode_base64, signers, split_note

MAX_PROOF_HASHES = 63
MAX_BODY_BYTES = MAX_NOTE_CHARACTERS + 64 * 64  # a note and its proof; more is no request
SIZE_MEDIA_TYPE = "text/x.tlog.size"
NOTE_MEDIA_TYPE = "text/plain; charset=utf-8"


class Refusal(IntEnum):
    """Why a witness does not cosign: the HTTP status that the protocol gives each reason."""

    MALFORMED = 400  # not a request, or the old size is larger than the checkpoint
    UNTRUSTED = 403  # not signed by the log's key
    UNKNOWN_LOG = 404  # no log of this origin is witnessed here
    STALE = 409  # the old size is not what was cosigned last; the answer says what was
    INCONSISTENT = 422  # the checkpoint does not add to what was cosigned: the log has been changed


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a witness remembers of a log."""

    size: int
    root: bytes  # 32 bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of `add-checkpoint`: a checkpoint, and the proof that it adds to one of `old` entries; unverified."""

    old: int
    proof: tuple[bytes, ...]
    origin: str
    head: TreeHead
    text: str  # of the checkpoint; what is signed
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a request; raises `WitnessRefusalError` (400)."""
        try:
            return cls._parse(body)
        except (CheckpointError, UnicodeDecodeError) as error:
            raise refuse(Refusal.MALFORMED, str(error)) from error

    @classmethod
    def _parse(cls, body: bytes) -> Submission:
        if len(body) > MAX_BODY_BYTES:
            raise CheckpointError(f"a request has at most {MAX_BODY_BYTES} bytes")
        proof, separator, note = body.decode().partition("\n\n")
        lines = proof.split("\n")
        first = lines.pop(0)
        if not separator or not first.startswith("old "):
            raise CheckpointError("a request has an old size line, proof lines, an empty line and a checkpoint")
        if len(lines) > MAX_PROOF_HASHES:
            raise CheckpointError(f"a consistency proof has at most {MAX_PROOF_HASHES} hashes")
        old = parse_decimal(first.removeprefix("old "), "the old size")
        hashes = tuple(decode_base64(line, "a hash of the proof") for line in lines)
        if any(len(one) != HASH_BYTES for one in hashes):
            raise CheckpointError(f"a hash of the proof has {HASH_BYTES} bytes")
        text, signatures = split_note(note)
        origin, head = read_checkpoint_text(text)
        return cls(old, hashes, origin, head, text, signatures)

    def body(self) -> bytes:
        """Return the request's bytes."""
        proof = "".join(f"{encode_base64(one)}\n" for one in self.proof)
        return f"old {self.old}\n{proof}\n{self.note()}".encode()

    def note(self) -> str:
        """Return the checkpoint as a note."""
        return f"{self.text}\n" + "".join(one.line for one in self.signatures)


@dataclass(frozen=True, slots=True)
class Trusted:
    """A submission that a log's own key has signed; `signatures` are those of its known keys only."""

    submission: Submission
    signatures: tuple[Signature, ...]


def examine(submission: Submission, logs: Mapping[str, Sequence[Verifier]]) -> Trusted:
    """Check what needs no memory: a log that is witnessed here, its signature, and a possible old size.

    `logs` has the keys of every witnessed log under its origin. Raises `WitnessRefusalError` (404, 403, 400).
    """
    known = logs.get(submission.origin)
    if not known:
        raise refuse(Refusal.UNKNOWN_LOG, "this witness does not know the log")
    try:
        signed = signers(submission.text, submission.signatures, known)
    except CheckpointError as error:
        raise refuse(Refusal.UNTRUSTED, str(error)) from error
    if not signed:
        raise refuse(Refusal.UNTRUSTED, "no known key of the log signed the checkpoint")
    if submission.old > submission.head.size:
        raise refuse(Refusal.MALFORMED, "the old size is larger than the checkpoint")
    names = {(verifier.name, verifier.key_id) for verifier in signed}
    return Trusted(submission, tuple(one for one in submission.signatures if (one.name, one.key_id) in names))


def follow(submission: Submission, latest: TreeHead | None) -> TreeHead:
    """Return what to remember if `submission` adds to `latest`, the last that was cosigned (None: nothing yet).

    1. The old size is the size that was cosigned last (409).
    2. A log without entries has the empty root (422).
    3. From nothing, no proof; otherwise a proof of consistency; of one size, one root (422).

    Raises `WitnessRefusalError`.
    """
    # 1.
    known = latest or TreeHead(0, EMPTY_ROOT)
    if submission.old != known.size:
        raise WitnessRefusalError(
            f"the witness has cosigned {known.size} entries, not {submission.old}",
            status=Refusal.STALE,
            body=f"{known.size}\n",
            media_type=SIZE_MEDIA_TYPE,
        )
    # 2.
    head = submission.head
    if head.size == 0 and head.root != EMPTY_ROOT:
        raise refuse(Refusal.INCONSISTENT, "a log without entries has the empty root")
    # 3.
    if known.size == 0:
        if submission.proof:
            raise refuse(Refusal.INCONSISTENT, "from an empty tree there is nothing to prove; send no proof")
        return head
    try:
        merkle.verify_consistency(
            old_size=known.size, new_size=head.size, old_root=known.root, new_root=head.root, proof=submission.proof
        )
    except ProofError as error:
        raise refuse(Refusal.INCONSISTENT, str(error)) from error
    return head


def read_checkpoint_text(text: str) -> tuple[str, TreeHead]:
    """Read origin, size and root of any C2SP checkpoint; lines after them are the log's own affair.

    Raises `CheckpointError`.
    """
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise CheckpointError("a checkpoint has an origin, a size and a root, and no empty line")
    size = parse_decimal(lines[1], "the checkpoint's size")
    root = decode_base64(lines[2], "the checkpoint's root")
    if len(root) != HASH_BYTES:
        raise CheckpointError(f"a root has {HASH_BYTES} bytes, not {len(root)}")
    return lines[0], TreeHead(size, root)


def origin_hash(origin: str) -> str:
    """Return the name under which a witness serves the checkpoint of a log: SHA-256 of the origin, in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


def refuse(status: Refusal, reason: str) -> WitnessRefusalError:
    """Return the refusal with its reason as plain text."""
    return WitnessRefusalError(reason, status=status, body=reason + "\n", media_type=NOTE_MEDIA_TYPE)
