"""Witness cosignatures: what a witness signs about a checkpoint, and when (C2SP tlog-cosignature v1, Ed25519; pure).

A cosignature says: at this time, this was the largest tree of this log that I have seen, and it only added to the ones
before. It is a signature line of the checkpoint's note, with a key of type 0x04 and the time in front of the signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.errors import CheckpointError
from audit.note import LogKey, Signature, Verifier, split_note

COSIGNATURE_TYPE = b"\x04"  # signature type byte of a timestamped Ed25519 cosignature
TIME_BYTES = 8
SIGNATURE_BYTES = 64
MAX_TIME = 2**63 - 1  # seconds since 1970, by the format


class CosignatureVerifier(Verifier):
    """The public key of a witness, type 0x04."""

    __slots__ = ()

    signature_type: ClassVar[bytes] = COSIGNATURE_TYPE

    def verify(self, text: str, signature: bytes) -> None:
        """Check a cosignature over the text of a checkpoint; raises `CheckpointError`."""
        moment = signed_time(signature)
        if moment == 0:
            raise CheckpointError(f"the cosignature of {self.name!r} has no time")
        try:
            public = Ed25519PublicKey.from_public_bytes(self.public_key)
            public.verify(signature[TIME_BYTES:], _message(text, moment))
        except InvalidSignature as error:
            raise CheckpointError(
                f"the cosignature of {self.name!r} does not fit checkpoint and time: one was changed"
            ) from error


def witness_verifier(key: LogKey, name: str) -> CosignatureVerifier:
    """Return the public half of a witness's key under `name`."""
    public = key.private_key.public_key()
    return CosignatureVerifier(name, public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def cosign(text: str, *, name: str, key: LogKey, at: int) -> Signature:
    """Sign the text of a checkpoint as the witness `name` at `at` seconds since 1970; raises `CheckpointError`.

    Only `audit.witness_store` should call this in production: it knows what has been cosigned before.
    """
    if not 0 < at <= MAX_TIME:
        raise CheckpointError(f"a cosignature cannot be made at {at} seconds since 1970; set the clock")
    signature = key.private_key.sign(_message(text, at))
    return Signature(name, witness_verifier(key, name).key_id, at.to_bytes(TIME_BYTES, "big") + signature)


def signed_time(signature: bytes) -> int:
    """Return the seconds since 1970 that a cosignature carries; raises `CheckpointError` if it is malformed."""
    if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
        raise CheckpointError(f"a cosignature has {TIME_BYTES + SIGNATURE_BYTES} bytes, not {len(signature)}")
    moment = int.from_bytes(signature[:TIME_BYTES], "big")
    if moment > MAX_TIME:
        raise CheckpointError("the time of a cosignature is beyond what the format allows")
    return moment


def cosigned_at(signature: Signature) -> datetime:
    """Return the time of a cosignature as an aware datetime; raises `CheckpointError` if no calendar has it."""
    try:
        return datetime.fromtimestamp(signed_time(signature.signature), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CheckpointError(f"the cosignature of {signature.name!r} bears a time beyond the year 9999") from error


def add_signatures(note: str, signatures: Sequence[Signature]) -> str:
    """Return the note with further signature lines; a key's line that is there already stays as it is."""
    text, present = split_note(note)
    held = {(one.name, one.key_id) for one in present}
    added = [one for one in signatures if (one.name, one.key_id) not in held]
    return f"{text}\n" + "".join(one.line for one in (*present, *added))


def _message(text: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()
