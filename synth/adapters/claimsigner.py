"""Signs clips with C2PA credentials (c2pa-python 0.38); what it guards against is listed in `contentcredentials`.

The library is never given a private key: it calls back for every signature, and the key answers from wherever it is.
"""

from __future__ import annotations

import io
from datetime import datetime

from c2pa import Builder, C2paError, C2paSigningAlg, Signer
from cryptography import x509

from synth.adapters.contentcredentials import PROBE_FACTS, ContentCredentialsReader, probe_clip
from synth.containers import OGG, sniff
from synth.credentials import ClipFacts, CredentialsReport, CredentialsState, ParentFile
from synth.errors import CredentialsError, SignerUnavailableError
from synth.manifest import build_manifest
from synth.signing.key import ClaimKey, SignatureAlgorithm
from synth.vocabulary import PARENT

_ALGORITHMS = {
    SignatureAlgorithm.ES256: C2paSigningAlg.ES256,
    SignatureAlgorithm.ES384: C2paSigningAlg.ES384,
    SignatureAlgorithm.ES512: C2paSigningAlg.ES512,
    SignatureAlgorithm.PS256: C2paSigningAlg.PS256,
    SignatureAlgorithm.ED25519: C2paSigningAlg.ED25519,
}


class ContentCredentialsSigner:
    """Signs clips with one key, and reads them with its own reader; obligations as for the reader.

    With `time_stamp_url` every signature gets a time-stamp of that RFC 3161 authority, whose root must be among the
    reader's time-stamp anchors; without an answer nothing is signed. Needs 2 to 3 times the clip's size in memory.
    """

    def __init__(self, *, reader: ContentCredentialsReader, key: ClaimKey, time_stamp_url: str = "") -> None:
        self.reader = reader
        self._key = key
        self._time_stamp_url = time_stamp_url

    @property
    def expires_at(self) -> datetime:
        """When the leaf certificate stops being valid, in UTC; from then on nothing can be signed."""
        return x509.load_pem_x509_certificate(self._key.certificate_chain_pem).not_valid_after_utc

    def self_test(self) -> None:
        """Prove that the reader judges as configured and trusts what this key signs, or raise `CredentialsError`."""
        self.reader.self_test()
        self.sign(probe_clip(), "audio/wav", PROBE_FACTS)

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        """Judge the credentials in `data` as `ContentCredentialsReader.read` does."""
        return self.reader.read(data, media_type, manifest_store=manifest_store)

    def sign(
        self, data: bytes, media_type: str, facts: ClipFacts, parent: ParentFile | None = None
    ) -> tuple[bytes, bytes]:
        """Return the signed file and its manifest store; raise `CredentialsError` when it does not hold.

        The store is embedded where the container has a place for it. An Ogg file has none: it comes back unchanged,
        and its store binds it from beside it. Sign last: to change a single byte afterwards breaks the credentials.
        """
        container = sniff(data)
        if container is None or container.media_type != media_type or not (container.embeds or container is OGG):
            raise CredentialsError(f"cannot sign: the file is not {media_type}, or no manifest can belong to it")
        if (parent is None) is not (facts.upload is None):
            raise CredentialsError("sound that was made elsewhere is signed together with the file that it came in")
        definition = build_manifest(facts, namespace=self.reader.namespace)
        target = io.BytesIO()
        store = self._sign(definition, media_type, data, target, embed=container.embeds, parent=parent)
        signed = target.getvalue()
        if not container.embeds and signed != data:
            raise CredentialsError("the file changed although its manifest lies beside it; do not use this library")
        report = self.read(signed, media_type, manifest_store=None if container.embeds else store)
        if report.state is not CredentialsState.TRUSTED:
            raise CredentialsError(
                f"what was signed reads as {report.state} ({report.detail}); "
                "the signer's root must be among the trust anchors"
            )
        if self._time_stamp_url and report.signed_at is None:
            raise CredentialsError(
                "the time-stamp is not trusted; its authority's root must be among the time-stamp anchors"
            )
        return signed, store

    def _sign(
        self,
        definition: dict[str, object],
        media_type: str,
        data: bytes,
        target: io.BytesIO,
        *,
        embed: bool,
        parent: ParentFile | None,
    ) -> bytes:
        """Let the library build and embed the manifest; returns the store.

        The library swallows what a callback raises and reports something else, so it is kept and raised here.
        """
        failures: list[CredentialsError] = []

        def sign(claim: bytes) -> bytes:
            try:
                return self._key.sign(bytes(claim))
            except CredentialsError as error:
                failures.append(error)
                raise

        chain = self._key.certificate_chain_pem.decode()
        try:
            # Made for each clip: that costs a third of a millisecond, and nothing is left that `fork` could break.
            with Signer.from_callback(
                sign, _ALGORITHMS[self._key.algorithm], chain, self._time_stamp_url or None
            ) as signer:
                builder = Builder(definition, self.reader.context)
                if not embed:
                    builder.set_no_embed()
                if parent is not None:
                    # The library reads the parent's own manifest, and keeps it with what it found wrong about it.
                    described = {"title": parent.title, "relationship": "parentOf", "instance_id": PARENT}
                    builder.add_ingredient(described, parent.media_type, io.BytesIO(parent.data))
                return bytes(builder.sign(signer, media_type, io.BytesIO(data), target))
        except C2paError as error:
            if failures:
                raise failures[0] from error
            # With a key that answers, this is how the library reports an authority that is away or answers nonsense.
            if self._time_stamp_url and str(error).startswith("Signature: internal error"):
                raise SignerUnavailableError(
                    f"the time-stamp authority did not answer as it should ({error}); the episode is tried again"
                ) from error
            raise CredentialsError(
                f"signing failed: {error}; check that the certificate is within its validity and fit to sign claims"
            ) from error
