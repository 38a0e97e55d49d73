"""One suite for the watermark port, run on every implementation that this tree can construct."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soxr

from synth.adapters.keyed import KeyedMark
from synth.errors import AudioError
from synth.watermark import IdentifyingWatermark, InPlaceWatermark, Payload, Presence, reads_back
from tests.speech_samples import SAMPLE_RATE, reading, recoded

EPISODE, OTHER = Payload("01JDX7M0Q5W3ZK8N2V4B6C9D1E"), Payload("01JDX7M0Q5W3ZK8N2V4B6C9D1F")
AUDIOSEAL_WEIGHTS = Path("synth/weights/audioseal")


SPEECH_SECONDS = 20  # enough for every layer to be certain


def speech(seconds=SPEECH_SECONDS):
    return reading("story")[: int(seconds * SAMPLE_RATE)]


def construct(name):
    if name == "keyed":
        return KeyedMark(key=b"contract" * 4)
    from synth.adapters.audioseal import AudioSealMark

    return AudioSealMark()


IMPLEMENTATIONS = ["keyed", *(["audioseal"] if (AUDIOSEAL_WEIGHTS / "card.toml").exists() else [])]


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def mark(request):
    return construct(request.param)


@pytest.fixture(scope="module")
def marked(mark):
    return mark.embed(speech(), SAMPLE_RATE, EPISODE)


def test_name_and_version_say_what_made_the_mark(mark):
    assert mark.name in IMPLEMENTATIONS
    assert mark.version
    assert construct(mark.name).version == mark.version


def test_a_layer_that_names_episodes_says_so(mark):
    assert isinstance(mark, IdentifyingWatermark) == (mark.name == "keyed")


def test_a_layer_that_writes_over_the_sound_writes_the_same(mark, marked):
    assert isinstance(mark, InPlaceWatermark)
    samples = speech().copy()
    mark.embed_in_place(samples, SAMPLE_RATE, EPISODE)
    assert np.array_equal(samples, marked)


def test_marking_leaves_what_it_was_given(mark):
    samples = speech(5).copy()
    mark.embed(samples, SAMPLE_RATE, EPISODE)
    assert np.array_equal(samples, speech(5))


def test_marked_speech_keeps_its_form(mark, marked):
    assert marked.dtype == np.float32
    assert marked.shape == speech().shape
    assert np.isfinite(marked).all()
    assert np.abs(marked).max() <= 1
    assert not np.array_equal(marked, speech())


def test_mark_reads_back_as_written(mark, marked):
    detection = mark.detect(marked, SAMPLE_RATE, [OTHER, EPISODE])
    assert detection.layer == mark.name
    assert reads_back(detection, EPISODE)
    assert not reads_back(detection, OTHER)


def test_mark_reads_back_from_an_mp3_at_128_kbit(mark, marked):
    heard = recoded(marked, SAMPLE_RATE, codec="libmp3lame", bit_rate=128_000)
    assert reads_back(mark.detect(heard, SAMPLE_RATE, [EPISODE]), EPISODE)


def test_spans_lie_within_the_audio(mark, marked):
    spans = mark.detect(marked, SAMPLE_RATE, [EPISODE]).spans
    assert spans
    for start, stop in spans:
        assert 0 <= start < stop <= len(marked) / SAMPLE_RATE + 0.01


def test_unmarked_speech_is_not_detected(mark):
    detection = mark.detect(speech(), SAMPLE_RATE, [EPISODE])
    assert detection.presence is not Presence.DETECTED
    assert detection.episode_id is None


def test_same_input_gives_the_same_marks_in_any_thread(mark):
    first, other = (mark.embed(speech(3), SAMPLE_RATE, payload) for payload in (EPISODE, OTHER))
    assert not np.array_equal(first, other)
    with ThreadPoolExecutor(2) as threads:
        marks = [construct(mark.name), mark]
        together = list(threads.map(lambda mark: mark.embed(speech(3), SAMPLE_RATE, EPISODE), marks))
    for again in together:
        np.testing.assert_allclose(again, first, atol=1e-5)
    assert np.array_equal(mark.embed(speech(3), SAMPLE_RATE, EPISODE), first)


def test_callers_samples_are_left_alone(mark):
    samples = speech(3).copy()
    mark.embed(samples, SAMPLE_RATE, EPISODE)
    mark.detect(samples, SAMPLE_RATE, [EPISODE])
    assert np.array_equal(samples, speech(3))


@pytest.mark.parametrize("seconds", [0, 0.01, 8])
def test_digital_silence_stays_silent(mark, seconds):
    silence = np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
    assert np.array_equal(mark.embed(silence, SAMPLE_RATE, EPISODE), silence)
    assert mark.detect(silence, SAMPLE_RATE, [EPISODE]).presence is not Presence.DETECTED


def test_pause_inside_speech_stays_silent_once_the_mark_has_rung_out(mark):
    samples = speech(5).copy()
    samples[2 * SAMPLE_RATE : 3 * SAMPLE_RATE] = 0
    marked = mark.embed(samples, SAMPLE_RATE, EPISODE)
    assert not marked[int(2.06 * SAMPLE_RATE) : int(2.94 * SAMPLE_RATE)].any()


@pytest.mark.parametrize("length", [1, 2, 240, 4_801])
def test_very_short_audio_is_marked_and_examined_without_complaint(mark, length):
    samples = speech()[SAMPLE_RATE : SAMPLE_RATE + length]
    assert mark.embed(samples, SAMPLE_RATE, EPISODE).shape == samples.shape
    assert mark.detect(samples, SAMPLE_RATE, [EPISODE]).layer == mark.name


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_keep_their_length(mark, rate):
    samples = soxr.resample(speech(3.7), SAMPLE_RATE, rate)
    assert mark.embed(samples, rate, EPISODE).shape == samples.shape


def test_speech_at_44100_hz_reads_back(mark):
    samples = soxr.resample(speech(12.5), SAMPLE_RATE, 44_100)
    assert reads_back(mark.detect(mark.embed(samples, 44_100, EPISODE), 44_100, [EPISODE]), EPISODE)


def test_full_scale_square_wave_does_not_exceed_full_scale(mark):
    wave = np.sign(np.sin(2 * np.pi * 220 * np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    assert np.abs(mark.embed(wave, SAMPLE_RATE, EPISODE)).max() <= 1


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.full(30_000, np.nan, dtype=np.float32), SAMPLE_RATE),
        (np.full(30_000, np.inf, dtype=np.float32), SAMPLE_RATE),
        (np.zeros((2, 30_000), dtype=np.float32), SAMPLE_RATE),
        (np.zeros(30_000), SAMPLE_RATE),
        (np.zeros(30_000, dtype=np.float32), 7_999),
    ],
    ids=["nan", "infinity", "stereo", "float64", "rate"],
)
def test_unusable_samples_are_refused(mark, samples, rate):
    with pytest.raises(AudioError):
        mark.embed(samples, rate, EPISODE)
    with pytest.raises(AudioError):
        mark.detect(samples, rate, [EPISODE])


def test_no_candidates_never_identify_an_episode(mark, marked):
    detection = mark.detect(marked, SAMPLE_RATE, [])
    assert detection.episode_id is None
