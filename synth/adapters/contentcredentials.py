"""Reads C2PA credentials and judges them (c2pa-python 0.38, which wraps c2pa-rs 0.91); `claimsigner` writes them.

What the two files defend against, each seen with this library:

1. State "Valid" means "signed by anybody": only "Trusted" under our own trust-list name counts.
2. A time-stamp authority's root would also make claim signers "Trusted": the trust-list name tells them apart.
3. A setting that is misspelt or missing is silently ignored: `self_test` proves the ones that matter.
4. Signing succeeds without checking the file's hash: it is switched on, and every result is read again.
5. Fetching manifests and certificate status is on by default: a public verifier must not fetch what a stranger names.
6. Objects made before `fork` are dead in the child: they are made on first use in each process.
"""

from __future__ import annotations

import io
import os
import re
import wave
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from c2pa import Builder, C2paError, C2paSignerInfo, C2paSigningAlg, Context, Reader, Signer

from synth.containers import sniff
from synth.credentials import (
    ClipFacts,
    ClipFingerprint,
    ClipMark,
    ClipVoice,
    CredentialsDetail,
    CredentialsReport,
    CredentialsState,
    Screening,
)
from synth.errors import CredentialsError
from synth.manifest import NAMESPACE, build_manifest, parse_facts
from synth.pki import CLAIM_SIGNING, DevelopmentChain, issue_development_chain
from synth.signing.key import require_certificates

CLAIM_LIST = "urn:assay:trust:claim-signers"
TIME_STAMP_LIST = "urn:assay:trust:time-stamp-authorities"
CLAIM_PURPOSES = (
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
    "1.3.6.1.5.5.7.3.4",  # email protection
    "1.3.6.1.5.5.7.3.36",  # document signing
    "1.3.6.1.5.5.7.3.8",  # time-stamping, for the authorities' certificates
    "1.3.6.1.5.5.7.3.9",  # OCSP signing, likewise
)
"""Extended key usages that certificates may be used under; without the first, official leaves read as invalid."""

MEMORY_THRESHOLD_MIB = 16  # above it the library works through a file: peak memory 2 instead of 3 times the clip
_HARD_BINDING_CODES = frozenset(f"assertion.{kind}Hash.mismatch" for kind in ("data", "bmff", "boxes", "collection"))
_EXPIRED_CODES = frozenset({"signingCredential.expired", "signingCredential.untrusted"})
_NO_DIGEST = "sha256:" + 64 * "0"

PROBE_FACTS = ClipFacts(
    episode_id="self-test",
    title="Self-test",
    show="Self-test",
    language="en",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    duration=0.1,
    spoken_disclosure=False,
    voices=(ClipVoice("silence", "none"),),
    marks=(ClipMark("none", "none", f"{NAMESPACE}.none", b"\0"),),
    fingerprint=ClipFingerprint(f"{NAMESPACE}.none", _NO_DIGEST, b"\0", 0.0, 0.1),
    screening=Screening("allow", "self-test", "self-test", "1", _NO_DIGEST, _NO_DIGEST, 0, _NO_DIGEST),
    plan_digest=_NO_DIGEST,
    log_origin="self-test",
    software_version="0",
)
"""What the self-test claims about a clip of silence that it throws away."""


