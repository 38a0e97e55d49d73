"""Signs clips with C2PA credentials (c2pa-python 0.38); what it guards against is listed in `contentcredentials`."""

from __future__ import annotations

import io
import os
from datetime import datetime

from c2pa import Builder, C2paError, C2paSignerInfo, C2paSigningAlg, Signer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from synth.adapters.contentcredentials import PROBE_FACTS, ContentCredentialsReader, probe_clip, require_certificates
from synth.containers import OGG, sniff
from synth.credentials import ClipFacts, CredentialsReport, CredentialsState
from synth.errors import CredentialsError
from synth.manifest import build_manifest


class ContentCredentialsSigner:
    """Signs clips with one key, and reads them with its own reader; obligations as for the reader.

    `certificate_chain_pem` holds the leaf first and then its intermediates, never the root; `private_key_pem` is the
    leaf's unencrypted PKCS #8 key: P-256, P-384, P-521, Ed25519 or RSA. Raises `CredentialsError` when they do not
    belong together. Needs 2 to 3 times the clip's size in memory while signing.
    """

    def __init__(
        self, *, reader: ContentCredentialsReader, certificate_chain_pem: bytes, private_key_pem: bytes
    ) -> None:
        self._algorithm = _matching_algorithm(certificate_chain_pem, private_key_pem)
        self.reader = reader
        self._chain = certificate_chain_pem
        self._key = private_key_pem
        self._signer: tuple[int, Signer] | None = None

    @property
    def expires_at(self) -> datetime:
        """When the leaf certificate stops being valid, in UTC; from then on nothing can be signed."""
        return x509.load_pem_x509_certificate(self._chain).not_valid_after_utc

    def self_test(self) -> None:
        """Prove that the reader judges as configured and trusts what this key signs, or raise `CredentialsError`."""
        self.reader.self_test()
        self.sign(probe_clip(), "audio/wav", PROBE_FACTS)

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        """Judge the credentials in `data` as `ContentCredentialsReader.read` does."""
        return self.reader.read(data, media_type, manifest_store=manifest_store)

    def sign(self, data: bytes, media_type: str, facts: ClipFacts) -> tuple[bytes, bytes]:
        """Return the signed file and its manifest store; raise `CredentialsError` when it does not hold.

        The store is embedded where the container has a place for it. An Ogg file has none: it comes back unchanged,
        and its store binds it from beside it. Sign last: to change a single byte afterwards breaks the credentials.
        """
        container = sniff(data)
        if container is None or container.media_type != media_type or not (container.embeds or container is OGG):
            raise CredentialsError(f"cannot sign: the file is not {media_type}, or no manifest can belong to it")
        definition = build_manifest(facts, namespace=self.reader.namespace)
        target = io.BytesIO()
        try:
            builder = Builder(definition, self.reader.context)
            if not container.embeds:
                builder.set_no_embed()
            store = builder.sign(self._process_signer(), media_type, io.BytesIO(data), target)
        except C2paError as error:
            raise CredentialsError(
                f"signing failed: {error}; check that the certificate is within its validity and fit to sign claims"
            ) from error
        signed = target.getvalue()
        if not container.embeds and signed != data:
            raise CredentialsError("the file changed although its manifest lies beside it; do not use this library")
        report = self.read(signed, media_type, manifest_store=None if container.embeds else store)
        if report.state is not CredentialsState.TRUSTED:
            raise CredentialsError(
                f"what was signed reads as {report.state} ({report.detail}); "
                "the signer's root must be among the trust anchors"
            )
        return signed, store

    def _process_signer(self) -> Signer:
        """The library's signing object of this process; two threads may both make one, and either will do."""
        if self._signer is None or self._signer[0] != os.getpid():
            info = C2paSignerInfo(self._algorithm, self._chain, self._key, None)
            self._signer = (os.getpid(), Signer.from_info(info))
        return self._signer[1]


def _matching_algorithm(certificate_chain_pem: bytes, private_key_pem: bytes) -> C2paSigningAlg:
    """Return the signature algorithm of the key, or raise `CredentialsError` when it is not the certificate's key."""
    leaf = require_certificates(certificate_chain_pem, "certificate chain")[0]
    try:
        key = load_pem_private_key(private_key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise CredentialsError("the signing key is not an unencrypted PEM key; run `assay keygen`") from error
    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*encoding) != leaf.public_key().public_bytes(*encoding):
        raise CredentialsError("the signing key does not belong to the first certificate of the chain; pair them again")
    by_curve = {
        "secp256r1": C2paSigningAlg.ES256,
        "secp384r1": C2paSigningAlg.ES384,
        "secp521r1": C2paSigningAlg.ES512,
    }
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in by_curve:
        return by_curve[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return C2paSigningAlg.ED25519
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return C2paSigningAlg.PS256
    raise CredentialsError("C2PA allows P-256, P-384, P-521, Ed25519 and RSA of 2048 bits or more; use another key")
