"""Real codecs through PyAV: what a published file goes through between embedding and reading back."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def through(samples: Samples, sample_rate: int, *, codec: str, bit_rate: int, container: str) -> tuple[Samples, int]:
    """Encode mono `samples` and decode the result; returns samples and rate of the decoded file."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=sample_rate)
        shape = "stereo" if codec == "vorbis" else "mono"  # FFmpeg's own Vorbis encoder knows nothing else
        stream.layout = shape
        stream.codec_context.options = {"strict": "experimental"} if codec == "vorbis" else {}
        if bit_rate:
            stream.bit_rate = bit_rate
        layout = "s16" if codec.startswith("pcm") else "fltp"
        size = stream.codec_context.frame_size or 1152
        for start in range(0, len(samples), size):
            piece = samples[start : start + size]
            data: Any = (np.clip(piece, -1, 1) * 32_767).astype(np.int16) if layout == "s16" else piece
            channels = np.repeat(data[None], 2 if shape == "stereo" else 1, axis=0)
            frame = av.AudioFrame.from_ndarray(channels, format=layout, layout=shape)
            frame.sample_rate, frame.pts = sample_rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        resampler = av.AudioResampler(format="fltp", layout="mono")
        rate = int(source.streams.audio[0].rate)
        frames = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32), rate


def mp3(samples: Samples, sample_rate: int, kilobits: int) -> tuple[Samples, int]:
    """MP3 at a constant bit rate."""
    return through(samples, sample_rate, codec="libmp3lame", bit_rate=kilobits * 1000, container="mp3")


def aac(samples: Samples, sample_rate: int, kilobits: int) -> tuple[Samples, int]:
    """AAC-LC in an ADTS stream."""
    return through(samples, sample_rate, codec="aac", bit_rate=kilobits * 1000, container="adts")


def opus(samples: Samples, sample_rate: int, kilobits: int) -> tuple[Samples, int]:
    """Opus in Ogg; `sample_rate` must be 48 kHz."""
    return through(samples, sample_rate, codec="libopus", bit_rate=kilobits * 1000, container="ogg")


def vorbis(samples: Samples, sample_rate: int, kilobits: int) -> tuple[Samples, int]:
    """Vorbis in Ogg, by FFmpeg's own encoder, in stereo: half of `kilobits` for each of two equal channels."""
    return through(samples, sample_rate, codec="vorbis", bit_rate=kilobits * 1000, container="ogg")


def wav(samples: Samples, sample_rate: int) -> tuple[Samples, int]:
    """16-bit PCM."""
    return through(samples, sample_rate, codec="pcm_s16le", bit_rate=0, container="wav")
