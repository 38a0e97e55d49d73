"""Every stream of bytes decodes to the sound that went in, and what is ready leaves at once."""

from __future__ import annotations

import numpy as np
import pytest

from synth.decode import decode
from synth.encode import FLAC, MP4, MPEG, OGG, WAV
from synth.encodestream import PCM, open_encoder
from synth.errors import AudioError

RATE = 24_000


def tone(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 440 * time) * np.sin(np.pi * time / seconds)).astype(np.float32)


@pytest.mark.parametrize("media_type", [WAV, MPEG, OGG, FLAC, MP4])
def test_stream_decodes_to_the_sound_whatever_the_pieces(media_type: str) -> None:
    sound = tone(3.0)
    random = np.random.default_rng(7)
    encoder, parts, at, early = open_encoder(media_type, RATE), [], 0, 0
    while at < len(sound):
        size = int(random.integers(1, 5_000))
        parts.append(encoder.push(sound[at : at + size]))
        at += size
        early = len(parts[-1]) if at < len(sound) / 2 and parts[-1] else early
    assert early > 0  # the first half did not wait for the end
    heard = decode(b"".join([*parts, encoder.finish()]))
    assert heard.duration == pytest.approx(3.0, abs=0.12)  # lossy codecs add up to two frames at the ends
    middle = heard.samples[len(heard.samples) // 4 : -len(heard.samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * heard.sample_rate / len(middle) == pytest.approx(440, abs=2)


def test_bare_samples_are_two_bytes_each_and_nothing_else() -> None:
    encoder = open_encoder(PCM, RATE)
    assert encoder.push(np.array([0.0, 1.0, -1.0], dtype=np.float32)) == b"\x00\x00\xff\x7f\x01\x80"
    assert encoder.finish() == b""


def test_unknown_type_cannot_be_streamed() -> None:
    with pytest.raises(AudioError, match="audio/aiff"):
        open_encoder("audio/aiff", RATE)
