"""What tests of production share: a voice and a watermark that really work, made for speed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.audio import Samples
from synth.credentials import Screening
from synth.imprint import Imprint
from synth.produce import Producer, Production
from synth.script import Chapter, Script, Utterance
from synth.voice import Unspeakable, VoiceCatalogue
from synth.watermark import Detection, Payload, Presence
from tests.credentials_samples import chain, digest, signer

SECONDS_PER_WORD = 0.35


class HummingVoice:
    """Hums a buzz of its own pitch for every word: as loud, as uneven and as wide as speech, and made at once."""

    version = "humming 1"
    language = "en"
    sample_rate = 24_000

    def __init__(self, voice_id: str, *, pitch: float = 110.0) -> None:
        self.id = voice_id
        self._pitch = pitch

    def unspeakable(self, text: str) -> Unspeakable | None:
        return None

    def speak(self, text: str, *, seed: int) -> Samples:
        random = np.random.default_rng(seed)
        words = []
        for word in text.split():
            time = np.arange(int(SECONDS_PER_WORD * self.sample_rate)) / self.sample_rate
            pitch = self._pitch * (1 + 0.02 * (len(word) % 5))
            buzz = sum(np.sin(2 * np.pi * pitch * k * time + k * k) / k for k in range(1, 30))
            breath = random.normal(0, 0.3, len(time))
            words.append((buzz + breath) * np.sin(np.pi * time / time[-1]))
        return (0.1 * np.concatenate(words)).astype(np.float32)


class NoiseMark:
    """Adds keyed noise 26 dB below the sound; found again by correlation with the noise of each candidate."""

    version = "noise 1"

    def __init__(self, name: str = "keyed") -> None:
        self.name = name

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        return (samples + 0.05 * np.abs(samples) * self._noise(payload, len(samples))).astype(np.float32)

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        for candidate in candidates:
            noise = self._noise(candidate, len(samples))
            expected = np.abs(samples) * noise
            likeness = float(np.dot(samples, expected) / (np.linalg.norm(samples) * np.linalg.norm(expected) + 1e-12))
            if likeness > 0.02:
                return Detection(self.name, Presence.DETECTED, episode_id=candidate.episode_id, score=likeness)
        return Detection(self.name, Presence.NOT_DETECTED)

    def _noise(self, payload: Payload, length: int) -> Samples:
        """Slow noise, so that a codec keeps it."""
        seed = hashlib.sha256(f"{self.name}{payload.episode_id}".encode()).digest()
        coarse = np.random.default_rng(list(seed)).choice([-1.0, 1.0], length // 16 + 1)
        return np.repeat(coarse, 16)[:length].astype(np.float32)


CATALOGUE = VoiceCatalogue({"hum-low": HummingVoice("hum-low"), "hum-high": HummingVoice("hum-high", pitch=190.0)})


def script(*, sentences: int = 4) -> Script:
    """Return a script for two voices in two chapters, about two seconds per sentence."""
    lines = tuple(
        Utterance(speaker, f"Sentence number {number} says nothing at all.", 0, 0)
        for number, speaker in zip(range(sentences), ["Ann", "Ben"] * sentences, strict=False)
    )
    half = sentences // 2
    return Script(
        title="Humming",
        language="en",
        show="hums",
        voices=(("Ann", "hum-low"), ("Ben", "hum-high")),
        chapters=(Chapter("First", lines[:half]), Chapter("Second", lines[half:])),
        source="",
    )


EPISODE = "01JDX7M0Q5W3ZK8N2V4B6C9D1E"
AT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SCREENING = Screening("allow", "decision-7", "podcast-default", "2026-11-01", digest("c"), digest("d"), 41, digest("f"))
DISCLOSURE = "This is made by a machine."


@cache
def gate() -> ContentCredentialsSigner:
    """Return the one signer of a test process."""
    return signer(chain())


def producer(**changes: Any) -> Producer:
    """Return a producer of these parts, some of them changed."""
    parts: dict[str, Any] = {
        "catalogue": CATALOGUE,
        "marks": [NoiseMark("keyed"), NoiseMark("audioseal")],
        "signer": gate(),
        "log_origin": "log.example/assay",
        "software_version": "0.1.0",
        "imprint": Imprint(publisher="Example Radio", detector_url="https://example.com/verify"),
        "workers": 1,
    }
    return Producer(**{**parts, **changes})


def produce(maker: Producer, **changes: Any) -> Production:
    """Produce the humming episode."""
    facts: dict[str, Any] = {"episode_id": EPISODE, "at": AT, "screening": SCREENING, "disclosure": DISCLOSURE}
    return maker.produce(script(), **{**facts, **changes})
