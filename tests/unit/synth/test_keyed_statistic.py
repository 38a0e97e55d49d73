"""The statistic of the keyed mark: its search, its null distribution and its proven bound."""

import itertools
import math

import numpy as np
import pytest
import soxr

from synth.keyed.bound import could_decide, false_match_bound, log_chance, threshold
from synth.keyed.decoder import Decoder
from synth.keyed.hearing import soften
from synth.keyed.key import BITS, derive_keys, detector_weights
from synth.keyed.search import Shelf, Track, search
from synth.keyed.spectrum import FRAMES_PER_BLOCK, mel_matrix, spectra
from synth.keyed.words import LANE_BITS, WordBook
from tests.speech_samples import SAMPLE_RATE, reading

BOOK = WordBook(keys=derive_keys(b"w" * 32))


def random_bits(seed: int, blocks: int):
    return soften(np.random.default_rng(seed).standard_normal((blocks, BITS)).astype(np.float32))


def track(bits, heard=0, first=0, stretch=0):
    return Track(np.asarray(bits, dtype=np.float32), heard, first, stretch)


@pytest.mark.parametrize("seed", range(4))
def test_bound_holds_for_every_word_there_is(seed):
    bits = np.random.default_rng(seed).exponential(size=14)
    words = np.array(list(itertools.product((-1, 1), repeat=14)))
    scores = words @ bits
    for level in np.linspace(0.05, 1.0, 40) * bits.sum():
        chance = np.mean(scores >= level - 1e-9)
        hoeffding = math.exp(-(level**2) / (2 * bits @ bits))
        assert chance <= math.exp(log_chance(bits, float(level))) * (1 + 1e-6)
        assert math.exp(log_chance(bits, float(level))) <= hoeffding * (1 + 1e-6)
    assert np.mean(scores >= 1.0) > 0.1  # the test would notice a statistic that never moves


def test_bits_that_all_agree_have_the_probability_of_coins():
    assert log_chance(np.ones(64), 64.0) == pytest.approx(-64 * math.log(2), rel=1e-3)
    assert log_chance(np.concatenate([np.ones(64), np.zeros(99)]), 64.0) == pytest.approx(-64 * math.log(2), rel=1e-3)


@pytest.mark.parametrize("score", [0.0, -3.0])
def test_no_agreement_bounds_nothing(score):
    assert log_chance(np.ones(5), score) == 0.0
    assert log_chance(np.zeros(5), 1.0) == 0.0


def test_bound_of_an_impossible_score_stays_a_probability():
    assert -1e6 < log_chance(np.ones(5), 6.0) <= -5 * math.log(2)
    assert false_match_bound(0.0, 1e12) == 1.0
    assert false_match_bound(-1e4, 1e12) == 0.0


def test_threshold_is_where_hoeffdings_bound_meets_alpha():
    for hypotheses in (1, 16, 10**6 * 900):
        assert hypotheses * math.exp(-(threshold(hypotheses, 1e-6) ** 2) / 2) == pytest.approx(1e-6)
    assert threshold(16) == pytest.approx(5.76, abs=0.005)
    assert threshold(10**6 * 900) == pytest.approx(8.30, abs=0.005)


def test_a_million_episodes_need_two_blocks():
    tried = 768 * 31_250
    assert not could_decide(BITS - LANE_BITS, tried, 5e-7)
    assert could_decide(2 * (BITS - LANE_BITS), tried, 5e-7)


