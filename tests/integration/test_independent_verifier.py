"""A verifier that shares no code with the library that signs agrees about our files (Encypher, offline)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from synth.pki import DevelopmentChain
from tests.credentials_samples import FACTS, chain, clip, signer

Verify = Callable[..., Mapping[str, Any]]

EMBEDDING = pytest.mark.parametrize("media_type", ["audio/wav", "audio/mpeg", "audio/mp4", "audio/flac"])


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    """The verifier with one root and nothing else, no telemetry, and a home folder of its own to note that in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    import encypher_c2pa

    def run(
        data: bytes,
        media_type: str,
        certificates: DevelopmentChain,
        *,
        strict: bool = False,
        beside: bytes | None = None,
    ) -> Mapping[str, Any]:
        report: Mapping[str, Any] = encypher_c2pa.verify(
            data,
            media_type,
            manifest_store=beside,
            trust_pem=certificates.trust_anchors_pem.decode(),
            no_default_trust=True,
            strict_conformance=strict,
            telemetry=False,
            online=False,
        )
        return report

    return run


@EMBEDDING
def test_signed_clip_is_trusted_under_our_root(verify: Verify, media_type: str) -> None:
    certificates = chain()
    signed, _ = signer(certificates).sign(clip(media_type), media_type, FACTS)
    report = verify(signed, media_type, certificates)
    assert report["validation_state"] == "Trusted"
    assert report["hard_binding"] == "match"
    assert report["signature"] == "valid"
    assert report["validation_results"]["failure"] == []


@EMBEDDING
def test_only_time_stamp_and_revocation_are_missing_for_the_conformance_program(
    verify: Verify, media_type: str
) -> None:
    """Both need a certificate from a listed authority; a development chain has neither, and the docs say so."""
    certificates = chain()
    signed, _ = signer(certificates).sign(clip(media_type), media_type, FACTS)
    failures = verify(signed, media_type, certificates, strict=True)["validation_results"]["failure"]
    assert {failure["code"] for failure in failures} == {
        "com.encypher.conformance.revocationInformationMissing",
        "com.encypher.conformance.trustedTimeStampMissing",
    }


@EMBEDDING
def test_changed_clip_is_found_out(verify: Verify, media_type: str) -> None:
    certificates = chain()
    signed, _ = signer(certificates).sign(clip(media_type), media_type, FACTS)
    changed = bytearray(signed)
    changed[len(changed) // 2] ^= 1  # in the sound; a byte behind the last box of an MP4 is nothing to this verifier
    report = verify(bytes(changed), media_type, certificates)
    assert report["validation_state"] == "Invalid"
    assert report["hard_binding"] != "match"


@EMBEDDING
def test_clip_is_not_trusted_under_another_root(verify: Verify, media_type: str) -> None:
    signed, _ = signer(chain()).sign(clip(media_type), media_type, FACTS)
    report = verify(signed, media_type, chain("Somebody Else"))
    assert report["validation_state"] != "Trusted"
    assert report["hard_binding"] == "match"


def test_ogg_is_trusted_with_the_manifest_beside_it_and_not_after_a_change(verify: Verify) -> None:
    certificates = chain()
    signed, manifest = signer(certificates).sign(clip("audio/ogg"), "audio/ogg", FACTS)
    report = verify(signed, "audio/ogg", certificates, beside=manifest)
    assert (report["validation_state"], report["hard_binding"]) == ("Trusted", "match")
    changed = bytearray(signed)
    changed[-1] ^= 1
    report = verify(bytes(changed), "audio/ogg", certificates, beside=manifest)
    assert (report["validation_state"], report["hard_binding"]) == ("Invalid", "mismatch")
