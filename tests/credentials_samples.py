"""What tests of credentials share: facts about a clip, short clips in both renditions, and signers."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import soundfile

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import ClipFacts, ClipMark, ClipVoice, Screening
from synth.pki import DevelopmentChain, issue_development_chain

FORMATS = {"audio/wav": ("WAV", "PCM_16"), "audio/mpeg": ("MP3", "MPEG_LAYER_III")}

FACTS = ClipFacts(
    episode_id="01JDX7M0Q5W3ZK8N2V4B6C9D1E",
    title="Morning briefing, 22 November",
    show="morning-briefing",
    language="en",
    created_at=datetime(2026, 11, 22, 14, 0, tzinfo=UTC),
    duration=2.0,
    spoken_disclosure=True,
    voices=(ClipVoice("hibari-heart", "hibari 0.2.1 sha256:aa"), ClipVoice("hibari-adam", "hibari 0.2.1 sha256:aa")),
    marks=(
        ClipMark("keyed", "1 epoch:1", "org.assay-gateway.keyed.1", bytes.fromhex("0123456789abcdef")),
        ClipMark("audioseal", "0.2.0 sha256:bb", "org.assay-gateway.audioseal.1", bytes.fromhex("0123")),
    ),
    screening=Screening("allow", "decision-7", "podcast-default", "2026-11-01", "sha256:cc", "sha256:dd"),
    plan_digest="sha256:ee",
    log_origin="log.example/assay",
    software_version="0.1.0",
)


def clip(media_type: str, *, seconds: float = 2.0, sample_rate: int = 24_000) -> bytes:
    """Return a file of quiet noise, the same every time."""
    noise = np.random.default_rng(7).normal(0.0, 0.05, int(seconds * sample_rate)).astype(np.float32)
    target = io.BytesIO()
    container, subtype = FORMATS[media_type]
    soundfile.write(target, noise, sample_rate, format=container, subtype=subtype)
    return target.getvalue()


def chain(organisation: str = "Example Radio") -> DevelopmentChain:
    """Return a chain that is valid from now on."""
    return issue_development_chain(at=datetime.now(UTC), organisation=organisation)


def signer(certificates: DevelopmentChain, *, anchors: bytes | None = None) -> ContentCredentialsSigner:
    """Return a signer that trusts its own root, or `anchors` instead."""
    return ContentCredentialsSigner(
        reader=ContentCredentialsReader(trust_anchors_pem=anchors or certificates.trust_anchors_pem),
        certificate_chain_pem=certificates.certificate_chain_pem,
        private_key_pem=certificates.leaf.private_key_pem,
    )
