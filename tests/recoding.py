"""Audio as others would hand it in: encoded again, cut, or made to be a burden."""

from __future__ import annotations

import io

import av
import numpy as np

from synth.audio import Samples

FRAME_SAMPLES = 576  # of one MPEG-2.5 layer III frame


def written(
    samples: Samples, sample_rate: int, *, container: str = "wav", codec: str = "pcm_s16le", bit_rate: int = 0
) -> bytes:
    """Return mono samples as a fresh file without any metadata of their origin."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        context = stream.codec_context
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = sample_rate, 0
        resampler = av.AudioResampler(context.format, "mono", sample_rate, frame_size=context.frame_size or 0)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return target.getvalue()


def as_mp3(samples: Samples, sample_rate: int, *, bit_rate: int = 64_000) -> bytes:
    """Return samples as MP3."""
    return written(samples, sample_rate, container="mp3", codec="libmp3lame", bit_rate=bit_rate)


def long_silence(hours: float) -> bytes:
    """Return silence as MP3 of 8 kbit/s: one frame over and over, so that making it takes no time."""
    short = written(np.zeros(8_000, np.float32), 8_000, container="mp3", codec="libmp3lame", bit_rate=8_000)
    start = short.rindex(short[-72:-68])  # the last frame; every frame of 8 kbit/s at 8 kHz has 72 bytes
    frame = short[start : start + 72]
    return frame * round(hours * 3600 * 8_000 / FRAME_SAMPLES)


def flipped(data: bytes, *, count: int = 12) -> bytes:
    """Return `data` with a few bytes in its middle inverted."""
    changed = bytearray(data)
    for number in range(count):
        changed[len(changed) // 2 + 3 * number] ^= 0xFF
    return bytes(changed)
