"""The keyed mark on real speech: what it survives, what it refuses to claim, and where it says that it is."""

import av
import numpy as np
import pytest
import soxr

from synth.adapters.keyed import KeyedMark
from synth.errors import MarkUnavailableError
from synth.keyed.jitter import edge
from synth.keyed.reader import KeyedReader
from synth.watermark import Payload, Presence, Registry, reads_back
from tests.speech_samples import SAMPLE_RATE, reading, recoded

KEY, OTHER_KEY = b"k" * 32, b"K" * 32
EPISODE = Payload("episode-617")
REGISTRY = Registry(f"episode-{number}" for number in range(1000))


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


def test_wrong_key_finds_nothing(marked):
    detection = KeyedReader(key=OTHER_KEY).detect(marked, SAMPLE_RATE, REGISTRY[600:650])
    assert detection.presence is Presence.NOT_DETECTED
    assert detection.episode_id is None


def test_other_episodes_are_never_named(mark, marked):
    others = [episode for episode in REGISTRY if episode != EPISODE]
    assert mark.detect(marked, SAMPLE_RATE, others).presence is Presence.NOT_DETECTED


def test_mark_reads_after_the_gain_is_changed_and_clipped(mark, marked):
    assert reads_back(mark.detect(np.clip(marked * 6, -1, 1), SAMPLE_RATE, [EPISODE]), EPISODE)
    assert reads_back(mark.detect(marked * np.float32(0.02), SAMPLE_RATE, [EPISODE]), EPISODE)


def test_mark_written_at_24_khz_reads_at_44100_hz(mark, marked):
    resampled = soxr.resample(marked, SAMPLE_RATE, 44_100)
    assert reads_back(mark.detect(resampled, 44_100, [EPISODE]), EPISODE)


def test_registry_that_names_an_episode_twice_counts_it_once(mark, marked):
    once = mark.detect(marked, SAMPLE_RATE, [EPISODE])
    assert mark.detect(marked, SAMPLE_RATE, [EPISODE, EPISODE]) == once


def test_silent_blocks_keep_their_place_in_the_episode(mark):
    gap = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    paused = np.concatenate([part(reading("news"), 0, 7.5), gap, part(reading("news"), 7.5, 17.5)])
    output = mark.embed(paused, SAMPLE_RATE, EPISODE)
    assert not part(output, 7.56, 12.44).any()
    after = mark.detect(part(output, 12.5, 22.5), SAMPLE_RATE, [EPISODE])
    assert reads_back(after, EPISODE)


def test_pause_of_subnormal_numbers_does_not_spoil_the_mark(mark):
    """Decoders and filters leave 1e-39 where there was silence; its gradient once was not a number."""
    samples = part(reading("news"), 0, 10).copy()
    samples[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] = np.resize([1e-39, -1e-39, 2e-39], 2 * SAMPLE_RATE).astype(np.float32)
    output = mark.embed(samples, SAMPLE_RATE, EPISODE)
    assert reads_back(mark.detect(output, SAMPLE_RATE, [EPISODE]), EPISODE)


def test_missing_key_refuses_to_construct():
    with pytest.raises(MarkUnavailableError):
        KeyedMark(key=b"")
    with pytest.raises(MarkUnavailableError):
        KeyedReader(key=b"short")


def test_version_names_the_key_without_telling_it(mark):
    assert mark.version == KeyedReader(key=KEY).version
    assert mark.version.startswith("2+")
    assert mark.version != KeyedReader(key=OTHER_KEY).version
    assert KEY.hex()[:8] not in mark.version


def test_six_seconds_are_found_among_a_hundred_thousand_episodes_with_a_proven_bound(mark, marked):
    registry = Registry(f"episode-{number}" for number in range(100_000))
    excerpt = recoded(part(marked, 3.21, 10.71), SAMPLE_RATE, codec="libmp3lame", bit_rate=64_000)
    detection = mark.detect(excerpt, SAMPLE_RATE, registry)
    assert detection.episode_id == EPISODE.episode_id
    assert detection.false_match_bound < 1e-6


def test_passage_says_which_seconds_are_which(mark, marked):
    (passage,) = mark.detect(part(marked, 3.2, 23.2), SAMPLE_RATE, REGISTRY).passages
    assert passage.episode_id == EPISODE.episode_id
    assert passage.start < 2.5 + 2.5
    assert passage.end > 15
    assert passage.episode_start - passage.start == pytest.approx(3.2, abs=0.6)
    assert passage.episode_end - passage.end == pytest.approx(3.2, abs=0.6)
    assert (passage.rate, passage.tempo) == (1.0, 1.0)
    assert passage.false_match_bound < 1e-12


