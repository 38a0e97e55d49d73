"""What tests of credentials share: facts about a clip, short clips in both renditions, and signers."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import av
import numpy as np
from numpy.typing import NDArray

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import ClipFacts, ClipFingerprint, ClipMark, ClipVoice, Screening
from synth.pki import DevelopmentChain, issue_development_chain


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
    """Return a file of quiet noise, the same every time, in PCM or MP3 at 64 kbit/s."""
    noise = np.random.default_rng(7).normal(0.0, 0.05, int(seconds * sample_rate))
    container, codec = {"audio/wav": ("wav", "pcm_s16le"), "audio/mpeg": ("mp3", "libmp3lame")}[media_type]
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout="mono")
        if codec == "libmp3lame":
            stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray((noise * 32_767).astype(np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate = sample_rate
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=sample_rate, frame_size=1152)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return target.getvalue()


def decode(data: bytes) -> NDArray[np.float64]:
    """Return the samples of a mono file."""
    with av.open(io.BytesIO(data)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]).astype(float)


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
