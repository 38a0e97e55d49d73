"""Fingerprints: same content agrees at the right place, other content does not, and damaged files are refused."""

from contextlib import suppress

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import AudioError
from synth.fingerprint import (
    AGREEMENT,
    HOP_SECONDS,
    VERSION,
    Fingerprint,
    Match,
    agrees,
    compare,
    fingerprint,
    listen,
)
from tests.speech_samples import SAMPLE_RATE, reading, recoded


@pytest.fixture(scope="module")
def programme():
    """Return a minute of two readings and its fingerprint."""
    samples = np.concatenate([reading("news"), reading("story")])
    return samples, fingerprint(samples, SAMPLE_RATE)


def words(*values: int) -> Fingerprint:
    return Fingerprint(VERSION, HOP_SECONDS, np.array(values, dtype=">u4").tobytes())


def test_same_audio_after_mp3_at_64_kbit_agrees_at_its_place(programme):
    samples, reference = programme
    heard = recoded(samples, SAMPLE_RATE, codec="libmp3lame", bit_rate=64_000)
    match = compare(fingerprint(heard, SAMPLE_RATE), reference)
    assert agrees(match)
    assert match.offset_seconds == pytest.approx(0, abs=0.11)
    assert match.bit_error_rate < 0.15
    assert match.overlap_seconds > 50


@pytest.mark.parametrize("start", [0.0, 12.04, 33.35, 49.97])
def test_excerpt_of_ten_seconds_is_found_where_it_was_cut(programme, start):
    samples, reference = programme
    excerpt = samples[int(start * SAMPLE_RATE) : int((start + 10) * SAMPLE_RATE)]
    heard = recoded(excerpt, SAMPLE_RATE, codec="libmp3lame", bit_rate=64_000)
    match = compare(fingerprint(heard, SAMPLE_RATE), reference)
    assert agrees(match)
    assert match.offset_seconds == pytest.approx(start, abs=0.15)


def test_longer_query_begins_before_its_reference(programme):
    samples, whole = programme
    part = fingerprint(samples[20 * SAMPLE_RATE : 40 * SAMPLE_RATE], SAMPLE_RATE)
    match = compare(whole, part)
    assert agrees(match)
    assert match.offset_seconds == pytest.approx(-20, abs=0.11)


def test_other_words_of_the_same_voice_do_not_agree():
    news, story = (fingerprint(reading(name), SAMPLE_RATE) for name in ("news", "story"))
    match = compare(news, story)
    assert not agrees(match)
    assert match.bit_error_rate > AGREEMENT + 0.08


def test_rate_and_level_do_not_change_the_content(programme):
    samples, reference = programme
    heard = soxr.resample(samples, SAMPLE_RATE, 44_100) * np.float32(0.1)
    match = compare(fingerprint(heard, 44_100), reference)
    assert agrees(match)
    assert match.bit_error_rate < 0.02