@pytest.mark.parametrize(("blocks", "positions"), [(1, 3), (3, 9), (9, 3), (6, 6)])
def test_search_agrees_with_trying_every_alignment(blocks, positions, monkeypatch):
    monkeypatch.setattr("synth.keyed.search.LANE_CUT", -99.0)
    monkeypatch.setattr("synth.keyed.search.MOST_PER_STRETCH", 10**6)
    monkeypatch.setattr("synth.keyed.search.MOST", 10**6)
    tracks = [track(random_bits(seed, blocks)) for seed in (1, 2)]
    codes = np.array([11, 12, 13], dtype=np.uint64)
    tried = {}
    for number, one in enumerate(tracks):
        for candidate, code in enumerate(codes):
            words = BOOK.words(int(code), positions)
            for offset in range(-(blocks - 1), positions):
                pairs = [(i, i + offset) for i in range(blocks) if 0 <= i + offset < positions]
                bits = np.concatenate([one.bits[i, LANE_BITS:] for i, _ in pairs]).astype(np.float64)
                word = np.concatenate([words[j, LANE_BITS:] for _, j in pairs])
                tried[candidate, number, offset] = bits @ word / math.sqrt(bits @ bits)
    outcome = search(tracks, Shelf(book=BOOK, codes=codes), positions)
    best = outcome.alignments[0]
    assert outcome.hypotheses == len(tried)
    assert (best.episode, best.track, best.offset) == max(tried, key=tried.get)
    assert best.z == pytest.approx(max(tried.values()), rel=1e-4)
    assert [one.z for one in outcome.alignments] == sorted((one.z for one in outcome.alignments), reverse=True)


def test_true_episode_and_offset_are_found_among_a_hundred_thousand():
    codes = np.arange(100_000, dtype=np.uint64)
    noise = np.random.default_rng(5).standard_normal((8, BITS))
    marked = track(soften((BOOK.words(61_700, 60)[41:49] + noise).astype(np.float32)))
    tracks = [track(random_bits(1, 8)), marked, track(random_bits(2, 5))]
    outcome = search(tracks, Shelf(book=BOOK, codes=codes), 300)
    best = outcome.alignments[0]
    assert (best.episode, best.track, best.offset) == (61_700, 1, 41)
    assert false_match_bound(best.log_chance, outcome.hypotheses) < 1e-9


def test_episode_outside_the_registry_is_not_taken_for_another_of_its_lane():
    lanes = BOOK.lanes(np.arange(5_000, dtype=np.uint64))
    others = np.flatnonzero(lanes == lanes[0])[1:].astype(np.uint64)
    marked = track(BOOK.words(0, 60)[20:50].astype(np.float32))
    outcome = search([marked], Shelf(book=BOOK, codes=others), 300)
    assert len(others) > 100
    assert false_match_bound(outcome.alignments[0].log_chance, outcome.hypotheses) > 1e-3


def test_excerpt_that_begins_before_the_episode_is_aligned():
    bits = np.concatenate([random_bits(1, 2), BOOK.words(7, 6).astype(np.float32)])
    best = search([track(bits)], Shelf(book=BOOK, codes=np.array([5, 7], dtype=np.uint64)), 300).alignments[0]
    assert (best.episode, best.offset) == (1, -2)


def test_silence_and_an_empty_registry_leave_nothing_to_search():
    silent = track(np.zeros((5, BITS)))
    none, some = (Shelf(book=BOOK, codes=np.arange(count, dtype=np.uint64)) for count in (0, 3))
    for outcome in (search([silent], some, 9), search([track(random_bits(1, 5))], none, 9), search([], some, 9)):
        assert outcome.alignments == ()
        assert outcome.hypotheses == 0


def test_audio_made_without_the_key_gives_a_standard_normal_statistic():
    """20,000 secrets on the same real speech: 20 decoders, a thousand episodes each."""
    sound = soxr.resample(reading("news"), SAMPLE_RATE, 16_000)
    mel = np.abs(spectra(sound)) @ mel_matrix()
    starts = list(range(0, len(mel) - FRAMES_PER_BLOCK, FRAMES_PER_BLOCK))
    values = []
    for secret in range(20):
        keys = derive_keys(secret.to_bytes(32, "big"))
        bits = soften(Decoder(weights=detector_weights(keys.detector)).read(mel, starts)).astype(np.float64)[
            :, LANE_BITS:
        ]
        book = WordBook(keys=keys)
        words = np.stack([book.words(code, len(starts))[:, LANE_BITS:] for code in range(1000)])
        values.append((words * bits).sum(axis=(1, 2)) / math.sqrt((bits * bits).sum()))
    z = np.concatenate(values)
    assert len(z) == 20_000
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.02
    for level in (1.0, 2.0, 3.0):
        assert np.mean(z >= level) <= math.exp(-(level**2) / 2)
    assert np.mean(z >= 2.0) == pytest.approx(0.0228, abs=0.005)
