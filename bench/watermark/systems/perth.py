"""Perth (package `resemble-perth`, MIT): a neural mark without a message; one score per clip."""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import PackageNotFoundError, version

import torch

from bench.watermark.attack import RATE, Place, Samples, fitted
from bench.watermark.systems.port import Outcome, SystemMissingError
from bench.watermark.systems.stand_ins import provide_librosa, provide_pkg_resources, provide_torchaudio


class Perth:
    """Perth's implicit watermark."""

    name = "Perth"
    rule = "score ≥ 0.5; the authors state no false-alarm rate"

    def __init__(self) -> None:
        """Load the weights in the wheel; raise `SystemMissingError` where it is not installed."""
        try:
            self.version = version("resemble-perth")
            provide_librosa()
            provide_torchaudio()
            provide_pkg_resources()
            with contextlib.redirect_stdout(io.StringIO()):  # it prints while loading
                from perth.perth_net.perth_net_implicit.perth_watermarker import PerthImplicitWatermarker

                self._mark = PerthImplicitWatermarker()
        except (PackageNotFoundError, ImportError) as error:
            raise SystemMissingError(f"Perth does not load ({error}); run `make setup-bench`") from error

    def embed(self, samples: Samples, episode_id: str) -> Samples:  # noqa: ARG002
        """Mark; there is no message."""
        with torch.inference_mode():
            return fitted(self._mark.apply_watermark(samples, sample_rate=RATE), len(samples))

    def detect(self, samples: Samples, episode_id: str, place: Place | None = None) -> Outcome:  # noqa: ARG002
        """Return the clip's score in 0..1."""
        with torch.inference_mode():
            score = float(self._mark.get_watermark(samples, sample_rate=RATE, round=False).mean())
        return Outcome(detected=score >= 0.5, wrong=score >= 0.5 and not episode_id, score=score, threshold=0.5)
