"""Builder of what takes sound that was made elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from gateway.errors import GatewayError
from gateway.toolchain import ExaminedUpload, OpenedUpload, UploadTools

if TYPE_CHECKING:
    from gateway.verification.opening import Opener
    from gateway.verify import Verifier
    from policies.spoken import SpokenCheck
    from policies.transcript import Transcript
    from synth.audio import Speech


Part = TypeVar("Part")


class _Late(Generic[Part]):
    """Something that is built when it is first needed, by whichever thread comes first."""

    def __init__(self, build: Callable[[], Part]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._part: Part | None = None

    def get(self) -> Part:
        with self._lock:
            if self._part is None:
                self._part = self._build()
            return self._part

    @property
    def built(self) -> Part | None:
        return self._part


def build_upload_tools(
    *, build_opener: Callable[[], Opener], build_verifier: Callable[[], Verifier], spoken: SpokenCheck | None
) -> UploadTools:
    """Put together what takes uploads; the opener returns samples at the rate of programmes."""
    import numpy as np
    import soxr

    from policies.transcript import LISTENING_RATE
    from synth.audio import Speech as Sound
    from synth.containers import sniff
    from synth.errors import AudioError
    from synth.watermark import Presence

    opener, verifier = _Late(build_opener), _Late(build_verifier)

    def open_(data: bytes) -> OpenedUpload:
        container = sniff(data)
        if container is None:
            raise AudioError("the file does not begin like audio; send WAV, MP3, M4A, FLAC or Ogg")
        opened = opener.get().open(data, container)
        if opened.sound is None:
            raise AudioError(opened.refusal)
        samples = np.array(opened.sound.samples, dtype=np.float32)  # a copy: the other side's memory ends with it
        return OpenedUpload(
            sound=Sound(samples, opened.sound.sample_rate),
            media_type=opened.sound.media_type,
            damaged=opened.sound.damaged_packets,
            credentials=opened.credentials,
        )

    def examine(data: bytes) -> ExaminedUpload:
        report = verifier.get().verify(data)
        if not report.complete:
            raise GatewayError("a check of the uploaded file could not run, so nothing is concluded; it is tried again")
        layers = report.check("watermark").details.get("layers", [])
        return ExaminedUpload(
            conclusion=report.conclusion.value,
            episode_id=report.episode.id if report.episode is not None else None,
            layers=tuple(str(one["layer"]) for one in layers if one["presence"] == Presence.DETECTED.value),
        )

    def transcribe(sound: Speech, language: str) -> Transcript | None:
        assert spoken is not None
        samples = soxr.resample(sound.samples, sound.sample_rate, LISTENING_RATE).astype(np.float32)
        return spoken.transcribe(samples, language=language)

    def close() -> None:
        for part in (opener.built, verifier.built):
            if part is not None:
                part.close()

    return UploadTools(
        open=open_,
        examine=examine,
        transcribe=None if spoken is None else transcribe,
        listener=("nobody", "none") if spoken is None else spoken.model,
        close=close,
    )
