"""Marked speech to file bytes: MP3, M4A (AAC), Opus, FLAC and WAV; deterministic (pure).

The same samples give the same bytes on the same version of the codec. Nothing here writes tags: `synth/tags.py` does.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from synth.audio import MarkedSpeech, Samples, check_samples
from synth.errors import AudioError

MPEG = "audio/mpeg"
MP4 = "audio/mp4"
OGG = "audio/ogg"
FLAC = "audio/flac"
WAV = "audio/wav"
MEDIA_TYPES = (MPEG, MP4, OGG, FLAC, WAV)
MP3_BIT_RATE = 128_000  # bit/s, constant: what directories accept everywhere, transparent for mono speech

AAC_BIT_RATE = 96_000  # bit/s; libavcodec's encoder is less refined than LAME below it
OPUS_BIT_RATE = 64_000  # bit/s; transparent for mono speech (RFC 6716, section 2.1.1)

# LAME turns its input down before encoding, by a factor that depends on the bit rate alone (its preset table). It is
# undone here so that a file is as loud as it was mastered; `test_mp3_keeps_the_level` measures it.
_LAME_SCALE = {64_000: 0.95, 96_000: 0.95, 128_000: 0.95, 192_000: 0.97}
_OPUS_SAMPLE_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_SAMPLE_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_BLOCK = 1 << 16  # samples handed to the encoder at a time
_WAV_MAX_BYTES = 0xFFFF_FFFF - 36  # RIFF sizes are 32 bits


def encode(marked: MarkedSpeech, media_type: str) -> bytes:
    """Return `marked` as a file of `media_type`, one of `MEDIA_TYPES`; `AudioError` for any other."""
    encoders: dict[str, Callable[[Samples, int], bytes]] = {
        MPEG: encode_mp3,
        MP4: encode_aac,
        OGG: encode_opus,
        FLAC: encode_flac,
        WAV: encode_wav,
    }
    if media_type not in encoders:
        raise AudioError(f"cannot encode '{media_type}'; choose one of {', '.join(MEDIA_TYPES)}")
    return encoders[media_type](marked.samples, marked.sample_rate)


def encode_mp3(samples: Samples, sample_rate: int, bit_rate: int = MP3_BIT_RATE) -> bytes:
    """Return mono samples, float32 of shape (T,), as a constant-bit-rate MP3 without tags.

    The decoded file has as many samples as went in: the Info frame tells players what the encoder added.
    """
    _check(samples, sample_rate)
    if bit_rate not in _LAME_SCALE or sample_rate not in _MP3_SAMPLE_RATES:
        raise AudioError(
            f"no MP3 with {bit_rate} bit/s at {sample_rate} Hz; bit rates: {', '.join(map(str, _LAME_SCALE))}, "
            f"sample rates: {', '.join(map(str, _MP3_SAMPLE_RATES))}"
        )
    gain = np.float32(1.0 / _LAME_SCALE[bit_rate])
    options = {"id3v2_version": "0", "write_xing": "1"}
    return _through_codec(samples, sample_rate, "mp3", "libmp3lame", bit_rate, options, gain=gain)


def encode_aac(samples: Samples, sample_rate: int, bit_rate: int = AAC_BIT_RATE) -> bytes:
    """Return mono samples, float32 of shape (T,), as an M4A file with AAC-LC, without tags.

    An edit list tells players what the encoder put in front; behind the end up to 1,023 samples of silence remain.
    """
    _check(samples, sample_rate)
    return _through_codec(samples, sample_rate, "ipod", "aac", bit_rate, {})


def encode_opus(samples: Samples, sample_rate: int, bit_rate: int = OPUS_BIT_RATE) -> bytes:
    """Return mono samples, float32 of shape (T,), as an Ogg file with Opus, without tags; it decodes at 48 kHz."""
    _check(samples, sample_rate)
    if sample_rate not in _OPUS_SAMPLE_RATES:
        samples, sample_rate = soxr.resample(samples, sample_rate, 48_000).astype(np.float32), 48_000
    # Without a fixed number the muxer draws the stream's serial number by chance.
    return _through_codec(samples, sample_rate, "ogg", "libopus", bit_rate, {"serial_offset": "1"})


def encode_flac(samples: Samples, sample_rate: int) -> bytes:
    """Return mono samples, float32 of shape (T,), as a FLAC file of 16 bits, without tags: the same as the WAV file."""
    _check(samples, sample_rate)
    return _through_codec(samples, sample_rate, "flac", "flac", None, {})


def _through_codec(
    samples: Samples,
    sample_rate: int,
    form: str,
    codec: str,
    bit_rate: int | None,
    options: dict[str, str],
    *,
    gain: np.float32 | None = None,
) -> bytes:
    """Return `samples` through one encoder of libavcodec and one container of libavformat."""
    buffer = io.BytesIO()
    try:
        # Bit-exact output names no version and no time, so that it depends on the samples alone.
        with av.open(buffer, "w", format=form, options={"fflags": "+bitexact", **options}) as container:
            stream = container.add_stream(codec, rate=sample_rate, layout="mono")
            assert isinstance(stream, av.AudioStream)  # because every codec named here is one of sound
            if bit_rate is not None:
                stream.codec_context.bit_rate = bit_rate
            if codec == "flac":
                stream.codec_context.format = "s16"
            elif codec != "libopus":
                stream.codec_context.format = "fltp"
            stream.codec_context.open()
            chunks = av.AudioResampler(
                format=stream.codec_context.format.name,
                layout="mono",
                rate=sample_rate,
                frame_size=stream.codec_context.frame_size,
            )
            for start in range(0, len(samples), _BLOCK):
                block = samples[start : start + _BLOCK]
                block = block if gain is None else block * gain
                if codec == "flac":
                    frame = av.AudioFrame.from_ndarray(sixteen_bits(block)[None, :], format="s16", layout="mono")
                else:
                    frame = av.AudioFrame.from_ndarray(
                        np.ascontiguousarray(block)[None, :], format="fltp", layout="mono"
                    )
                frame.sample_rate, frame.pts = sample_rate, start
                for chunk in chunks.resample(frame):
                    container.mux(stream.encode(chunk))
            for chunk in chunks.resample(None):
                container.mux(stream.encode(chunk))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(f"the encoder '{codec}' failed: {error}") from error
    return buffer.getvalue()


def encode_wav(samples: Samples, sample_rate: int) -> bytes:
    """Return mono samples, float32 of shape (T,), as a WAV file with 16-bit PCM (canonical 44-byte header)."""
    _check(samples, sample_rate)
    if 2 * len(samples) > _WAV_MAX_BYTES:
        raise AudioError(f"{len(samples)} samples do not fit in a WAV file; split the programme")
    size = 2 * len(samples)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    head = [struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE"), form, struct.pack("<4sI", b"data", size)]
    blocks = (samples[start : start + _BLOCK] for start in range(0, len(samples), _BLOCK))
    return b"".join([*head, *(sixteen_bits(block).tobytes() for block in blocks)])


def sixteen_bits(samples: Samples) -> NDArray[np.int16]:
    """Return the samples as little-endian 16-bit numbers, clipped."""
    scaled = np.clip(np.rint(samples * np.float32(32767.0)), -32768, 32767)
    numbers: NDArray[np.int16] = scaled.astype("<i2")
    return numbers


def _check(samples: Samples, sample_rate: int) -> None:
    check_samples(samples, sample_rate)
    if not len(samples):
        raise AudioError("there are no samples to encode")