@pytest.mark.parametrize("rate", [0.9, 0.95, 1.05, 1.1])
def test_changed_speed_is_found_and_named(mark, marked, rate):
    faster = soxr.resample(marked, SAMPLE_RATE * rate, SAMPLE_RATE).astype(np.float32)
    detection = mark.detect(faster, SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    passage = max(detection.passages, key=lambda one: one.end - one.start)
    assert passage.rate == pytest.approx(rate, abs=0.02)
    assert passage.tempo == pytest.approx(rate, abs=0.02)
    assert detection.spans[-1][1] <= len(faster) / SAMPLE_RATE + 0.1


def test_shifted_pitch_is_found_and_named(mark, marked):
    semitone = 2 ** (1 / 12)
    higher = time_stretched(soxr.resample(marked, SAMPLE_RATE * semitone, SAMPLE_RATE).astype(np.float32), 1 / semitone)
    assert len(higher) == pytest.approx(len(marked), rel=0.01)
    detection = mark.detect(part(higher, 0, 20), SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    passage = max(detection.passages, key=lambda one: one.end - one.start)
    assert passage.rate == pytest.approx(semitone, abs=0.02)
    assert passage.tempo == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("tempo", [0.9, 1.1])
def test_stretched_time_is_found_and_named(mark, marked, tempo):
    detection = mark.detect(part(time_stretched(marked, tempo), 0, 20), SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    passage = max(detection.passages, key=lambda one: one.end - one.start)
    assert passage.rate == pytest.approx(1.0, abs=0.02)
    assert passage.tempo == pytest.approx(tempo, abs=0.02)


def test_ten_decibels_of_noise_on_twenty_seconds_are_survived(mark, marked):
    excerpt = part(marked, 5, 25)
    noise = np.random.default_rng(1).standard_normal(len(excerpt)).astype(np.float32)
    noisy = excerpt + noise * np.sqrt(np.mean(np.square(excerpt)) / 10, dtype=np.float32)
    assert reads_back(mark.detect(noisy, SAMPLE_RATE, REGISTRY), EPISODE)


@pytest.mark.parametrize("key", range(3))
def test_unmarked_speech_matches_no_episode_under_any_key(key):
    reader = KeyedReader(key=key.to_bytes(32, "big"))
    detection = reader.detect(part(reading("story"), 0, 20), SAMPLE_RATE, REGISTRY)
    assert detection.presence is Presence.NOT_DETECTED
    assert detection.passages == ()


def test_too_little_sound_is_inconclusive_not_absent(mark, marked):
    for seconds in (0, 0.01, 1.9):
        assert mark.detect(part(marked, 0, seconds), SAMPLE_RATE, [EPISODE]).presence is Presence.INCONCLUSIVE
    many = Registry(f"episode-{number}" for number in range(100_000))
    assert mark.detect(part(reading("story"), 0, 3), SAMPLE_RATE, many).presence is Presence.INCONCLUSIVE
    silence = np.zeros(30 * SAMPLE_RATE, dtype=np.float32)
    assert mark.detect(silence, SAMPLE_RATE, [EPISODE]).presence is Presence.INCONCLUSIVE


def test_splice_is_mapped_piece_by_piece(mark, marked):
    spliced = np.concatenate([part(marked, 16.3, 28), part(reading("story"), 0, 7.5), part(marked, 1.1, 14)])
    first, second = mark.detect(spliced, SAMPLE_RATE, REGISTRY).passages
    assert first.end == pytest.approx(11.7, abs=2.6)
    assert second.start == pytest.approx(19.2, abs=2.6)
    assert first.episode_start - first.start == pytest.approx(16.3, abs=0.8)
    assert second.episode_start - second.start == pytest.approx(1.1 - 19.2, abs=0.8)


def test_ten_seconds_beside_other_speech_are_found_in_a_short_recording(mark, marked):
    other = reading("story")
    mixed = np.concatenate([part(other, 0, 9), part(marked, 4.3, 14.8), part(other, 9, 17)])
    detection = mark.detect(mixed, SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    assert detection.passages[0].start > 8
    assert detection.passages[-1].end < 20.5


def test_two_episodes_in_one_recording_are_both_named(mark, marked):
    other = mark.embed(reading("story"), SAMPLE_RATE, REGISTRY[3])
    mixed = np.concatenate([part(marked, 2, 22), part(other, 4, 22)])
    detection = mark.detect(mixed, SAMPLE_RATE, REGISTRY)
    places = {passage.episode_id: passage for passage in detection.passages}
    assert set(places) == {EPISODE.episode_id, REGISTRY[3].episode_id}
    assert places[EPISODE.episode_id].end < 23
    assert places[REGISTRY[3].episode_id].start > 19


def test_excerpt_is_found_inside_a_long_recording_of_other_speech(mark, marked):
    before, after = (np.concatenate([reading("story")] * count) for count in (5, 4))
    recording = np.concatenate([before, part(marked, 5, 25), after])
    assert len(recording) / SAMPLE_RATE > 200
    detection = mark.detect(recording, SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    (passage,) = detection.passages
    seconds = len(before) / SAMPLE_RATE
    assert (passage.start, passage.end) == (pytest.approx(seconds, abs=3), pytest.approx(seconds + 20, abs=3))
    assert passage.episode_start - passage.start == pytest.approx(5 - seconds, abs=0.6)


def test_likely_episode_is_found_although_the_registry_does_not_list_it(mark, marked):
    detection = mark.detect(part(marked, 0, 20), SAMPLE_RATE, REGISTRY[:5], [EPISODE])
    assert reads_back(detection, EPISODE)


def test_mark_of_an_older_key_is_still_read(marked):
    reader = KeyedReader(key=OTHER_KEY, older=(KEY,))
    detection = reader.detect(part(marked, 0, 20), SAMPLE_RATE, REGISTRY)
    assert reads_back(detection, EPISODE)
    assert reader.version == KeyedReader(key=OTHER_KEY).version
    assert reader.epochs == (reader.version.removeprefix("2+"), KeyedReader(key=KEY).epochs[0])


def test_jitter_is_the_same_for_the_same_content_and_hides_the_edge(marked):
    reader = KeyedReader(key=KEY)
    first, again, other = (
        reader.detect(part(marked, 0, 20), SAMPLE_RATE, [EPISODE], jitter=jitter) for jitter in (b"a", b"a", b"b")
    )
    assert first == again
    assert reads_back(first, EPISODE)
    assert first.score != other.score
    shifts, cautions = zip(*(edge(b"key", bytes([n])) for n in range(200)), strict=True)
    assert 0 <= min(shifts) < 0.01 < 0.24 < max(shifts) < 0.25
    assert 1 / 16 < min(cautions) < 0.07 < 0.9 < max(cautions) <= 1


@pytest.mark.parametrize(("rate", "size"), [(16_000, 700), (24_000, 4_801), (44_100, 44_100), (48_000, 333_333)])
def test_stream_in_pieces_of_any_size_adds_what_the_whole_adds(mark, rate, size):
    speech = soxr.resample(part(reading("news"), 0, 16), SAMPLE_RATE, rate).astype(np.float32)
    whole = mark.embed(speech, rate, EPISODE)
    stream = mark.stream(rate, EPISODE, blocks_at_once=1)
    pieces = [stream.push(speech[start : start + size]) for start in range(0, len(speech), size)]
    ready = sum(len(piece) for piece in pieces)
    added = np.concatenate([*pieces, stream.finish()])
    assert len(speech) - ready < (2.5 + 2.5 + 0.5) * rate + size
    assert len(added) <= len(speech)
    np.testing.assert_allclose(speech[: len(added)] + added, whole[: len(added)], atol=1e-4)
    assert np.array_equal(whole[len(added) :], speech[len(added) :])


def test_mark_adds_nothing_to_pauses_and_follows_the_level_of_the_sound(mark):
    """The mark is a gain: 40 dB softer speech carries a mark 40 dB softer."""
    speech = part(reading("news"), 0, 10)
    softer = speech * np.float32(0.01)
    loud, soft = (mark.embed(one, SAMPLE_RATE, EPISODE) - one for one in (speech, softer))
    assert np.sqrt(np.mean(np.square(soft)) / np.mean(np.square(loud))) == pytest.approx(0.01, rel=0.2)


def time_stretched(samples, tempo):
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE, format="flt", layout="mono", time_base=f"1/{SAMPLE_RATE}")
    change, sink = graph.add("atempo", str(tempo)), graph.add("abuffersink")
    source.link_to(change)
    change.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    source.push(frame)
    source.push(None)
    parts = []
    while True:
        try:
            parts.append(sink.pull().to_ndarray()[0])
        except (av.EOFError, av.BlockingIOError):
            return np.concatenate(parts)
