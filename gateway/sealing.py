"""Secrets that rows must hold as they are, sealed, so that a copy of the database alone gives none of them away.

AES-256-GCM (NIST SP 800-38D) under `keys/rows.key`, with a random 96-bit nonce: far below 2**32 messages under one key.
What a secret is for and whose it is are authenticated with it, so a sealed value that is moved to another row opens
nothing. The form is `sealed1.<key>.<nonce and ciphertext>`: the first 8 hex digits of the key's SHA-256 tell a lost key
from a damaged row, the rest is base64url without padding.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import KeyMaterialError

PREFIX = "sealed1"
SEALED = PREFIX + "."  # what every sealed value begins with
NONCE_BYTES = 12


class Seal:
    """Seals and opens; the key is read when it is needed, so that whoever needs none works without it."""

    def __init__(self, read_key: Callable[[], bytes]) -> None:
        """`read_key` returns 32 bytes or raises `KeyMaterialError`."""
        self._read_key = read_key

    def seal(self, secret: str, *, purpose: str, owner: str) -> str:
        """Return `secret` sealed for the row of `owner`; raises `KeyMaterialError` without the key."""
        key, nonce = self._read_key(), secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), _bound_to(purpose, owner))
        return f"{PREFIX}.{_name_of(key)}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, sealed: str, *, purpose: str, owner: str) -> str:
        """Return what was sealed for this purpose and row; raises `KeyMaterialError` for everything else."""
        key = self._read_key()
        version, _, rest = sealed.partition(".")
        name, _, content = rest.partition(".")
        if version != PREFIX:
            raise KeyMaterialError(f"a secret of {owner} is not sealed as this version does it; set it anew")
        if name != _name_of(key):
            raise KeyMaterialError(
                f"a secret of {owner} was sealed under the key {name}, and rows.key is {_name_of(key)}: restore that "
                "key file from a backup, or set the secret anew (`assay account reset NAME`, `assay webhook rotate ID`)"
            )
        try:
            octets = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
            opened = AESGCM(key).decrypt(octets[:NONCE_BYTES], octets[NONCE_BYTES:], _bound_to(purpose, owner))
            return opened.decode()
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise KeyMaterialError(f"a secret of {owner} was changed in the database; set it anew") from error


def is_sealed(value: str) -> bool:
    """True for a value in the form of `Seal.seal`."""
    return value.startswith(SEALED)


def _name_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]


def _bound_to(purpose: str, owner: str) -> bytes:
    return f"assay {purpose} of {owner}".encode()
