"""The statistic of the keyed mark: its search, its null distribution and its proven bound."""

import itertools
import math

import numpy as np
import pytest
import soxr

from synth.keyed.decoder import Decoder
from synth.keyed.key import BITS, block_words, derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK
from synth.keyed.statistic import (
    count_hypotheses,
    false_match_bound,
    search,
    soften,
    supported,
    threshold,
)
from synth.keyed.tracks import Track
from tests.speech_samples import SAMPLE_RATE, reading


def random_words(seed: int, positions: int):
    return (2 * np.random.default_rng(seed).integers(0, 2, (positions, BITS)) - 1).astype(np.int8)


def random_bits(seed: int, blocks: int):
    return soften(np.random.default_rng(seed).standard_normal((blocks, BITS)).astype(np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_bound_holds_for_every_word_there_is(seed):
    bits = np.random.default_rng(seed).exponential(size=14)
    words = np.array(list(itertools.product((-1, 1), repeat=14)))
    z = words @ bits / math.sqrt(bits @ bits)
    for level in np.arange(0.25, 3.75, 0.25):
        assert np.mean(z >= level) <= false_match_bound(float(level), 1)
    assert np.mean(z >= 1.0) > 0.1  # the test would notice a statistic that never moves


def test_threshold_is_where_the_bound_meets_alpha():
    for hypotheses in (1, 16, 10**6 * 900):
        assert false_match_bound(threshold(hypotheses, 1e-6), hypotheses) == pytest.approx(1e-6)
    assert threshold(16) == pytest.approx(5.76, abs=0.005)
    assert threshold(10**6 * 900) == pytest.approx(8.30, abs=0.005)


def test_bound_is_a_probability_for_any_z():
    assert false_match_bound(0.1, 10**9) == 1.0
    assert false_match_bound(-40.0, 1) == 1.0


@pytest.mark.parametrize(("blocks", "positions"), [(1, 1), (3, 9), (9, 3), (6, 6)])
def test_search_agrees_with_trying_every_alignment(blocks, positions):
    tracks = [Track(bits=random_bits(seed, blocks)) for seed in (1, 2)]
    episodes = [random_words(seed, positions) for seed in (11, 12, 13)]
    tried = {}
    for number, track in enumerate(tracks):
        for candidate, words in enumerate(episodes):
            for offset in range(-(blocks - 1), positions):
                pairs = [(i, i + offset) for i in range(blocks) if 0 <= i + offset < positions]
                bits = np.concatenate([track.bits[i] for i, _ in pairs]).astype(np.float64)
                word = np.concatenate([words[j] for _, j in pairs])
                tried[candidate, number, offset] = bits @ word / math.sqrt(bits @ bits)
    best = search(tracks, len(episodes), positions, lambda c: episodes[c])
    assert count_hypotheses(tracks, len(episodes), positions) == len(tried)
    assert (best.candidate, best.track, best.offset) == max(tried, key=tried.get)
    assert best.z == pytest.approx(max(tried.values()))


def test_true_episode_and_offset_are_found_among_a_thousand():
    words = [block_words(b"w" * 32, code, 300) for code in range(1000)]
    noise = np.random.default_rng(5).standard_normal((12, BITS))
    track = Track(bits=soften((words[617][41:53] + noise).astype(np.float32)))
    best = search([Track(bits=random_bits(1, 12)), track], 1000, 300, lambda c: words[c])
    assert (best.candidate, best.track, best.offset) == (617, 1, 41)


def test_more_episodes_than_fit_in_one_batch_are_all_searched():
    episodes = [random_words(seed, 4000) for seed in range(120)]
    track = Track(bits=episodes[119][3990:4000].astype(np.float32))
    best = search([track], 120, 4000, lambda c: episodes[c])
    assert (best.candidate, best.offset) == (119, 3990)


def test_silence_and_an_empty_registry_leave_nothing_to_search():
    silent = Track(bits=np.zeros((5, BITS), dtype=np.float32))
    assert search([silent], 3, 9, lambda c: random_words(c, 9)) is None
    assert search([Track(bits=random_bits(1, 5))], 0, 9, lambda c: random_words(c, 9)) is None
    assert silent.reachable == 0.0


def test_audio_made_without_the_key_gives_a_standard_normal_statistic():
    """20,000 secrets on the same real speech: 20 decoders, a thousand words each."""
    sound = soxr.resample(reading("news"), SAMPLE_RATE, 16_000)
    starts = np.arange(len(sound) // BLOCK - 1) * BLOCK
    values = []
    for detector in range(20):
        weights = detector_weights(derive_keys(detector.to_bytes(32, "big")).detector)
        bits = soften(Decoder(weights=weights).read(sound, starts)).astype(np.float64)
        words = np.stack([block_words(f"{detector} {n}".encode(), n, len(starts)) for n in range(1000)])
        values.append((words * bits).sum(axis=(1, 2)) / math.sqrt((bits * bits).sum()))
    z = np.concatenate(values)
    assert len(z) == 20_000
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.02
    for level in (1.0, 2.0, 3.0):
        assert np.mean(z >= level) <= false_match_bound(level, 1)
    assert np.mean(z >= 2.0) == pytest.approx(0.0228, abs=0.005)


def test_stretches_end_where_the_mark_ends():
    energy = np.full(30, float(BITS))
    match = np.random.default_rng(3).standard_normal(30) * 4
    match[8:20] = 15.0
    match[[7, 20]] = -4.0
    assert np.flatnonzero(supported(match, energy)).tolist() == list(range(8, 20))


def test_silence_belongs_to_a_stretch_only_between_marked_blocks():
    match, energy = np.full(12, 15.0), np.full(12, float(BITS))
    match[[0, 1, 5, 6, 11]] = energy[[0, 1, 5, 6, 11]] = 0
    assert np.flatnonzero(supported(match, energy)).tolist() == list(range(2, 11))


def test_weak_mark_is_located_by_longer_runs():
    match, energy = np.full(60, 4.0), np.full(60, float(BITS))
    assert supported(match, energy).sum() > 50
