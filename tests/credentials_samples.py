"""What tests of credentials share: facts about a clip, short clips in all renditions, and signers."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import av
import numpy as np
from numpy.typing import NDArray

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.audio import MarkedSpeech
from synth.credentials import ClipFacts, ClipFingerprint, ClipMark, ClipVoice, Screening
from synth.encode import encode
from synth.pki import DevelopmentChain, issue_development_chain
from synth.signing.filekey import FileKey


def digest(letter: str) -> str:
    """Return a digest that is easy to recognise."""
    return f"sha256:{64 * letter}"


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
        ClipMark("keyed", "1 epoch:1", "org.assay-gateway.keyed.2", bytes.fromhex("0123456789abcdef")),
        ClipMark("audioseal", "0.2.0 sha256:bb", "org.assay-gateway.audioseal.2", bytes.fromhex("0123")),
    ),
    fingerprint=ClipFingerprint("org.assay-gateway.fingerprint.2", digest("9"), b"excerpt", 0.5, 1.5),
    screening=Screening(
        "allow", "decision-7", "podcast-default", "2026-11-01", digest("c"), digest("d"), 41, digest("f")
    ),
    plan_digest=digest("e"),
    log_origin="log.example/assay",
    software_version="0.1.0",
)


def clip(media_type: str, *, seconds: float = 2.0, sample_rate: int = 24_000) -> bytes:
    """Return a file of quiet noise, the same every time, as the gateway encodes it."""
    noise = np.random.default_rng(7).normal(0.0, 0.05, int(seconds * sample_rate)).astype(np.float32)
    return encode(MarkedSpeech(noise, sample_rate, (), (), FACTS.episode_id, ()), media_type)


def stored(media_type: str, store: bytes) -> bytes | None:
    """Return the store for a reader to be given, where the file has no place for it."""
    return store if media_type == "audio/ogg" else None


def decode(data: bytes) -> NDArray[np.float64]:
    """Return the samples of a mono file."""
    with av.open(io.BytesIO(data)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]).astype(float)


def chain(organisation: str = "Example Radio") -> DevelopmentChain:
    """Return a chain that is valid from now on."""
    return issue_development_chain(at=datetime.now(UTC), organisation=organisation)


def signer(
    certificates: DevelopmentChain,
    *,
    anchors: bytes | None = None,
    time_stamp_url: str = "",
    time_stamp_anchors: bytes = b"",
) -> ContentCredentialsSigner:
    """Return a signer that trusts its own root, or `anchors` instead."""
    return ContentCredentialsSigner(
        reader=ContentCredentialsReader(
            trust_anchors_pem=anchors or certificates.trust_anchors_pem, time_stamp_anchors_pem=time_stamp_anchors
        ),
        time_stamp_url=time_stamp_url,
        key=FileKey(
            certificate_chain_pem=certificates.certificate_chain_pem, private_key_pem=certificates.leaf.private_key_pem
        ),
    )
