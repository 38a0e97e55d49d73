"""Private keys in a backup: one file, encrypted under a passphrase (scrypt, RFC 7914; AES-256-GCM).

Layout: 8 bytes "assaykb1", 16 bytes of salt, 12 bytes of nonce, ciphertext. Inside is a JSON object of base64 by file
name. The passphrase is all that protects it: make it a long one, and keep it elsewhere.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.errors import BackupError

NAME = "keys.box"
MAGIC = b"assaykb1"
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
COST, BLOCKS, PARALLEL = 1 << 17, 8, 1  # 128 MiB and about half a second for each guess
MIN_PASSPHRASE = 12  # characters


def seal_keys(keys: Path, passphrase: str) -> bytes:
    """Encrypt every file of the folder `keys`; raises `BackupError` for a short passphrase or a missing folder."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise BackupError(f"the passphrase of the keys has fewer than {MIN_PASSPHRASE} characters; choose a longer one")
    try:
        files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(keys.iterdir())}
    except OSError as error:
        raise BackupError(f"the keys in {keys} cannot be read ({error.strerror})") from error
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, json.dumps(files).encode(), MAGIC)
    return MAGIC + salt + nonce + sealed


def open_keys(box: bytes, passphrase: str, keys: Path) -> None:
    """Write the keys of a box into the folder `keys`, readable by their owner alone; raises `BackupError`."""
    salt, rest = box[len(MAGIC) :][:SALT_BYTES], box[len(MAGIC) + SALT_BYTES :]
    if not box.startswith(MAGIC) or len(rest) <= NONCE_BYTES:
        raise BackupError("the box of keys is none of ours; use another backup")
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], MAGIC)
    except InvalidTag as error:
        raise BackupError("the passphrase does not open the keys of this backup, or they were changed") from error
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in json.loads(plain).items():
        if Path(name).name != name:
            raise BackupError(f"the box of keys names {name!r}, which is no file name; do not trust it")
        descriptor = os.open(keys / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(content))
            file.flush()
            os.fsync(file.fileno())


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=COST, r=BLOCKS, p=PARALLEL).derive(passphrase.encode())
