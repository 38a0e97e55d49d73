"""Audio files of all kinds that tests read, made with the codec library."""

from __future__ import annotations

import io

import av
import numpy as np

from synth.audio import Samples
from synth.speak import SAMPLE_RATE
from synth.tone import ToneVoice

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def buzz(seconds: float = 2.0, rate: int = SAMPLE_RATE) -> Samples:
    """A quiet buzz with gaps, float32 of shape (T,)."""
    import soxr

    voice = ToneVoice(id="buzz")
    words = voice.speak("buzzing " * (1 + int(seconds / 0.4)), seed=1)
    return soxr.resample(words, voice.sample_rate, rate)[: round(seconds * rate)]


def file(container: str, codec: str, *, rate: int = SAMPLE_RATE, channels: int = 1, seconds: float = 2.0) -> bytes:
    """The buzz as a file, the same in every channel."""
    layout = LAYOUTS[channels]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, layout, rate, frame_size=context.frame_size or 0)
        samples = np.tile(buzz(seconds, rate), (channels, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def film(*, sound: bool = True) -> bytes:
    """A second of grey video as MP4, with or without sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = output.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if sound else None
        for _ in range(25):
            output.mux(video.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8))))
        output.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(buzz(1.0)[None, :1024].copy(), format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return buffer.getvalue()


def two_sounds() -> bytes:
    """An MP4 with two audio streams."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        streams = [output.add_stream("aac", rate=SAMPLE_RATE, layout="mono") for _ in range(2)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(buzz(1.0)[None, :1024].copy(), format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return buffer.getvalue()
