"""The keyed mark on real speech: what it survives, what it refuses to claim, and where it says that it is."""

import numpy as np
import pytest
import soxr

from synth.adapters.keyed import KeyedMark
from synth.errors import MarkUnavailableError
from synth.keyed.reader import KeyedReader
from synth.watermark import Payload, Presence, reads_back
from tests.speech_samples import SAMPLE_RATE, reading, recoded

KEY, OTHER_KEY = b"k" * 32, b"K" * 32
EPISODE = Payload("episode-617")
REGISTRY = [Payload(f"episode-{number}") for number in range(1000)]


@pytest.fixture(scope="module")
def mark():
    return KeyedMark(key=KEY)


@pytest.fixture(scope="module")
def marked(mark):
    return mark.embed(reading("news"), SAMPLE_RATE, EPISODE)


def part(samples, start, stop):
    return samples[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)]


@pytest.mark.parametrize(
    ("codec", "bit_rate"), [("libmp3lame", 128_000), ("libmp3lame", 64_000), ("libmp3lame", 32_000), ("aac", 96_000)]
)
def test_mark_survives_lossy_coding(mark, marked, codec, bit_rate):
    detection = mark.detect(recoded(marked, SAMPLE_RATE, codec=codec, bit_rate=bit_rate), SAMPLE_RATE, [EPISODE])
    assert reads_back(detection, EPISODE)
    assert detection.false_match_bound < 1e-12


def test_excerpt_is_found_among_a_thousand_episodes_with_a_proven_bound(mark, marked):
    excerpt = recoded(part(marked, 3.21, 23.21), SAMPLE_RATE, codec="libmp3lame", bit_rate=64_000)
    detection = mark.detect(excerpt, SAMPLE_RATE, REGISTRY)
    assert detection.episode_id == EPISODE.episode_id
    assert detection.false_match_bound < 1e-6
    ((start, stop),) = detection.spans
    assert start < 2.5
    assert stop > 17


def test_wrong_key_finds_nothing(marked):
    detection = KeyedReader(key=OTHER_KEY).detect(marked, SAMPLE_RATE, REGISTRY[600:650])
    assert detection.presence is Presence.NOT_DETECTED
    assert detection.episode_id is None


def test_other_episodes_are_never_named(mark, marked):
    others = [episode for episode in REGISTRY if episode != EPISODE]
    assert mark.detect(marked, SAMPLE_RATE, others).presence is Presence.NOT_DETECTED


@pytest.mark.parametrize("name", ["news", "story"])
def test_unmarked_speech_matches_no_episode_under_any_key(name):
    for key in range(5):
        reader = KeyedReader(key=key.to_bytes(32, "big"), longest_episode=600)
        assert reader.detect(reading(name), SAMPLE_RATE, REGISTRY[:100]).presence is Presence.NOT_DETECTED


def test_span_leaves_out_foreign_speech_in_the_middle(mark, marked):
    spliced = np.concatenate([part(marked, 0, 10), part(reading("story"), 0, 7.5), part(marked, 17.5, 27.5)])
    first, second = mark.detect(spliced, SAMPLE_RATE, [EPISODE]).spans
    assert first == (0.0, pytest.approx(10, abs=2.6))
    assert second[0] == pytest.approx(17.5, abs=2.6)


def test_mark_reads_after_the_gain_is_changed_and_clipped(mark, marked):
    assert reads_back(mark.detect(np.clip(marked * 6, -1, 1), SAMPLE_RATE, [EPISODE]), EPISODE)
    assert reads_back(mark.detect(marked * np.float32(0.02), SAMPLE_RATE, [EPISODE]), EPISODE)


def test_mark_written_at_24_khz_reads_at_44100_hz(mark, marked):
    resampled = soxr.resample(marked, SAMPLE_RATE, 44_100)
    assert reads_back(mark.detect(resampled, 44_100, [EPISODE]), EPISODE)


def test_faster_playing_is_found_when_its_rate_is_searched(marked):
    faster = soxr.resample(marked, SAMPLE_RATE * 1.1, SAMPLE_RATE)
    assert KeyedReader(key=KEY).detect(faster, SAMPLE_RATE, [EPISODE]).presence is Presence.NOT_DETECTED
    detection = KeyedReader(key=KEY, rates=(1.0, 1.1)).detect(faster, SAMPLE_RATE, [EPISODE])
    assert reads_back(detection, EPISODE)
    assert detection.spans[-1][1] <= len(faster) / SAMPLE_RATE