def test_length_of_audio_decides_number_of_words(programme):
    samples, reference = programme
    assert len(reference) == pytest.approx(len(samples) / SAMPLE_RATE / HOP_SECONDS, abs=10)
    assert len(fingerprint(samples[: SAMPLE_RATE // 2], SAMPLE_RATE)) == 0


@pytest.mark.parametrize("seconds", [0, 0.01, 0.9, 20])
def test_silence_agrees_with_nothing_not_even_silence(programme, seconds):
    silent = fingerprint(np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32), SAMPLE_RATE)
    for other in (silent, programme[1]):
        assert compare(silent, other) == Match(offset_seconds=0.0, bit_error_rate=0.5, overlap_seconds=0.0)
    assert not agrees(compare(silent, silent))


def test_long_silence_around_speech_is_not_counted_as_overlap():
    gap = np.zeros(30 * SAMPLE_RATE, dtype=np.float32)
    samples = np.concatenate([gap, reading("news")[: 8 * SAMPLE_RATE], gap])
    recording = fingerprint(samples, SAMPLE_RATE)
    assert 6 < compare(recording, recording).overlap_seconds < 10


def test_few_words_never_agree_however_equal():
    assert not agrees(compare(words(1, 2, 3, 4), words(1, 2, 3, 4)))


def test_error_rate_counts_wrong_bits():
    query, reference = words(*range(1, 101)), words(*(value ^ 0xFF for value in range(1, 101)))
    match = compare(query, words(*range(1, 101)))
    assert (match.offset_seconds, match.bit_error_rate, match.overlap_seconds) == (0.0, 0.0, 10.0)
    inverted = np.random.default_rng(1).integers(1, 2**32, 200)
    match = compare(words(*inverted), words(*(inverted ^ 0x000000FF)))
    assert match.bit_error_rate == pytest.approx(0.25)
    assert compare(query, reference).bit_error_rate <= 0.25


def test_bytes_hold_the_whole_fingerprint(programme):
    reference = programme[1]
    assert Fingerprint.from_bytes(reference.to_bytes()) == reference
    assert reference.to_bytes()[:4] == b"AsFP"
    assert len(reference.to_bytes()) == 11 + 4 * len(reference)


def test_same_audio_gives_the_same_bytes(programme):
    assert fingerprint(programme[0], SAMPLE_RATE) == programme[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[:-1],
        lambda data: data + b"\0\0\0\0",
        lambda data: b"RIFF" + data[4:],
        lambda data: data[:4] + b"\x03" + data[5:],
        lambda data: data[:7] + b"\xff\xff\xff\xff" + data[11:],
    ],
    ids=["empty", "header cut", "last word cut", "one word more", "other file", "later version", "huge count"],
)
def test_damaged_file_is_refused(damage):
    with pytest.raises(AudioError):
        Fingerprint.from_bytes(damage(words(1, 2, 3).to_bytes()))


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda tail: b"AsFP\x02\x00\x64" + tail)))
def test_any_bytes_are_refused_or_written_back_the_same(data):
    with suppress(AudioError):
        assert Fingerprint.from_bytes(data).to_bytes() == data


def test_versions_are_not_mixed():
    with pytest.raises(AudioError, match="versions"):
        compare(words(1), Fingerprint(VERSION + 1, HOP_SECONDS, bytes(4)))


@pytest.mark.parametrize("bad", [np.full(9_000, np.nan, dtype=np.float32), np.zeros((2, 9_000), dtype=np.float32)])
def test_unusable_samples_are_refused(bad):
    with pytest.raises(AudioError):
        fingerprint(bad, SAMPLE_RATE)


@pytest.mark.parametrize("speed", [0.9, 0.95, 1.05, 1.1])
def test_speed_that_is_undone_leaves_the_content(programme, speed):
    samples, reference = programme
    faster = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / speed)
    match = compare(listen(faster, SAMPLE_RATE, rate=speed, tempo=speed), reference)
    assert match.offset_seconds == pytest.approx(0, abs=0.11)
    assert match.bit_error_rate < 0.05
    assert compare(listen(faster, SAMPLE_RATE), reference).bit_error_rate > AGREEMENT


def test_listening_may_begin_later(programme):
    samples, reference = programme
    later = listen(samples, SAMPLE_RATE, start=10.0)
    assert compare(later, reference).offset_seconds == pytest.approx(10.0, abs=0.01)
    assert len(reference) - len(later) == 100


def test_changes_near_zero_count_little(programme):
    samples, reference = programme
    noisy = samples + 0.3 * samples.std() * np.random.default_rng(4).standard_normal(len(samples)).astype(np.float32)
    weighted = compare(listen(noisy, SAMPLE_RATE), reference).bit_error_rate
    assert weighted < 0.6 * compare(fingerprint(noisy, SAMPLE_RATE), reference).bit_error_rate


def test_signs_of_the_changes_are_the_fingerprint(programme):
    samples, reference = programme
    changes = listen(samples, SAMPLE_RATE)
    sounding = changes.any(axis=1)
    assert np.array_equal(np.sign(changes[sounding]) > 0, reference.signs()[sounding] > 0)
