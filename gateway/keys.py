"""Key files: made once, never overwritten, and refused when anyone else could read them.

| file | what it is | who needs it |
|---|---|---|
| `log.key` | Ed25519 key that signs checkpoints | gateway, worker |
| `log.vkey` | verifier key of the log | everybody; public |
| `watermark.key` | 32 random bytes as hex: the secret of the keyed mark | gateway, worker |
| `watermark-<epoch>.key` | secrets that came before it: they mark nothing, but their marks are still read | gateway |
| `protected-texts.key` | 32 random bytes as hex: keys the hashes of protected texts; made with the first | worker |
| `claim-signer.key`, `claim-chain.pem` | ES256 key of the C2PA leaf; leaf and issuing CA | worker |
| `claim-issuer.key`, `claim-issuer.pem` | development CA, renews the leaf under the same root | `assay keygen` |
| `claim-root.pem` | trust anchor that verifiers load | everybody; public |
| `rows.key` | 32 random bytes as hex: seals secrets in rows, such as those of sign-in codes | gateway, worker |
| `report.key` | Ed25519 key that signs verification reports, and nothing else; made with the first | gateway |
| `report.jwk` | its public half | everybody; public |

The development root's own key is not kept. Production brings its own certificate in the same files.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit.checkpoint import LogKey
from gateway.errors import KeyMaterialError
from synth.pki import Credential, DevelopmentChain, expires_at, issue_development_chain, renew_leaf
from synth.signing.filekey import decrypt_key, encrypt_key, is_encrypted

PRIVATE_MODE = 0o600
WATERMARK_KEY_BYTES = 32
CURRENT_WATERMARK = "watermark.key"
PROTECTED_TEXTS = "protected-texts.key"
REPORTS = "report.key"
ROWS = "rows.key"
RETIRED_PATTERN = "watermark-*.key"
MOST_WATERMARK_KEYS = 16  # every one costs the reader a pass over the sound, and a share of what may match by chance


@dataclass(frozen=True, slots=True)
class Rotation:
    """A change of the watermark key."""

    epoch: str  # of the key that marks from now on
    retired: str  # epoch of the key that is only read


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the key files of one installation lie."""

    folder: Path

    def path(self, name: str) -> Path:
        """Path of one key file."""
        return self.folder / name

    def private(self, name: str) -> bytes:
        """Read a private file; raises `KeyMaterialError` when it is missing, unreadable or open to others."""
        path = self.path(name)
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise KeyMaterialError(f"key file {path} is missing; run `assay keygen` or restore it") from error
        except OSError as error:
            raise KeyMaterialError(f"key file {path} cannot be read ({error.strerror}); check its owner") from error
        if stat.S_IMODE(mode) & 0o077:
            raise KeyMaterialError(f"key file {path} can be read by others; run: chmod 600 {path}")
        return content

    def public(self, name: str) -> bytes:
        """Read a public file; raises `KeyMaterialError` when it is missing or unreadable."""
        path = self.path(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise KeyMaterialError(f"{path} cannot be read ({error.strerror}); run `assay keygen`") from error

    def log_key(self) -> LogKey:
        """The key that signs the log's checkpoints; raises `LogKeyError`."""
        return LogKey.load(self.path("log.key"))

    def watermark_keys(self) -> tuple[bytes, ...]:
        """The 32-byte secrets of the keyed mark: the current one, then the retired ones in the order of their names.

        A retired file that cannot be read is an error, not a key less: its episodes would no longer be found.
        """
        retired = sorted(path.name for path in self.folder.glob(RETIRED_PATTERN))
        keys = [self._secret(name) for name in (CURRENT_WATERMARK, *retired)]
        return tuple(dict.fromkeys(keys))  # a rotation that was cut off leaves the current key under both names

    def protected_texts_key(self) -> bytes:
        """The 32 bytes that key the hashes of protected texts; raises `KeyMaterialError` when missing or damaged."""
        return self._secret(PROTECTED_TEXTS)

    def rows_key(self) -> bytes:
        """The 32 bytes that seal secrets in rows; raises `KeyMaterialError` when missing or damaged."""
        return self._secret(ROWS)

    def _secret(self, name: str) -> bytes:
        try:
            key = bytes.fromhex(self.private(name).decode("ascii").strip())
        except ValueError as error:
            raise KeyMaterialError(f"{self.path(name)} is not hexadecimal; restore it") from error
        if len(key) != WATERMARK_KEY_BYTES:
            raise KeyMaterialError(f"{self.path(name)} holds {len(key)} bytes instead of 32; restore it")
        return key


def make_protected_texts_key(files: KeyFiles) -> bytes:
    """Make that key where there is none yet, and return it."""
    if not files.path(PROTECTED_TEXTS).exists():
        _make_folder(files.folder)
        store_private(files.path(PROTECTED_TEXTS), _new_secret())
    return files.protected_texts_key()


def make_rows_key(files: KeyFiles) -> None:
    """Make that key where there is none yet; call it only where nothing is sealed under another."""
    if not files.path(ROWS).exists():
        _make_folder(files.folder)
        with suppress(KeyMaterialError):  # another process made it meanwhile; what is wrong otherwise, reading it says
            store_private(files.path(ROWS), _new_secret())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyMaterialError(f"cannot make {folder} ({error.strerror}); set ASSAY_HOME") from error


def make_report_key(files: KeyFiles) -> bytes:
    """Make the key that signs reports where there is none yet, and return it as PEM; its public half lies beside it."""
    if not files.path(REPORTS).exists():
        with suppress(OSError):  # safe to ignore: writing the key says what is wrong
            files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with suppress(KeyMaterialError):  # another process made it meanwhile; what is wrong otherwise, reading it says
            store_private(files.path(REPORTS), pem)
    return files.private(REPORTS)


def publish_report_key(files: KeyFiles, jwk: dict[str, str]) -> None:
    """Write the public half of the key that signs reports beside it, where it is not there yet."""
    with suppress(KeyMaterialError):  # safe to ignore: only `assay verify-report` without `--key` needs the file
        _write_public(files, "report.jwk", (json.dumps(jwk) + "\n").encode(), [])


def generate_keys(
    files: KeyFiles, *, log_origin: str, organisation: str, at: datetime, passphrase: bytes | None = None
) -> list[str]:
    """Make every key file that is missing and return the names of those made; existing files are never touched.

    With a `passphrase` the claim signer's and its authority's keys are encrypted.
    """
    try:
        # The folder around the keys holds unpublished scripts, so a new one is its owner's alone as well.
        files.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeyMaterialError(f"cannot make {files.folder} ({error.strerror}); set ASSAY_HOME") from error
    made: list[str] = []
    if not files.path("log.key").exists():
        LogKey.generate().save(files.path("log.key"))
        made.append("log.key")
    _write_public(files, "log.vkey", (files.log_key().verifier(log_origin).vkey + "\n").encode(), made)
    if not files.path(CURRENT_WATERMARK).exists():
        _write(files, CURRENT_WATERMARK, _new_secret(), made)
    if not files.path(ROWS).exists():
        _write(files, ROWS, _new_secret(), made)
    if not files.path("claim-signer.key").exists():
        chain = issue_development_chain(at=at, organisation=organisation)
        _write(files, "claim-issuer.key", _protected(chain.issuing.private_key_pem, passphrase), made)
        _write_public(files, "claim-issuer.pem", chain.issuing.certificate_pem, made)
        _write_public(files, "claim-root.pem", chain.root_certificate_pem, made)
        _write_public(files, "claim-chain.pem", chain.certificate_chain_pem, made)
        _write(files, "claim-signer.key", _protected(chain.leaf.private_key_pem, passphrase), made)
    return made


def watermark_epoch(key: bytes) -> str:
    """Return the 16 hex digits that name a watermark key without revealing it; mark versions end in them."""
    from synth.keyed.key import derive_keys  # numpy, which most commands do without

    return derive_keys(key).epoch


def rotate_watermark(files: KeyFiles) -> Rotation:
    """Begin a new epoch of the keyed mark: the current key is retired but kept, and a fresh one takes its place.

    1. The current key gets its second name, `watermark-<epoch>.key`. If we crash here, nothing has changed.
    2. A new key replaces `watermark.key`, in one step.
    """
    keys = files.watermark_keys()
    if len(keys) >= MOST_WATERMARK_KEYS:
        raise KeyMaterialError(
            f"there are {len(keys)} watermark keys already, and each one slows every verification; move the oldest "
            f"{RETIRED_PATTERN} out of {files.folder}, and with it what it can find"
        )
    epoch = watermark_epoch(keys[0])
    retired = files.path(f"watermark-{epoch}.key")
    # 1.
    try:
        os.link(files.path(CURRENT_WATERMARK), retired)
    except FileExistsError:
        pass  # safe to ignore because an earlier rotation got so far: the name holds the digest of what it names
    except OSError as error:
        raise KeyMaterialError(f"cannot retire the watermark key as {retired}: {error.strerror}") from error
    # 2.
    fresh = _new_secret()
    _replace(files.path(CURRENT_WATERMARK), fresh, PRIVATE_MODE)
    return Rotation(epoch=watermark_epoch(bytes.fromhex(fresh.decode())), retired=epoch)


def renew_claim_signer(files: KeyFiles, *, at: datetime, passphrase: bytes | None = None) -> datetime:
    """Replace the development leaf by a fresh one under the same root; returns when the new one expires."""
    authority = decrypt_key(files.private("claim-issuer.key"), passphrase)
    issuing = Credential(files.public("claim-issuer.pem"), authority)
    old = Credential(files.public("claim-chain.pem"), b"")
    chain = renew_leaf(DevelopmentChain(files.public("claim-root.pem"), issuing, old), at=at)
    # A crash between the two renames leaves a key that does not fit its certificate: signing refuses, and running
    # the renewal again mends it.
    _replace(files.path("claim-signer.key"), _protected(chain.leaf.private_key_pem, passphrase), PRIVATE_MODE)
    _replace(files.path("claim-chain.pem"), chain.certificate_chain_pem, 0o644)
    return expires_at(chain.certificate_chain_pem)


def encrypt_claim_keys(files: KeyFiles, passphrase: bytes) -> list[str]:
    """Encrypt the key files of the claim signer and its authority that are not; returns their names."""
    changed = []
    for name in ("claim-signer.key", "claim-issuer.key"):
        if not files.path(name).exists():
            continue  # safe to ignore because an installation with a bought certificate has no authority of its own
        key = files.private(name)
        if not is_encrypted(key):
            _replace(files.path(name), encrypt_key(key, passphrase), PRIVATE_MODE)
            changed.append(name)
    return changed


def _protected(private_key_pem: bytes, passphrase: bytes | None) -> bytes:
    return encrypt_key(private_key_pem, passphrase) if passphrase else private_key_pem


def store_private(path: Path, content: bytes) -> None:
    """Write a new private file, mode 0600, durably; an existing one is an error."""
    _create(path, content, PRIVATE_MODE)


def replace_private(path: Path, content: bytes) -> None:
    """Write a private file, mode 0600, durably and in one step, over the one that is there."""
    _replace(path, content, PRIVATE_MODE)


def _new_secret() -> bytes:
    return (secrets.token_hex(WATERMARK_KEY_BYTES) + "\n").encode()


def _write(files: KeyFiles, name: str, content: bytes, made: list[str]) -> None:
    _create(files.path(name), content, PRIVATE_MODE)
    made.append(name)


def _write_public(files: KeyFiles, name: str, content: bytes, made: list[str]) -> None:
    if not files.path(name).exists():
        _create(files.path(name), content, 0o644)
        made.append(name)


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that is never visible half written; an existing one is an error, keys are not overwritten."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _store(temporary, content, mode)
        os.link(temporary, path)
    except OSError as error:
        reason = "it exists already" if error.errno == errno.EEXIST else error.strerror
        raise KeyMaterialError(f"cannot write key file {path}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _replace(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _store(temporary, content, mode)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise KeyMaterialError(f"cannot replace key file {path}: {error.strerror}") from error


def _store(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_secret_line(path: Path) -> str:
    """Return the first line of a private file; refuses one that others can read. Raises `KeyMaterialError`."""
    line = KeyFiles(path.parent).private(path.name).split(b"\n", 1)[0].rstrip(b"\r")
    if not line:
        raise KeyMaterialError(f"{path} is empty; write the secret into its first line")
    return line.decode()