def test_too_little_sound_is_inconclusive_not_absent(mark, marked):
    for seconds in (0, 0.01, 2.4, 6):
        assert mark.detect(part(marked, 0, seconds), SAMPLE_RATE, [EPISODE]).presence is Presence.INCONCLUSIVE
    silence = np.zeros(30 * SAMPLE_RATE, dtype=np.float32)
    assert mark.detect(silence, SAMPLE_RATE, [EPISODE]).presence is Presence.INCONCLUSIVE


def test_registry_that_names_an_episode_twice_counts_it_once(mark, marked):
    once = mark.detect(marked, SAMPLE_RATE, [EPISODE])
    assert mark.detect(marked, SAMPLE_RATE, [EPISODE, EPISODE]) == once


def test_silent_blocks_keep_their_place_in_the_episode(mark):
    gap = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    paused = np.concatenate([part(reading("news"), 0, 7.5), gap, part(reading("news"), 7.5, 17.5)])
    output = mark.embed(paused, SAMPLE_RATE, EPISODE)
    assert not part(output, 7.51, 12.49).any()
    after = mark.detect(part(output, 12.5, 22.5), SAMPLE_RATE, [EPISODE])
    assert reads_back(after, EPISODE)


def test_cutting_the_analysis_into_minutes_changes_nothing(marked):
    """Windows 112 to 119 end the first minute and 120 begins the second; 112 and 0 begin on the same frame grid."""
    reader = KeyedReader(key=KEY)
    long = np.concatenate([marked] * 3)
    bits = reader.listen(long, SAMPLE_RATE, 1.0).bits
    alone = reader.listen(part(long, 56, 70), SAMPLE_RATE, 1.0).bits
    assert len(bits) == (len(long) / SAMPLE_RATE - 2.5) // 0.5 + 1
    np.testing.assert_allclose(alone[1:], bits[113 : 112 + len(alone)], atol=0.05)


def test_excerpt_is_found_inside_a_long_recording_of_other_speech(mark, marked):
    before, after = (np.concatenate([reading("story")] * count) for count in (12, 9))
    recording = np.concatenate([before, part(marked, 5, 25), after])
    detection = mark.detect(recording, SAMPLE_RATE, REGISTRY[600:630])
    assert reads_back(detection, EPISODE)
    ((start, stop),) = detection.spans
    seconds = len(before) / SAMPLE_RATE
    assert (start, stop) == (pytest.approx(seconds, abs=3), pytest.approx(seconds + 20, abs=3))


def test_parts_in_another_order_are_all_found(mark, marked):
    spliced = np.concatenate([part(marked, 16.3, 28), part(marked, 1.1, 14)])
    spans = mark.detect(spliced, SAMPLE_RATE, [EPISODE]).spans
    assert spans[0][0] < 3
    assert spans[-1][1] > 21
    assert sum(stop - start for start, stop in spans) > 17


def test_pause_of_subnormal_numbers_does_not_spoil_the_mark(mark):
    """Decoders and filters leave 1e-39 where there was silence; its gradient once was not a number."""
    samples = part(reading("news"), 0, 10).copy()
    samples[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] = np.resize([1e-39, -1e-39, 2e-39], 2 * SAMPLE_RATE).astype(np.float32)
    output = mark.embed(samples, SAMPLE_RATE, EPISODE)
    assert reads_back(mark.detect(output, SAMPLE_RATE, [EPISODE]), EPISODE)


def test_added_signal_is_twenty_decibels_below_the_speech(marked):
    speech = reading("news")
    ratio = 10 * np.log10(np.mean(np.square(speech)) / np.mean(np.square(marked - speech)))
    assert 20 < ratio < 30


def test_missing_key_refuses_to_construct():
    with pytest.raises(MarkUnavailableError):
        KeyedMark(key=b"")
    with pytest.raises(MarkUnavailableError):
        KeyedReader(key=b"short")


def test_version_names_the_key_without_telling_it(mark):
    assert mark.version == KeyedReader(key=KEY).version
    assert mark.version != KeyedReader(key=OTHER_KEY).version
    assert KEY.hex()[:8] not in mark.version
