"""Reading files of unknown origin: what is audio is read exactly, everything else is refused with its reason."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound_files import buzz, file, film, two_sounds

from synth.audio import ChapterMark
from synth.decode import Decoded, DecodeLimits, decode
from synth.encode import encode_mp3, encode_wav
from synth.errors import AudioError
from synth.tags import Tags, tag

RATE = 44_100
KINDS = [
    ("wav", "pcm_s16le", 44_100, 2, "audio/wav"),
    ("wav", "pcm_s24le", 48_000, 1, "audio/wav"),
    ("wav", "pcm_u8", 8_000, 1, "audio/wav"),
    ("wav", "pcm_f32le", 96_000, 6, "audio/wav"),
    ("wav", "pcm_f64le", 192_000, 1, "audio/wav"),
    ("wav", "pcm_alaw", 8_000, 1, "audio/wav"),
    ("mp3", "libmp3lame", 22_050, 1, "audio/mpeg"),
    ("mp3", "libmp3lame", 48_000, 2, "audio/mpeg"),
    ("flac", "flac", 44_100, 6, "audio/flac"),
    ("mp4", "aac", 44_100, 1, "audio/mp4"),
    ("ipod", "alac", 44_100, 2, "audio/mp4"),
    ("ogg", "libopus", 48_000, 1, "audio/ogg"),
]
NAMES = [f"{kind[0]}-{kind[1]}" for kind in KINDS]


@pytest.mark.parametrize(("container", "codec", "rate", "channels", "media_type"), KINDS, ids=NAMES)
def test_every_kind_is_told_by_its_bytes_and_mixed_to_mono(
    container: str, codec: str, rate: int, channels: int, media_type: str
) -> None:
    decoded = decode(file(container, codec, rate=rate, channels=channels))
    assert (decoded.media_type, decoded.channels, decoded.source_sample_rate) == (media_type, channels, rate)
    assert (decoded.sample_rate, decoded.samples.dtype, decoded.samples.ndim) == (rate, np.float32, 1)
    assert decoded.duration == pytest.approx(2.0, abs=0.05)
    assert decoded.damaged_packets == 0
    level = np.sqrt(np.mean(decoded.samples**2) / np.mean(buzz(2.0, rate) ** 2))
    assert level == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(("container", "codec", "rate", "channels", "media_type"), KINDS, ids=NAMES)
@pytest.mark.parametrize("kept", [0.97, 0.5, 0.05])
def test_truncated_file_is_refused_with_its_reason(
    container: str, codec: str, rate: int, channels: int, media_type: str, kept: float
) -> None:
    data = file(container, codec, rate=rate, channels=channels)
    with pytest.raises(AudioError, match=r"truncated|cannot be decoded|no audio"):
        decode(data[: int(kept * len(data))])


def test_our_own_files_lacking_their_last_bytes_are_truncated() -> None:
    for encoder in (encode_mp3, encode_wav):
        with pytest.raises(AudioError, match="truncated"):
            decode(encoder(buzz(), RATE)[:-3])


def test_mp3_without_info_frame_is_truncated_if_its_last_frame_is() -> None:
    mp3 = encode_mp3(buzz(), RATE)
    stripped = mp3[417:]  # the Info frame at 128 kbit/s and 44.1 kHz
    assert decode(stripped).duration == pytest.approx(2.0, abs=0.1)
    with pytest.raises(AudioError, match="truncated inside its last frame"):
        decode(stripped[:-100])


def test_channels_are_averaged() -> None:
    left, right = np.full(1000, 0.5, np.float32), np.full(1000, -0.25, np.float32)
    pcm = (np.stack([left, right], axis=1) * 32768).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, 4 * RATE, 4, 16)
    data = struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE") + form + struct.pack("<4sI", b"data", len(pcm)) + pcm
    assert np.allclose(decode(data).samples, 0.125)


def test_resampling_on_the_way_equals_resampling_afterwards() -> None:
    import soxr

    data = encode_wav(buzz(25.0), RATE)
    once = decode(data, target_rate=16_000)
    whole = soxr.resample(decode(data).samples, RATE, 16_000, quality="HQ")
    assert (once.sample_rate, once.source_sample_rate) == (16_000, RATE)
    assert abs(len(once.samples) - len(whole)) <= 1
    assert np.allclose(once.samples[:-100], whole[: len(once.samples) - 100], atol=1e-4)


def test_path_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(encode_mp3(buzz(), RATE))
    assert decode(path).media_type == "audio/mpeg"


def test_missing_file_and_directory_are_audio_errors(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"'nothing.wav' is not a file"):
        decode(tmp_path / "nothing.wav")
    with pytest.raises(AudioError, match="is not a file"):
        decode(tmp_path)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("song.wav", encode_wav(buzz(), RATE))
    return buffer.getvalue()


NOISE = np.random.default_rng(5).bytes(100_000)
IMPOSTORS = {
    "empty": (b"", "empty"),
    "one byte": (b"\xff", "not an audio file"),
    "text": (b"Dear Sir or Madam, " * 100, "not an audio file"),
    "pdf": (b"%PDF-1.7\n" + NOISE, "not an audio file"),
    "zip with a wav": (zipped(), "not an audio file"),
    "png": (b"\x89PNG\r\n\x1a\n" + NOISE, "not an audio file"),
    "playlist": (b"#EXTM3U\nhttp://localhost/secret\n", "not an audio file"),
    "concat script": (b"ffconcat version 1.0\nfile /etc/passwd\n", "not an audio file"),
    "noise": (NOISE, "not an audio file"),
    "matroska": (b"\x1a\x45\xdf\xa3" + NOISE, "not an audio file"),
    "aiff": (b"FORM\0\0\0\0AIFF" + NOISE, "not an audio file"),
    "adts aac": (b"\xff\xf1\x50\x80" + NOISE, "not an audio file"),
    "noise with an mp3 start": (b"\xff\xfb\x90\x00" + NOISE, "second frame is not one"),
    "noise behind an id3 tag": (b"ID3\x03\0\0\0\0\0\0" + NOISE, "no MPEG layer III"),
    "id3 tag alone": (b"ID3\x03\0\0\0\0\0\x20" + bytes(8), "truncated inside its tag"),
    "noise in wav": (b"RIFF\xff\xff\0\0WAVE" + NOISE, "truncated|no samples"),
    "wav header alone": (encode_wav(buzz(), RATE)[:44], "truncated"),
    "wav of nothing": (encode_wav(buzz(), RATE)[:40] + bytes(4), "no samples"),
    "noise in flac": (b"fLaC" + NOISE, "cannot be decoded|no audio"),
    "noise in ogg": (b"OggS" + NOISE, "truncated|cannot be decoded"),
    "noise in mp4": (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + NOISE, "truncated"),
    "film": (film(), "video"),
    "silent film": (film(sound=False), "video"),
    "two languages": (two_sounds(), "2 audio streams"),
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_what_is_not_one_recording_is_refused_with_its_reason(name: str) -> None:
    data, reason = IMPOSTORS[name]
    with pytest.raises(AudioError, match=reason):
        decode(data)


def test_codec_outside_the_list_is_refused() -> None:
    with pytest.raises(AudioError, match="codec 'adpcm_ms'"):
        decode(file("wav", "adpcm_ms", rate=22_050))


def test_nine_channels_are_refused() -> None:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 9, RATE, 18 * RATE, 18, 16)
    data = struct.pack("<4sI4s", b"RIFF", 36 + 1800, b"WAVE") + form + struct.pack("<4sI", b"data", 1800) + bytes(1800)
    with pytest.raises(AudioError, match="9 channels"):
        decode(data)


@pytest.mark.parametrize("rate", [1_000, 384_000])
def test_rates_of_no_recording_are_refused(rate: int) -> None:
    data = bytearray(encode_wav(buzz(0.2), RATE))
    struct.pack_into("<II", data, 24, rate, 2 * rate)
    with pytest.raises(AudioError, match=f"{rate} Hz"):
        decode(bytes(data))


def test_too_long_by_its_header_is_refused_before_decoding() -> None:
    with pytest.raises(AudioError, match="declares"):
        decode(encode_wav(buzz(), RATE), limits=DecodeLimits(max_seconds=1.0))


def test_too_long_without_a_header_is_refused_while_decoding() -> None:
    data = bytearray(encode_wav(buzz(30.0), RATE))
    struct.pack_into("<I", data, 4, 0xFFFFFFFF)
    struct.pack_into("<I", data, 40, 0xFFFFFFFF)  # as a writer to a pipe leaves it
    assert decode(bytes(data)).duration == pytest.approx(30.0)
    with pytest.raises(AudioError, match=r"longer than|declares"):
        decode(bytes(data), limits=DecodeLimits(max_seconds=20.0))


def test_too_many_bytes_are_refused_before_and_after_decoding() -> None:
    data = encode_wav(buzz(25.0), RATE)
    with pytest.raises(AudioError, match="more than 1000 are read"):
        decode(data, limits=DecodeLimits(max_encoded_bytes=1000))
    with pytest.raises(AudioError, match="exceeds 1000000 bytes"):
        decode(data, limits=DecodeLimits(max_decoded_bytes=1_000_000))


def test_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_mp3(np.zeros(RATE * 20, np.float32), RATE, 64_000)
    limits = DecodeLimits(max_ratio=20.0)
    assert decode(data, limits=limits).duration == pytest.approx(20.0)  # too small to do harm
    monkeypatch.setattr("synth.collect.RATIO_FREE_BYTES", 1 << 20)
    with pytest.raises(AudioError, match="unfolds more than 20-fold"):
        decode(data, limits=limits)


def test_three_hours_stay_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    size = 3 * 3600 * 16_000 * 2
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 8_000, 32_000, 4, 16)
    with path.open("wb") as sparse:
        sparse.write(struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size))
        sparse.truncate(44 + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decoded = decode(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert decoded.duration == 3 * 3600
    assert grown < 1.2 * decoded.samples.nbytes / 2**20 + 30  # MB; the file has as much again, and is never held
    with pytest.raises(AudioError, match="declares 180 minutes"):
        decode(path, limits=DecodeLimits(max_seconds=3600))


def test_a_few_changed_bytes_do_not_stop_a_check() -> None:
    data = encode_mp3(buzz(10.0), RATE)
    random = np.random.default_rng(9)
    for _ in range(30):
        damaged = bytearray(data)
        for place in random.integers(1_000, len(data), 6):
            damaged[place] ^= 1 << int(random.integers(8))
        decoded = decode(bytes(damaged))
        assert decoded.duration == pytest.approx(10.0, abs=0.3)
        assert np.isfinite(decoded.samples).all()


def test_a_file_of_damage_is_refused() -> None:
    data = encode_mp3(buzz(10.0), RATE)
    random = np.random.default_rng(9)
    damaged = bytearray(data)
    for place in range(2_000, len(data) - 500, 418):
        damaged[place : place + 200] = random.bytes(200)
    with pytest.raises(AudioError, match=r"damaged|cannot be decoded|truncated"):
        decode(bytes(damaged))


def test_not_a_number_in_a_float_file_is_damage() -> None:
    data = bytearray(file("wav", "pcm_f32le"))
    place = data.find(b"data") + 8
    data[place : place + 320_000] = struct.pack("<f", float("nan")) * 80_000
    with pytest.raises(AudioError, match="damaged"):
        decode(bytes(data))


def test_cover_picture_and_tags_are_no_obstacle() -> None:
    tagged = tag(
        encode_mp3(buzz(), RATE), "audio/mpeg", Tags(title="One", chapters=(ChapterMark(0.0, "A"),), duration=2.0)
    )
    assert decode(tagged).duration == pytest.approx(2.0)


def outcome(data: bytes) -> Decoded | AudioError:
    try:
        return decode(data, limits=DecodeLimits(max_seconds=60.0, max_decoded_bytes=1 << 26))
    except AudioError as error:
        return error


STARTS = st.sampled_from(
    [b"RIFF\x24\0\0\0WAVEfmt ", b"ID3\x03\0\0", b"\xff\xfb\x90\xc0", b"fLaC\0\0\0\x22", b"OggS\0\2"]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400) | st.tuples(STARTS, st.binary(max_size=400)).map(b"".join))
def test_any_bytes_are_audio_or_an_audio_error(data: bytes) -> None:
    found = outcome(data)
    assert isinstance(found, AudioError) or len(found.samples) > 0


SMALL = {kind[:2]: file(*kind[:2], rate=kind[2], channels=kind[3], seconds=0.3) for kind in KINDS}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SMALL)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_any_changed_header_is_audio_or_an_audio_error(kind: tuple[str, str], changes: list[tuple[float, int]]) -> None:
    data = bytearray(SMALL[kind])
    for place, value in changes:
        data[int(place**3 * (len(data) - 1))] = value
    found = outcome(bytes(data))
    assert isinstance(found, AudioError) or np.isfinite(found.samples).all()


@pytest.mark.parametrize("cut", [1, 5000, 20_011])
def test_mp3_that_begins_in_the_middle_of_a_frame_is_read_from_the_next_one(cut: int) -> None:
    """A recording of a stream, or a download that was resumed, begins anywhere."""
    samples = buzz(6.0)
    whole = encode_mp3(samples, 44_100)
    read = decode(whole[cut:])
    missing = (len(samples) - len(read.samples)) / 44_100
    assert read.media_type == "audio/mpeg"
    # 128 kbit/s are 16,000 bytes a second; without its Info frame the encoder's own delay is heard too.
    assert -0.1 <= missing < cut / 16_000 + 0.2
