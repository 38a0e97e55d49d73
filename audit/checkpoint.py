"""C2SP checkpoints: the signed size and root of a log (C2SP tlog-checkpoint v1.0.0; pure).

The text is three lines, origin, size and base64 root, and nothing else; the key that signs it carries the origin as
its name. A log must never sign two checkpoints that contradict each other: `audit.log` sees to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.errors import CheckpointError
from audit.merkle import EMPTY_ROOT, HASH_BYTES
from audit.note import ED25519_TYPE, LogKey, Verifier, decode_base64, encode_base64, open_note, sign_note

__all__ = ["Checkpoint", "LogKey", "Verifier", "parse_and_verify", "parse_decimal", "sign_checkpoint"]

MAX_SIZE = 2**63 - 1  # what a signed 64-bit database column holds


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified statement by the log: its first `size` entries have this `root`."""

    origin: str
    size: int
    root: bytes  # 32 bytes
    note: str  # the signed note, verbatim, as published


def sign_checkpoint(*, origin: str, size: int, root: bytes, key: LogKey) -> Checkpoint:
    """Sign `size` and `root` under `origin`.

    Only `audit.log.Log.seal` should call this in production: it knows what has been signed before.
    """
    _require_sound(size, root)
    note = sign_note(f"{origin}\n{size}\n{encode_base64(root)}\n", name=origin, key=key)
    return Checkpoint(origin, size, root, note)


def parse_and_verify(note: str, *, origin: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Read a checkpoint of the log `origin` that one of the log's own keys in `verifiers` has signed.

    1. The note is well formed and every known signature is good.
    2. At least one signature is by a key whose name is the origin: a witness alone cannot speak for the log.
    3. The text is exactly origin, size and root, in their one canonical spelling.

    Raises `CheckpointError` with the reason.
    """
    # 1.
    text, signed = open_note(note, verifiers)
    # 2.
    if not any(verifier.name == origin and verifier.signature_type == ED25519_TYPE for verifier in signed):
        raise CheckpointError(f"the checkpoint is not signed by the log {origin!r} itself")
    # 3.
    lines = text.split("\n")
    if len(lines) != 4:
        raise CheckpointError("a checkpoint has three lines: origin, size and root")
    if lines[0] != origin:
        raise CheckpointError(f"the checkpoint is of the log {lines[0]!r}, not of {origin!r}")
    size = parse_decimal(lines[1], "the checkpoint's size")
    root = decode_base64(lines[2], "the checkpoint's root")
    _require_sound(size, root)
    return Checkpoint(origin, size, root, note)


def parse_decimal(text: str, what: str) -> int:
    """Read an ASCII decimal without sign or leading zeros, at most `MAX_SIZE`; raises `CheckpointError`."""
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0") or len(text) > len(str(MAX_SIZE)):
        raise CheckpointError(f"{what} is not a decimal number in its shortest form")
    return int(text)


def _require_sound(size: int, root: bytes) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise CheckpointError(f"a log cannot have {size} entries")
    if len(root) != HASH_BYTES:
        raise CheckpointError(f"a root has {HASH_BYTES} bytes, not {len(root)}")
    if size == 0 and root != EMPTY_ROOT:
        raise CheckpointError("a log without entries has the empty root, not another one")