class ContentCredentialsReader:
    """Reads C2PA credentials against fixed trust anchors; opens no connection, works in any thread and after `fork`.

    `trust_anchors_pem` are roots (or intermediates) of claim signers, `time_stamp_anchors_pem` those of RFC 3161
    authorities; several certificates may follow each other. Nothing else is trusted: the library ships no anchors.
    """

    def __init__(
        self,
        *,
        trust_anchors_pem: bytes,
        time_stamp_anchors_pem: bytes = b"",
        purposes: tuple[str, ...] = CLAIM_PURPOSES,
        namespace: str = NAMESPACE,
    ) -> None:
        require_certificates(trust_anchors_pem, "trust anchors")
        if time_stamp_anchors_pem:
            require_certificates(time_stamp_anchors_pem, "time-stamp anchors")
        self.trust_anchors_pem = trust_anchors_pem
        self.time_stamp_anchors_pem = time_stamp_anchors_pem
        self.purposes = purposes
        self.namespace = namespace
        self._context: tuple[int, Context] | None = None

    def with_anchors(self, *, claim_pem: bytes = b"", time_stamp_pem: bytes = b"") -> ContentCredentialsReader:
        """Return a reader with the same settings that trusts these anchors too."""
        return type(self)(
            trust_anchors_pem=self.trust_anchors_pem + claim_pem,
            time_stamp_anchors_pem=self.time_stamp_anchors_pem + time_stamp_pem,
            purposes=self.purposes,
            namespace=self.namespace,
        )

    @property
    def context(self) -> Context:
        """The library's settings object of this process; two threads may both make one, and either will do."""
        if self._context is None or self._context[0] != os.getpid():
            try:
                self._context = (os.getpid(), Context.from_dict(self._settings()))
            except C2paError as error:
                raise CredentialsError(f"the C2PA library refuses our settings: {error}") from error
        return self._context[1]

    def self_test(self) -> None:
        """Prove on throw-away certificates that trust works as configured, or raise `CredentialsError`.

        1. A signer whose root is an anchor is trusted, with the C2PA purpose alone (proves the list of purposes).
        2. A signer whose root is no anchor is not.
        3. A signer under a time-stamp authority's root is not.
        """
        chain = issue_development_chain(at=datetime.now(UTC), organisation="Self-test", purposes=(CLAIM_SIGNING,))
        trusting = self.with_anchors(claim_pem=chain.trust_anchors_pem)
        time_stamping = self.with_anchors(time_stamp_pem=chain.trust_anchors_pem)
        try:
            clip = _sign_probe(chain, trusting.context)
        except C2paError as error:
            raise CredentialsError(
                f"self-test: a certificate for C2PA claims is refused ({error}); "
                "the list of purposes does not reach the library"
            ) from error
        # 1., 2., 3.
        for reader, expected, case in (
            (trusting, CredentialsState.TRUSTED, "a signer under an anchor"),
            (self, CredentialsState.VALID, "a signer under no anchor"),
            (time_stamping, CredentialsState.VALID, "a claim signer under a time-stamp authority"),
        ):
            report = reader.read(clip, "audio/wav")
            if report.state is not expected:
                raise CredentialsError(
                    f"self-test: {case} reads as {report.state} ({report.detail}) instead of {expected}; "
                    "this version of the C2PA library does not judge as configured: do not use it"
                )

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        """Judge the credentials in `data`, or those in `manifest_store` as if they were in it; never raises for input.

        The bytes decide what the file is: `media_type` is only what the sender called it, and is ignored.
        """
        del media_type
        container = sniff(data)
        if container is None or (manifest_store is None and not container.embeds):
            return CredentialsReport(CredentialsState.ABSENT, CredentialsDetail.UNSUPPORTED)
        try:
            reader = Reader(container.media_type, io.BytesIO(data), manifest_store, self.context)
        except C2paError.ManifestNotFound:
            return CredentialsReport(CredentialsState.ABSENT, CredentialsDetail.NOT_FOUND)
        except C2paError as error:
            if str(error).startswith("Remote:"):
                return CredentialsReport(CredentialsState.ABSENT, CredentialsDetail.REMOTE_ONLY)
            return CredentialsReport(CredentialsState.INVALID, CredentialsDetail.UNREADABLE)
        try:
            with reader:
                state, results = reader.get_validation_state(), reader.get_validation_results()
                manifest = reader.get_active_manifest()
        except (C2paError, LookupError, ValueError):
            # The binding raises KeyError where a damaged store names an active manifest that it does not hold.
            return CredentialsReport(CredentialsState.INVALID, CredentialsDetail.UNREADABLE)
        return self._judge(state, results, manifest)

    def _judge(
        self, library_state: str | None, results: Mapping[str, Any] | None, manifest: Mapping[str, Any] | None
    ) -> CredentialsReport:
        """Turn the library's results into ours.

        1. Signer: trusted only when the claim list itself vouches for it.
        2. State: "trusted" needs our signer and no failure; everything that the library calls invalid stays invalid.
        3. Claims: shown only when the manifest is whole and it is known whether its signer is ours. An expired signer
           may be anybody: the library reports the same codes for ours and for a stranger's.
        """
        if not results or not manifest or "activeManifest" not in results:
            return CredentialsReport(CredentialsState.INVALID, CredentialsDetail.UNREADABLE)
        passed, failed = (
            frozenset(entry["code"] for entry in results["activeManifest"].get(kind, ()))
            for kind in ("success", "failure")
        )
        # 1.
        ours = "signingCredential.trusted" in passed and results.get("trustListUri") == CLAIM_LIST
        # 2.
        if library_state == "Trusted" and ours and not failed:
            state, detail = CredentialsState.TRUSTED, CredentialsDetail.INTACT
        elif library_state in ("Trusted", "Valid"):
            state, detail = CredentialsState.VALID, CredentialsDetail.UNKNOWN_SIGNER
        elif ours and failed and failed <= _HARD_BINDING_CODES:
            state, detail = CredentialsState.INVALID, CredentialsDetail.CONTENT_CHANGED
        elif failed == _EXPIRED_CODES:
            state, detail = CredentialsState.INVALID, CredentialsDetail.SIGNER_EXPIRED
        else:
            state, detail = CredentialsState.INVALID, CredentialsDetail.BROKEN
        # 3.
        if detail in (CredentialsDetail.BROKEN, CredentialsDetail.SIGNER_EXPIRED):
            return CredentialsReport(state, detail, codes=tuple(sorted(failed)))
        signature = manifest.get("signature_info") or {}
        return CredentialsReport(
            state,
            detail,
            codes=tuple(sorted(failed)),
            signer=signature.get("issuer"),
            certificate_serial=signature.get("cert_serial_number"),
            label=manifest.get("label"),
            signed_at=_time(signature.get("time")) if "timeStamp.trusted" in passed else None,
            generator=_generator(manifest),
            facts=parse_facts(manifest, namespace=self.namespace),
        )

    def _settings(self) -> dict[str, Any]:
        anchors = [
            {"trust_anchors": self.trust_anchors_pem.decode(), "trust_kind": "manifest", "trust_uri": CLAIM_LIST}
        ]
        if self.time_stamp_anchors_pem:
            pem = self.time_stamp_anchors_pem.decode()
            anchors.append({"trust_anchors": pem, "trust_kind": "tsa", "trust_uri": TIME_STAMP_LIST})
        return {
            # The list of purposes belongs at this level: inside an anchor it has no effect.
            "trust": {"trust_config": "".join(f"{purpose}\n" for purpose in self.purposes), "anchors": anchors},
            "verify": {
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
                "verify_after_sign": True,
                "verify_after_sign_hash": True,
            },
            "core": {
                "allowed_network_hosts": [],
                "allow_redirects": False,
                "backing_store_memory_threshold_in_mb": MEMORY_THRESHOLD_MIB,
            },
            "builder": {"thumbnail": {"enabled": False}},
        }


def _generator(manifest: Mapping[str, Any]) -> str | None:
    for entry in manifest.get("claim_generator_info") or ():
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            return f"{entry['name']} {entry.get('version') or ''}".strip()
    return None


def _time(value: object) -> datetime | None:
    """Parse an RFC 3339 time as the library prints it; more than six fractional digits are cut."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None


def _sign_probe(chain: DevelopmentChain, context: Context) -> bytes:
    """Return a tenth of a second of silence, signed under `chain`."""
    info = C2paSignerInfo(C2paSigningAlg.ES256, chain.certificate_chain_pem, chain.leaf.private_key_pem, None)
    target = io.BytesIO()
    with Signer.from_info(info) as signer:
        Builder(build_manifest(PROBE_FACTS), context).sign(signer, "audio/wav", io.BytesIO(probe_clip()), target)
    return target.getvalue()


def probe_clip() -> bytes:
    """Return a WAV file with a tenth of a second of silence."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 1_600))
    return target.getvalue()
