"""Marked speech to file bytes: MP3 (LAME through libavcodec) and WAV (16-bit PCM); deterministic (pure).

The same samples give the same bytes on the same version of the codec. Nothing here writes tags: `synth/tags.py` does.
"""

from __future__ import annotations

import io
import struct

import av
import numpy as np

from synth.audio import MarkedSpeech, Samples, check_samples
from synth.errors import AudioError

MPEG = "audio/mpeg"
WAV = "audio/wav"
MP3_BIT_RATE = 128_000  # bit/s, constant: what directories accept everywhere, transparent for mono speech

# LAME turns its input down before encoding, by a factor that depends on the bit rate alone (its preset table). It is
# undone here so that a file is as loud as it was mastered; `test_mp3_keeps_the_level` measures it.
_LAME_SCALE = {64_000: 0.95, 96_000: 0.95, 128_000: 0.95, 192_000: 0.97}
_MP3_SAMPLE_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_BLOCK = 1 << 16  # samples handed to the encoder at a time
_WAV_MAX_BYTES = 0xFFFF_FFFF - 36  # RIFF sizes are 32 bits


def encode(marked: MarkedSpeech, media_type: str) -> bytes:
    """Return `marked` as a file of `media_type`, "audio/mpeg" or "audio/wav"; `AudioError` for any other."""
    if media_type == MPEG:
        return encode_mp3(marked.samples, marked.sample_rate)
    if media_type == WAV:
        return encode_wav(marked.samples, marked.sample_rate)
    raise AudioError(f"cannot encode '{media_type}'; choose {MPEG} or {WAV}")


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
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="mp3", options={"id3v2_version": "0", "write_xing": "1"}) as container:
            stream = container.add_stream("libmp3lame", rate=sample_rate, layout="mono")
            stream.codec_context.bit_rate = bit_rate
            stream.codec_context.format = "fltp"
            stream.codec_context.open()
            chunks = av.AudioResampler(
                format="fltp", layout="mono", rate=sample_rate, frame_size=stream.codec_context.frame_size
            )
            for start in range(0, len(samples), _BLOCK):
                block = np.ascontiguousarray(samples[start : start + _BLOCK] * gain)
                frame = av.AudioFrame.from_ndarray(block[None, :], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = sample_rate, start
                for chunk in chunks.resample(frame):
                    container.mux(stream.encode(chunk))
            for chunk in chunks.resample(None):
                container.mux(stream.encode(chunk))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(f"the MP3 encoder failed: {error}") from error
    return buffer.getvalue()


def encode_wav(samples: Samples, sample_rate: int) -> bytes:
    """Return mono samples, float32 of shape (T,), as a WAV file with 16-bit PCM (canonical 44-byte header)."""
    _check(samples, sample_rate)
    if 2 * len(samples) > _WAV_MAX_BYTES:
        raise AudioError(f"{len(samples)} samples do not fit in a WAV file; split the programme")
    data = np.clip(np.rint(samples * np.float32(32767.0)), -32768, 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return b"".join(
        [struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE"), form, struct.pack("<4sI", b"data", len(data)), data]
    )


def _check(samples: Samples, sample_rate: int) -> None:
    check_samples(samples, sample_rate)
    if not len(samples):
        raise AudioError("there are no samples to encode")
