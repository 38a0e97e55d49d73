"""AWARE 2 (package `aware`, MIT; arXiv 2510.17512): 20 bits, optimised against a frozen random network."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from bench.watermark.attack import RATE, Place, Samples, fitted
from bench.watermark.systems.port import Outcome, SystemMissingError
from bench.watermark.systems.stand_ins import provide_librosa, provide_webrtcvad
from synth.watermark import Payload

BITS = 20
ENOUGH = 18  # of 20 bits of a message that is known: 2.0e-4 by chance


class Aware:
    """AWARE as published: one message per clip, 400 iterations."""

    name = "AWARE"
    rule = "18 of the 20 bits of the known message, 2.0e-4 by chance"

    def __init__(self) -> None:
        """Build detector and embedder; raise `SystemMissingError` where the package does not work."""
        try:
            self.version = version("aware")
            provide_librosa()
            provide_webrtcvad()
            from aware.service import detect_watermark, embed_watermark
            from aware.utils.models import load
        except (PackageNotFoundError, ImportError) as error:
            raise SystemMissingError(f"AWARE does not load ({error}); run `make setup-bench`") from error
        self._embed, self._detect = embed_watermark, detect_watermark
        self._embedder, self._detector = load("AWARE")

    def embed(self, samples: Samples, episode_id: str) -> Samples:
        """Mark the clip as a whole with the top 20 bits of the episode's code."""
        marked = self._embed(samples, RATE, _bits(episode_id), self._embedder)
        return fitted(np.asarray(marked), len(samples))

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:  # noqa: ARG002
        """Read the message and compare it with the known one."""
        bits, confidence = self._detect(samples, RATE, self._detector)
        same = int((np.asarray(bits).reshape(-1) == _bits(episode_id)).sum())
        detected = same >= ENOUGH
        return Outcome(
            detected=detected,
            right=same == BITS and episode_id != "",
            wrong=detected and episode_id == "",
            bit_accuracy=same / BITS,
            score=float(confidence),
        )


def _bits(episode_id: str) -> np.ndarray:
    message = Payload(episode_id).message(BITS)
    return np.array([message >> bit & 1 for bit in reversed(range(BITS))], dtype=np.int32)
