"""C2SP signed notes with Ed25519: the log's key, verifier keys, and notes written and read (C2SP signed-note v1.0.0).

A note is text, an empty line, and signature lines `— <key name> <base64 of key ID and signature>`. Signatures of keys
that the reader does not know are ignored; a bad signature of a key that the reader knows spoils the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import CheckpointError, LogKeyError

ED25519_TYPE = b"\x01"  # signature type byte of a plain Ed25519 note signature
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
MAX_NOTE_CHARACTERS = 256 * 1024  # sixteen witnesses with post-quantum signatures stay far below
MAX_SIGNATURES = 64  # the format asks for at least 16
MAX_KEY_FILE_BYTES = 16 * 1024  # a PEM Ed25519 key has about 120 bytes
_SIGNATURE_PREFIX = "— "


def decode_base64(encoded: str, what: str) -> bytes:
    """Decode standard base64 in its one canonical spelling; raises `CheckpointError` naming `what`.

    Python ignores stray trailing bits, which would let a byte of a signed file change unnoticed.
    """
    try:
        decoded = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise CheckpointError(f"{what} is not base64") from error
    if encode_base64(decoded) != encoded:
        raise CheckpointError(f"{what} is not canonical base64")
    return decoded


def encode_base64(raw: bytes) -> str:
    """Return standard padded base64."""
    return base64.b64encode(raw).decode("ascii")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under the name it signs with; the name of a log's key is the log's origin."""

    signature_type: ClassVar[bytes] = ED25519_TYPE

    name: str
    public_key: bytes = field(repr=False)  # 32 bytes, RFC 8032

    def __post_init__(self) -> None:
        """Refuse names and keys that no note could carry."""
        if not self.name or "+" in self.name or any(c.isspace() or not c.isprintable() for c in self.name):
            raise CheckpointError(f"{self.name!r} cannot name a key: it must have no space, no '+', and not be empty")
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise CheckpointError(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, not {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; not a fingerprint to trust a key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed_key).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as one line of text: name, key ID in hex, base64 of type and key, joined by '+'."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._typed_key)}"

    @property
    def _typed_key(self) -> bytes:
        return self.signature_type + self.public_key

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a `vkey` line; raises `CheckpointError` if it is malformed or a key of another type."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3:
            raise CheckpointError("a verifier key has the form name+keyid+base64; this text has not")
        name, key_id, encoded = parts
        typed = decode_base64(encoded, "the verifier key")
        if typed[:1] != cls.signature_type:
            raise CheckpointError(
                f"the verifier key of {name!r} has type 0x{typed[:1].hex()}, but 0x{cls.signature_type.hex()} is "
                "needed here: 0x01 is the key of a log, 0x04 that of a witness"
            )
        verifier = cls(name, typed[1:])
        if key_id != verifier.key_id.hex():
            raise CheckpointError(f"the verifier key of {name!r} does not match its own key ID; copy it again")
        return verifier

    def verify(self, text: str, signature: bytes) -> None:
        """Check a 64-byte signature over `text`; raises `CheckpointError`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except InvalidSignature as error:
            raise CheckpointError(f"the signature of {self.name!r} does not fit the text: it was changed") from error


@dataclass(frozen=True, slots=True)
class LogKey:
    """The log's private Ed25519 key; whoever holds it can sign another history."""

    private_key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> LogKey:
        """Make a new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> LogKey:
        """Build the key of a 32-byte RFC 8032 seed."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(seed))
        except ValueError as error:
            raise LogKeyError("an Ed25519 seed has 32 bytes") from error

    @classmethod
    def load(cls, path: Path) -> LogKey:
        """Read an unencrypted PEM (PKCS #8) key that only its owner may read, as `save` and OpenSSL write it.

        Raises `LogKeyError` if the file is missing, readable by others, or not such a key.
        """
        try:
            # Not following the name twice: mode and content are taken from the one file that was opened.
            with path.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                content = opened.read(MAX_KEY_FILE_BYTES)
        except OSError as error:
            raise LogKeyError(f"log key {path} cannot be read ({error.strerror}); create one with keygen") from error
        if stat.S_IMODE(mode) & 0o077:
            raise LogKeyError(f"log key {path} may be read by others (mode {stat.S_IMODE(mode):04o}); chmod 600 it")
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise LogKeyError(f"log key {path} is not an unencrypted PEM private key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise LogKeyError(f"log key {path} is not an Ed25519 key")
        return cls(key)

    def save(self, path: Path) -> None:
        """Write the key as PEM with mode 0600, durably; refuses to replace a file. Raises `LogKeyError`."""
        pem = self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as created:
                created.write(pem)
                created.flush()
                os.fsync(created.fileno())
        except OSError as error:
            raise LogKeyError(
                f"log key {path} cannot be written ({error.strerror}); keys are never replaced"
            ) from error

    def verifier(self, name: str) -> Verifier:
        """Return the public half under `name`."""
        public = self.private_key.public_key()
        return Verifier(name, public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note, unverified."""

    name: str
    key_id: bytes
    signature: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The line, with its newline, exactly as notes carry it."""
        return f"{_SIGNATURE_PREFIX}{self.name} {encode_base64(self.key_id + self.signature)}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read a line without its newline; raises `CheckpointError`."""
        name, separator, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
        if not line.startswith(_SIGNATURE_PREFIX) or not separator or not name or "+" in name:
            raise CheckpointError("a signature line of the note is malformed")
        blob = decode_base64(encoded, "a signature of the note")
        if len(blob) <= KEY_ID_BYTES:
            raise CheckpointError("a signature of the note is too short")
        return cls(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def sign_note(text: str, *, name: str, key: LogKey) -> str:
    """Return `text` as a note with one signature by `key` under `name`."""
    _require_text(text)
    signature = key.private_key.sign(text.encode())
    return f"{text}\n{Signature(name, key.verifier(name).key_id, signature).line}"


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, tuple[Verifier, ...]]:
    """Return the text of a note and those of `verifiers` that signed it, at least one.

    Raises `CheckpointError` if the note is malformed, if a known key's signature is bad, or if no known key signed.
    """
    if not verifiers:
        raise CheckpointError("no verifier keys were given; without a key nothing can be verified")
    text, signatures = split_note(note)
    signed = signers(text, signatures, verifiers)
    if not signed:
        names = ", ".join(sorted({verifier.name for verifier in verifiers}))
        raise CheckpointError(f"the note has no signature by an expected key ({names})")
    return text, signed


def signers(text: str, signatures: Sequence[Signature], verifiers: Sequence[Verifier]) -> tuple[Verifier, ...]:
    """Return those of `verifiers` that signed `text`, each once; unknown keys are ignored.

    Raises `CheckpointError` if the signature of a known key is bad: that spoils the whole note.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed: list[Verifier] = []
    for one in signatures:
        verifier = known.get((one.name, one.key_id))
        if verifier is None:
            continue
        verifier.verify(text, one.signature)
        if verifier not in signed:
            signed.append(verifier)
    return tuple(signed)


def split_note(note: str) -> tuple[str, tuple[Signature, ...]]:
    """Return the text of a note and its signatures, unverified; raises `CheckpointError` if it is malformed."""
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CheckpointError(f"the note is longer than {MAX_NOTE_CHARACTERS} characters")
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise CheckpointError("the note has no signatures after an empty line")
    text = head + "\n"
    _require_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise CheckpointError(f"the note has more than {MAX_SIGNATURES} signatures")
    return text, tuple(Signature.parse(line) for line in lines)


def _require_text(text: str) -> None:
    if not text.endswith("\n"):
        raise CheckpointError("the text of a note must end with a newline")
    if any(character < " " and character != "\n" for character in text):
        raise CheckpointError("the text of a note must not hold control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CheckpointError("the text of a note must be valid Unicode") from error
