"""Encoding: the file holds the same sound, at the same level, and the same bytes every time."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from sound_files import buzz

from synth.audio import MarkedSpeech, Speech
from synth.decode import decode
from synth.encode import MEDIA_TYPES, encode, encode_aac, encode_flac, encode_mp3, encode_opus, encode_wav
from synth.errors import AudioError
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import master

RATE = 44_100
ALL = pytest.mark.parametrize("encoder", [encode_mp3, encode_aac, encode_opus, encode_flac, encode_wav])


@pytest.mark.parametrize("bit_rate", [64_000, 96_000, 128_000, 192_000])
def test_mp3_keeps_the_level(bit_rate: int) -> None:
    # LAME turns every input down by 3 to 5 %, depending on the bit rate; the encoder undoes it.
    time = np.arange(2 * RATE) / RATE
    samples = (0.5 * np.sin(2 * np.pi * 997 * time)).astype(np.float32)
    decoded = decode(encode_mp3(samples, RATE, bit_rate)).samples
    middle = slice(RATE // 2, 3 * RATE // 2)
    level = np.sqrt(np.mean(decoded[middle] ** 2) / np.mean(samples[middle] ** 2))
    assert level == pytest.approx(1.0, abs=0.003)


@pytest.mark.parametrize("length", [500, 1151, 1152, 44_100, 100_001])
@pytest.mark.parametrize("encoder", [encode_mp3, encode_flac, encode_wav])
def test_decoded_file_has_as_many_samples(encoder, length: int) -> None:
    samples = np.resize(buzz(1.0), length).astype(np.float32)
    assert len(decode(encoder(samples, RATE)).samples) == length


@pytest.mark.parametrize("length", [500, 44_100, 100_001])
def test_aac_keeps_the_start_and_at_most_one_frame_behind_the_end(length: int) -> None:
    samples = np.resize(buzz(1.0), length).astype(np.float32)
    assert 0 <= len(decode(encode_aac(samples, RATE)).samples) - length < 1024


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_opus_keeps_the_length_whatever_the_rate(rate: int) -> None:
    samples = buzz(2.0)[: 2 * rate]
    decoded = decode(encode_opus(samples, rate))
    assert decoded.sample_rate == 48_000
    assert decoded.duration == pytest.approx(len(samples) / rate, abs=0.021)  # one Opus frame


def test_flac_holds_exactly_what_the_wav_holds() -> None:
    samples = buzz(1.0)
    assert np.array_equal(decode(encode_flac(samples, RATE)).samples, decode(encode_wav(samples, RATE)).samples)


@pytest.mark.parametrize("encoder", [encode_mp3, encode_aac])
def test_lossy_file_sounds_the_same(encoder) -> None:
    samples = buzz(3.0)
    decoded = decode(encoder(samples, RATE)).samples[: len(samples)]
    error = decoded - samples
    assert np.mean(error**2) < 1e-3 * np.mean(samples**2)


@ALL
def test_same_samples_give_the_same_bytes(encoder) -> None:
    assert encoder(buzz(), RATE) == encoder(buzz(), RATE)


def test_mastered_mp3_is_on_target_and_under_the_ceiling_when_decoded() -> None:
    mastered = master(Speech(buzz(6.0), RATE))
    decoded = decode(encode_mp3(mastered.samples, RATE))
    assert measure_loudness(decoded.samples, RATE) == pytest.approx(-16.0, abs=0.2)
    assert measure_true_peak(decoded.samples, RATE) <= -1.5


def test_wav_is_16_bit_pcm_that_the_standard_library_reads() -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5], dtype=np.float32)
    with wave.open(io.BytesIO(encode_wav(samples, 24_000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        frames = np.frombuffer(file.readframes(7), "<i2")
    assert list(frames) == [0, 16384, -16384, 32767, -32767, 32767, -32768]


@pytest.mark.parametrize(
    ("media_type", "start"),
    [
        ("audio/mpeg", b"\xff\xfb"),
        ("audio/mp4", b"\0\0\0\x1cftyp"),
        ("audio/ogg", b"OggS"),
        ("audio/flac", b"fLaC"),
        ("audio/wav", b"RIFF"),
    ],
)
def test_media_type_selects_the_encoder(media_type: str, start: bytes) -> None:
    marked = MarkedSpeech(buzz(0.5), RATE, (), (), "ep_1", (("test", "1"),))
    assert encode(marked, media_type).startswith(start)
    assert media_type in MEDIA_TYPES


def test_unknown_media_type_is_refused() -> None:
    marked = MarkedSpeech(buzz(0.5), RATE, (), (), "ep_1", ())
    with pytest.raises(AudioError, match="audio/aiff"):
        encode(marked, "audio/aiff")


@ALL
@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.float64),
        np.array([0.0, np.nan], np.float32),
    ],
    ids=["empty", "stereo", "double", "nan"],
)
def test_samples_that_are_not_mono_float32_are_refused(encoder, samples) -> None:
    with pytest.raises(AudioError):
        encoder(samples, RATE)


def test_rates_that_mp3_does_not_know_are_refused() -> None:
    with pytest.raises(AudioError, match="96000 Hz"):
        encode_mp3(buzz(0.5), 96_000)
    with pytest.raises(AudioError, match="7 bit/s"):
        encode_mp3(buzz(0.5), RATE, 7)
