"""The private key in the memory of this process, out of a PEM file that should be encrypted (no I/O here)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from synth.errors import CredentialsError
from synth.signing.key import HASHES, SignatureAlgorithm, algorithm_of, plain_signature, require_certificates


class FileKey:
    """Signs with a key of its own; obligations as for `ClaimKey`.

    `private_key_pem` is PKCS #8, encrypted when there is a `passphrase`. Raises `CredentialsError` when it cannot be
    opened, or is not the key of the chain's first certificate.
    """

    def __init__(
        self, *, certificate_chain_pem: bytes, private_key_pem: bytes, passphrase: bytes | None = None
    ) -> None:
        leaf = require_certificates(certificate_chain_pem, "certificate chain")[0]
        key = _open(private_key_pem, passphrase)
        encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if key.public_key().public_bytes(*encoding) != leaf.public_key().public_bytes(*encoding):
            raise CredentialsError(
                "the signing key does not belong to the first certificate of the chain; pair them again"
            )
        self._key = key
        self._chain = certificate_chain_pem
        self._algorithm = algorithm_of(key.public_key())

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and its intermediates."""
        return self._chain

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """How it signs."""
        return self._algorithm

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            signature = self._key.sign(data, ec.ECDSA(HASHES[self._algorithm]))
            return plain_signature(self._algorithm, signature)
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return self._key.sign(data)


def encrypt_key(private_key_pem: bytes, passphrase: bytes) -> bytes:
    """Return an unencrypted PEM key as encrypted PKCS #8 (PBES2: PBKDF2, AES-256-CBC); raises `CredentialsError`."""
    if not passphrase:
        raise CredentialsError("the passphrase is empty; choose one")
    key = _open(private_key_pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def decrypt_key(private_key_pem: bytes, passphrase: bytes | None) -> bytes:
    """Return a PEM key without encryption, whether it had one or not; raises `CredentialsError`."""
    if not is_encrypted(private_key_pem):
        return private_key_pem
    return _open(private_key_pem, passphrase).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def is_encrypted(private_key_pem: bytes) -> bool:
    """Tell whether a PEM key needs a passphrase."""
    return b"ENCRYPTED" in private_key_pem


def _open(
    private_key_pem: bytes, passphrase: bytes | None
) -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey:
    if is_encrypted(private_key_pem) and not passphrase:
        raise CredentialsError("the signing key is encrypted; set ASSAY_SIGNER_PASSPHRASE or its file")
    if not is_encrypted(private_key_pem) and passphrase:
        raise CredentialsError(
            "the signing key is not encrypted although a passphrase is set; run `assay keygen --encrypt-claim-signer`"
        )
    try:
        key = load_pem_private_key(private_key_pem, password=passphrase)
    except (ValueError, TypeError):
        # Without its cause: what a parser quotes could be part of the key.
        raise CredentialsError("the signing key is not a PEM key, or the passphrase is wrong; check both") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise CredentialsError("C2PA allows P-256, P-384, P-521, Ed25519 and RSA of 2048 bits or more; use another key")
    return key
