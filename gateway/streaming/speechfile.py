"""Speech on request as one whole file: spoken, mastered, marked, signed and read back, then logged, then handed out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from gateway.streaming import records
from gateway.streaming.clearance import Clearance
from gateway.toolchain import Toolchain
from synth.audio import SignedClip
from synth.decode import decode
from synth.encode import WAV, encode_wav
from synth.errors import ReadBackError
from synth.readback import is_readable
from synth.watermark import Payload, Watermark, reads_back

PCM = "audio/pcm"
PCM_RATE = 24_000  # Hz, 16 bits, little-endian, mono: what OpenAI's "pcm" is
WAV_HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class SpeechFile:
    """The bytes that leave, and what is known of them."""

    data: bytes
    media_type: str
    sha256: str
    duration: float  # seconds


def speak_file(tools: Toolchain, clearance: Clearance) -> SpeechFile:
    """Return the whole speech; its entry in the log is committed when this returns, so the bytes may leave.

    Raises what production raises, after the episode was recorded as failed.
    """
    try:
        production = tools.producer.produce(
            clearance.script,
            episode_id=clearance.episode_id,
            at=tools.clock(),
            screening=clearance.screening,
            disclosure=None,
            consents=clearance.consents,
            renditions=(WAV if clearance.media_type == PCM else clearance.media_type,),
            may_be_short=True,
        )
        clip = production.clips[0]
        bare = clearance.media_type == PCM
        data = _pcm(clip, tools.marks) if bare else clip.data
        records.delivered(
            tools,
            clearance.episode_id,
            marks=clip.marks,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            duration=clip.duration,
            read_back=is_readable(clip.duration),
            fingerprint=tools.fingerprint(clip),
            manifest=None if bare else (clip.manifest_label, hashlib.sha256(clip.manifest_store).hexdigest()),
        )
    except Exception as error:
        records.failed(tools, clearance.episode_id, error)
        raise
    # If we crash here, the log says that it was delivered, and the caller has nothing: it asks again.
    return SpeechFile(data, clearance.media_type, hashlib.sha256(data).hexdigest(), clip.duration)


def _pcm(clip: SignedClip, marks: Sequence[Watermark]) -> bytes:
    """Return the finished clip as bare samples; they carry no credentials, so the marks are read once more."""
    sound = decode(clip.data)
    samples = soxr.resample(sound.samples, sound.sample_rate, PCM_RATE).astype(np.float32)
    if is_readable(clip.duration):
        payload = Payload(clip.episode_id)
        for mark in marks:
            if not reads_back(mark.detect(samples, PCM_RATE, [payload]), payload):
                raise ReadBackError(f"the mark '{mark.name}' does not read back at {PCM_RATE} Hz; ask for a file")
    return encode_wav(samples, PCM_RATE)[WAV_HEADER_BYTES:]
