"""The port behind which a claim signer's private key lies, and what every implementation shares (no I/O)."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from synth.errors import CredentialsError


class SignatureAlgorithm(StrEnum):
    """COSE algorithms that C2PA allows and we use."""

    ES256 = "ES256"  # ECDSA with SHA-256 on P-256
    ES384 = "ES384"  # ECDSA with SHA-384 on P-384
    ES512 = "ES512"  # ECDSA with SHA-512 on P-521
    PS256 = "PS256"  # RSASSA-PSS with SHA-256
    ED25519 = "Ed25519"


HASHES = {
    SignatureAlgorithm.ES256: hashes.SHA256(),
    SignatureAlgorithm.ES384: hashes.SHA384(),
    SignatureAlgorithm.ES512: hashes.SHA512(),
    SignatureAlgorithm.PS256: hashes.SHA256(),
}
_COORDINATE_BYTES = {SignatureAlgorithm.ES256: 32, SignatureAlgorithm.ES384: 48, SignatureAlgorithm.ES512: 66}


class ClaimKey(Protocol):
    """Signs claims with a private key that it alone can use.

    Obligations: what `sign` returns verifies under the first certificate of the chain, ECDSA as r‖s; raises
    `SigningRefusedError` when these bytes will never be signed and `SignerUnavailableError` when the same request may
    succeed later; no message, `repr` or log record shows the private key or what unlocks it; safe to call from several
    threads and after `fork`.
    """

    @property
    def certificate_chain_pem(self) -> bytes:
        """Leaf and its intermediates, never the root."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """How it signs."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data` itself, not of a digest."""


def require_certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    """Return the certificates in `pem`, at least one, or raise `CredentialsError`."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CredentialsError(f"the {what} hold no PEM certificate ({error}); check the configured file") from error


def algorithm_of(public_key: object) -> SignatureAlgorithm:
    """Return how a key of this kind signs claims; raises `CredentialsError` for kinds that C2PA does not allow."""
    by_curve = {
        "secp256r1": SignatureAlgorithm.ES256,
        "secp384r1": SignatureAlgorithm.ES384,
        "secp521r1": SignatureAlgorithm.ES512,
    }
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name in by_curve:
        return by_curve[public_key.curve.name]
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return SignatureAlgorithm.ED25519
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= 2048:
        return SignatureAlgorithm.PS256
    raise CredentialsError("C2PA allows P-256, P-384, P-521, Ed25519 and RSA of 2048 bits or more; use another key")


def key_id(certificate: x509.Certificate) -> str:
    """Return 16 hex digits that name the key of a certificate in logs: the start of SHA-256 of its public half."""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()[:16]


def plain_signature(algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    """Return an ECDSA signature as r‖s (RFC 9053, section 2.1), whether it came so or in DER; others as they are."""
    size = _COORDINATE_BYTES.get(algorithm)
    if size is None or len(signature) == 2 * size:
        return signature
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError) as error:
        raise CredentialsError(f"{len(signature)} bytes are no {algorithm} signature; check who signs") from error


def require_signature(certificate: x509.Certificate, data: bytes, signature: bytes) -> None:
    """Raise `CredentialsError` unless `signature`, ECDSA as r‖s, is that of `data` by the certificate's key."""
    key = certificate.public_key()
    algorithm = algorithm_of(key)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            size = _COORDINATE_BYTES[algorithm]
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(HASHES[algorithm]))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
    except InvalidSignature as error:
        raise CredentialsError(
            "the signature does not verify under the first certificate of the chain; the key is another one"
        ) from error
