"""AudioSeal with our weights, and the keyed mark, as the gate uses them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from bench.watermark.attack import RATE, Place, Samples
from bench.watermark.keyed_parts import bit_accuracy
from bench.watermark.systems.port import Outcome
from synth.adapters.audioseal import AudioSealMark
from synth.adapters.keyed import KeyedMark
from synth.watermark import Payload, Presence, Registry

KEY = hashlib.sha256(b"the key of the watermark benchmark").digest()


class AudioSeal:
    """Our AudioSeal weights from the package."""

    name = "AudioSeal (ours)"
    rule = "the layer's calibrated threshold"

    def __init__(self, mark: AudioSealMark | None = None) -> None:
        self.mark = mark or AudioSealMark()
        self.version = self.mark.version

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Mark with the top bits of the episode's code."""
        return self.mark.embed(samples, RATE, Payload(episode_id))

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:  # noqa: ARG002
        """Judge presence by the layer's rule; bits are read from all windows if it detects nothing."""
        windows = self.mark.windows(samples, RATE)
        detection = self.mark.judge(windows)
        bits = self.mark.message_bits
        truth = Payload(episode_id).message(bits)
        message = detection.message
        if message is None and windows.bits:
            message = int("".join("1" if bit > 0 else "0" for bit in np.mean(windows.bits, axis=0)), 2)
        detected = detection.presence is Presence.DETECTED
        right = detected and message == truth and episode_id != ""
        return Outcome(
            detected=detected,
            right=right,
            wrong=detected and not right,
            bit_accuracy=None if message is None else 1 - (message ^ truth).bit_count() / bits,
            score=detection.score,
            spans=detection.spans,
        )


@dataclass(frozen=True, slots=True)
class Haystack:
    """A registry of random episodes, to hide the true ones in."""

    size: int
    longest: float = 3 * 3600.0  # seconds

    def registry(self, true_ids: tuple[str, ...]) -> Registry:
        """Return `size` episodes with the true ones spread over them."""
        rng = np.random.default_rng(self.size)
        ids = [f"{number:016x}" for number in rng.integers(0, 2**63, max(0, self.size - len(true_ids)))]
        for number, episode_id in enumerate(true_ids):
            ids.insert((number * 7919 + 13) % (len(ids) + 1), episode_id)
        return Registry(ids, longest=self.longest)


class Keyed:
    """The keyed mark, searched for blindly among all episodes of a registry; no shortlist, no hint."""

    name = "Keyed mark (ours)"

    def __init__(self, registry: Registry, *, key: bytes = KEY) -> None:
        self.mark = KeyedMark(key=key)
        self._key = key
        self.version = self.mark.version
        self.registry = registry
        self.rule = f"family-wise false match ≤ 1e-6 over {len(registry):,} episodes, proven"

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Mark with the episode's words."""
        return self.mark.embed(samples, RATE, Payload(episode_id))

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:
        """Search every episode of the registry at every speed, pitch and offset the reader knows."""
        detection = self.mark.detect(samples, RATE, self.registry)
        detected = detection.presence is Presence.DETECTED
        named = {passage.episode_id for passage in detection.passages} | (
            {detection.episode_id} if detection.episode_id else set()
        )
        bits = None
        if place is not None and episode_id:
            bits = bit_accuracy(self._key, samples, Payload(episode_id).code, place)
        return Outcome(
            detected=detected,
            right=detected and episode_id in named,
            wrong=detected and bool(named - {episode_id}),
            bit_accuracy=bits,
            score=detection.score,
            bound=detection.false_match_bound,
            spans=detection.spans,
            found=tuple(
                (passage.episode_id, passage.start, passage.end, passage.episode_start)
                for passage in detection.passages
            ),
        )


def goal_bound(bound: float | None) -> float:
    """Return -log10 of a proven bound, at most 300; 0 where there is none."""
    return 0.0 if bound is None else min(300.0, -math.log10(max(bound, 1e-300)))
