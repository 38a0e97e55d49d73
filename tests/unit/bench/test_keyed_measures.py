"""What the benchmark measures on marks: quality, places, and the null of the keyed mark."""

import math

import numpy as np
import pytest

from bench.watermark.attack import RATE, Place
from bench.watermark.bench import cuts
from bench.watermark.keyed_parts import BITS, bit_accuracy, needed_z, random_words, soft_bits
from bench.watermark.localisation import Scene, Truth, judged
from bench.watermark.quality import pauses, si_snr, snr
from bench.watermark.systems.ours import KEY, Haystack
from bench.watermark.systems.port import Outcome
from synth.watermark import Payload
from tests.unit.bench.test_attacks import speech


def scene(*truth: Truth) -> Scene:
    return Scene("test", np.zeros(60 * RATE, np.float32), truth)


def test_spans_that_match_have_iou_one_and_half_of_them_half() -> None:
    wanted = scene(Truth(10, 30, "e", 10))
    assert judged(Outcome(True, spans=((10.0, 30.0),)), wanted)["iou"] == pytest.approx(1.0)
    half = judged(Outcome(True, spans=((20.0, 30.0),)), wanted)
    assert half["iou"] == pytest.approx(0.5)
    assert half["found"] == 0  # exactly half is not more than half


def test_stretch_named_after_another_episode_is_not_found() -> None:
    wanted = scene(Truth(0, 20, "first", 11), Truth(20, 40, "second", 31))
    said = Outcome(True, found=(("first", 0.0, 20.0, 11.5), ("first", 20.0, 40.0, 31.0)))
    result = judged(said, wanted)
    assert (result["found"], result["stretches"]) == (1, 2)
    assert result["episode_error"] == pytest.approx(0.5)


def test_levels_of_what_was_added() -> None:
    clean = speech(10)
    noise = np.random.default_rng(9).standard_normal(len(clean)).astype(np.float32)
    noise *= np.float32(np.std(clean) / np.std(noise) / 10)
    assert snr(clean, clean + noise) == pytest.approx(20, abs=0.01)
    assert si_snr(clean, 0.5 * (clean + noise)) == pytest.approx(20, abs=0.1)  # louder or softer is no damage


def test_noise_in_a_pause_is_seen_and_noise_elsewhere_is_not() -> None:
    clean = speech(10)
    clean[4 * RATE : 6 * RATE] *= 1e-4
    added = np.zeros_like(clean)
    added[5 * RATE : 5 * RATE + 320] = 0.01
    seen = pauses(clean, clean + added)
    assert seen["pause_seconds"] == pytest.approx(2.0, abs=0.1)
    assert seen["pause_loudest"] == pytest.approx(20 * math.log10(0.01 / float(np.sqrt(np.mean(clean**2)))), abs=0.5)
    assert pauses(clean, clean)["pause_loudest"] == -100.0


def test_words_of_fresh_keys_are_coins() -> None:
    words = random_words(np.random.default_rng(0), 500, blocks=4)
    assert set(np.unique(words)) == {-1.0, 1.0}
    assert abs(words.mean()) < 4 / math.sqrt(words.size)
    assert np.abs(np.corrcoef(words[:, :BITS].T) - np.eye(BITS)).max() < 0.25


def test_reported_bound_is_never_worse_than_hoeffding() -> None:
    bits = soft_bits(bytes(32), speech(10))
    assert bits.shape == (4, BITS)
    for power in (1, 3, 6):
        assert needed_z(bits, 10.0**-power) <= math.sqrt(2 * power * math.log(10)) + 1e-6


def test_unmarked_sound_agrees_with_half_of_the_bits() -> None:
    accuracy = bit_accuracy(KEY, speech(20), Payload("episode").code, Place(3.0))
    assert accuracy == pytest.approx(0.5, abs=0.1)


def test_haystack_hides_all_needles_once() -> None:
    registry = Haystack(1_000).registry(("a", "b"))
    assert len(registry) == 1_000
    assert [payload.episode_id for payload in registry].count("a") == 1


def test_clips_say_where_they_were_cut() -> None:
    sound = speech(10)
    for start, clip in cuts(sound, 3, 4.0, seed=1):
        assert np.array_equal(clip, sound[round(start * RATE) :][: 4 * RATE])
