"""Sound to bytes while it is made: bare samples, WAV, MP3, Opus, FLAC, AAC; for players that play as they receive."""

from __future__ import annotations

import struct
from typing import Protocol

import av
import numpy as np

from synth.audio import Samples
from synth.encode import FLAC, MP3_BIT_RATE, MP4, MPEG, OGG, OPUS_BIT_RATE, WAV, sixteen_bits
from synth.errors import AudioError

PCM = "audio/pcm"
AAC_BIT_RATE = 64_000  # bit/s, at 24 kHz; as much per sample as files have
UNKNOWN_SIZE = 0xFFFF_FFFF  # what WAV says of data whose end is not known yet


class SoundEncoder(Protocol):
    """Turns one programme into bytes, piece by piece; not for several threads at once."""

    def push(self, samples: Samples) -> bytes:
        """Take float32 samples of shape (T,) and return the bytes that are ready; perhaps none."""

    def finish(self) -> bytes:
        """Return the rest; the programme has ended."""


def open_encoder(media_type: str, sample_rate: int) -> SoundEncoder:
    """Return an encoder for mono sound at `sample_rate` hertz; `AudioError` for a type that cannot be streamed."""
    if media_type == PCM:
        return BareSamples(b"")
    if media_type == WAV:
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
        head = struct.pack("<4sI4s", b"RIFF", UNKNOWN_SIZE, b"WAVE") + form
        return BareSamples(head + struct.pack("<4sI", b"data", UNKNOWN_SIZE))
    codecs = {
        MPEG: ("mp3", "libmp3lame", MP3_BIT_RATE, {"id3v2_version": "0", "write_xing": "0"}),
        OGG: ("ogg", "libopus", OPUS_BIT_RATE, {"page_duration": "200000"}),  # microseconds
        FLAC: ("flac", "flac", None, {}),
        # Fragments, each of which can be played when it is there, as in ISO/IEC 14496-12, section 8.8.
        MP4: ("mp4", "aac", AAC_BIT_RATE, {"movflags": "empty_moov+default_base_moof", "frag_duration": "200000"}),
    }
    if media_type not in codecs:
        raise AudioError(f"cannot stream '{media_type}'; choose one of {', '.join([PCM, WAV, *codecs])}")
    form_name, codec, bit_rate, options = codecs[media_type]
    return CodecStream(form_name, codec, bit_rate, options, sample_rate)


class BareSamples:
    """16-bit little-endian samples, after a head."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def push(self, samples: Samples) -> bytes:
        """Return the samples as bytes."""
        head, self._head = self._head, b""
        return head + sixteen_bits(samples).tobytes()

    def finish(self) -> bytes:
        """Return the head, if nothing came."""
        head, self._head = self._head, b""
        return head


class _Sink:
    """What the muxer writes to; it cannot seek, as a connection cannot."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self.parts = self.parts, []
        return b"".join(parts)


class CodecStream:
    """One encoder of libavcodec behind one muxer of libavformat."""

    def __init__(self, form: str, codec: str, bit_rate: int | None, options: dict[str, str], sample_rate: int) -> None:
        self._sink = _Sink()
        self._rate = sample_rate
        self._position = 0
        try:
            self._container = av.open(
                self._sink, "w", format=form, options={"fflags": "+bitexact", "flush_packets": "1", **options}
            )
            stream = self._container.add_stream(codec, rate=sample_rate, layout="mono")
            assert isinstance(stream, av.AudioStream)  # because every codec named here is one of sound
            if bit_rate is not None:
                stream.codec_context.bit_rate = bit_rate
            if codec == "flac":
                stream.codec_context.format = "s16"
            elif codec != "libopus":
                stream.codec_context.format = "fltp"
            stream.codec_context.open()
            self._stream = stream
            self._resampler = av.AudioResampler(
                format=stream.codec_context.format.name,
                layout="mono",
                rate=sample_rate,
                frame_size=stream.codec_context.frame_size,
            )
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"the encoder '{codec}' cannot be opened: {error}") from error

    def push(self, samples: Samples) -> bytes:
        """Encode what fills whole frames, and return it."""
        if not len(samples):
            return b""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._position
        self._position += len(samples)
        try:
            for chunk in self._resampler.resample(frame):
                self._container.mux(self._stream.encode(chunk))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"the encoder failed: {error}") from error
        return self._sink.take()

    def finish(self) -> bytes:
        """Encode the rest and close the container."""
        try:
            for chunk in self._resampler.resample(None):
                self._container.mux(self._stream.encode(chunk))
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"the encoder failed: {error}") from error
        return self._sink.take()
