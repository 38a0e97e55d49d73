"""Signed reports: what a verification said, in a form that can be shown to somebody else and checked offline.

A report is signed as a JSON Web Signature (RFC 7515, flattened JSON) with Ed25519 (RFC 8037), under a key that signs
nothing else: whoever gets hold of it can forge reports, but no checkpoint of the log and no credentials. The payload
is RFC 8785 canonical JSON, so that the same report has the same bytes. The signature covers the digest of the file that
was checked; it says what this installation found then, not that it is so now.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import KeyMaterialError, ReportRefusedError
from gateway.verification.report import Report

MEDIA_TYPE = "application/jose+json"
TYPE = "assay-report+jws"  # `typ` of the signature: a signature for anything else is refused
MAX_BYTES = 4 << 20  # a report with the longest map of passages is far below


class ReportSigner:
    """Signs reports; safe for several threads."""

    def __init__(self, *, private_key_pem: bytes, endpoint: str) -> None:
        try:
            key = serialization.load_pem_private_key(private_key_pem, password=None)
        except (ValueError, TypeError) as error:
            raise KeyMaterialError("the key for reports is not an unencrypted PEM key; restore report.key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyMaterialError("the key for reports is not an Ed25519 key; restore report.key")
        self._key = key
        self._endpoint = endpoint.rstrip("/")
        self.jwk = public_jwk(key.public_key())

    def sign(self, report: Report) -> dict[str, str]:
        """Return the signed form of a report."""
        head: dict[str, Any] = {"alg": "EdDSA", "kid": self.jwk["kid"], "typ": TYPE}
        payload: dict[str, Any] = {"endpoint": self._endpoint, "report": report.to_dict()}
        protected, body = (_encode(rfc8785.dumps(part)) for part in (head, payload))
        signature = self._key.sign(f"{protected}.{body}".encode())
        return {"payload": body, "protected": protected, "signature": _encode(signature)}


def verify_signed_report(signed: bytes, *, key: dict[str, str]) -> dict[str, Any]:
    """Return the payload of a signed report: `endpoint` and `report`.

    1. It is a flattened JWS with exactly the members that we write.
    2. Its head names our algorithm, our type and this key.
    3. The signature fits.
    4. The payload is a report.

    Raises `ReportRefusedError` with the reason, `KeyMaterialError` if `key` is no public Ed25519 JWK.
    """
    public = _public_key(key)
    # 1.
    if len(signed) > MAX_BYTES:
        raise ReportRefusedError(f"the file is larger than {MAX_BYTES} bytes; it is no signed report")
    document = _object(signed, "the file")
    parts = [document.get(name) for name in ("protected", "payload", "signature")]
    if set(document) != {"protected", "payload", "signature"} or not all(isinstance(part, str) for part in parts):
        raise ReportRefusedError("the file is no signed report: it needs protected, payload and signature alone")
    protected, payload, signature = (str(part) for part in parts)
    # 2.
    head = _object(_decode(protected, "the head"), "the head")
    if head != {"alg": "EdDSA", "kid": key.get("kid"), "typ": TYPE}:
        raise ReportRefusedError("the report was signed with another key, or is not a report; check the key's id")
    # 3.
    try:
        public.verify(_decode(signature, "the signature"), f"{protected}.{payload}".encode())
    except InvalidSignature as error:
        raise ReportRefusedError("the signature does not fit: the report was changed, or the key is another") from error
    # 4.
    said = _object(_decode(payload, "the payload"), "the payload")
    if set(said) != {"endpoint", "report"} or not isinstance(said["report"], dict):
        raise ReportRefusedError("what was signed is not a report of this version")
    return said


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """Return a public key as JSON Web Key (RFC 8037); `kid` is its thumbprint (RFC 7638)."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    members = {"crv": "Ed25519", "kty": "OKP", "x": _encode(raw)}
    thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**members, "kid": _encode(thumbprint), "use": "sig", "alg": "EdDSA"}


def _public_key(jwk: dict[str, str]) -> Ed25519PublicKey:
    try:
        if jwk["kty"] != "OKP" or jwk["crv"] != "Ed25519":
            raise ValueError("another kind of key")
        public = Ed25519PublicKey.from_public_bytes(_decode(jwk["x"], "the key"))
    except (KeyError, ValueError, TypeError, ReportRefusedError) as error:
        raise KeyMaterialError("this is no public Ed25519 key in JWK form; fetch /.well-known/jwks.json") from error
    if public_jwk(public)["kid"] != jwk.get("kid"):
        raise KeyMaterialError("the key does not have the id that it claims; fetch it again")
    return public


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(encoded: str, what: str) -> bytes:
    """Decode unpadded base64url in its one canonical spelling."""
    try:
        raw = base64.b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ReportRefusedError(f"{what} is not base64url") from error
    if _encode(raw) != encoded:
        raise ReportRefusedError(f"{what} is not canonical base64url")
    return raw


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ReportRefusedError(f"{what} is not JSON") from error
    if not isinstance(value, dict):
        raise ReportRefusedError(f"{what} is not a JSON object")
    return value
