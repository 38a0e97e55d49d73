"""Landmarks: an excerpt leads to its episode and place, at other pitches too, and other speech leads nowhere."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from synth.audio import Samples
from synth.fingerprint import HOP_SECONDS, VERSION, Fingerprint, fingerprint
from synth.landmarks import (
    KEY_BITS,
    LEAST_VOTES,
    MOST_LEADS,
    RATES,
    Lead,
    Question,
    plain_questions,
    rank,
    shifted_questions,
    stored_keys,
)
from tests.speech_samples import SAMPLE_RATE, reading, recoded

EPISODES = ("news", "story")


@pytest.fixture(scope="module")
def index() -> NDArray[np.int64]:
    """Return rows of (key, episode, word) of both readings."""
    rows = []
    for number, name in enumerate(EPISODES):
        words, keys = stored_keys(fingerprint(reading(name), SAMPLE_RATE))
        rows.append(np.stack([keys, np.full(len(keys), number), words], axis=1))
    return np.concatenate(rows)


def ask(index: NDArray[np.int64], questions: list[Question]) -> list[Lead]:
    return rank((question, index[np.isin(index[:, 0], question.keys)]) for question in questions)


def excerpt(name: str, begin: float, seconds: float = 18.0) -> Samples:
    return reading(name)[round(begin * SAMPLE_RATE) : round((begin + seconds) * SAMPLE_RATE)]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("begin", [0.0, 4.44])
def test_excerpt_leads_to_its_episode_and_place(index: NDArray[np.int64], number: int, begin: float) -> None:
    heard = recoded(excerpt(EPISODES[number], begin), SAMPLE_RATE, codec="libmp3lame", bit_rate=32_000)
    first = ask(index, plain_questions(heard, SAMPLE_RATE))[0]
    assert (first.episode, first.rate) == (number, 1.0)
    assert first.episode_start == pytest.approx(begin, abs=0.3)


@pytest.mark.parametrize("speed", [0.9, 0.97, 1.05, 1.1])
def test_excerpt_at_another_speed_leads_to_its_episode(index: NDArray[np.int64], speed: float) -> None:
    heard = soxr.resample(excerpt("story", 4.0), SAMPLE_RATE, SAMPLE_RATE / speed)
    first = ask(index, shifted_questions(heard, SAMPLE_RATE))[0]
    assert first.episode == 1
    assert first.rate == pytest.approx(speed, abs=0.011)
    assert first.episode_start == pytest.approx(4.0, abs=1.0)


def test_other_speech_leads_nowhere(index: NDArray[np.int64]) -> None:
    only_news = index[index[:, 1] == 0]
    questions = plain_questions(reading("story"), SAMPLE_RATE) + shifted_questions(reading("story"), SAMPLE_RATE)
    assert ask(only_news, questions) == []


def test_half_a_minute_has_tens_of_keys_and_silence_none() -> None:
    words, keys = stored_keys(fingerprint(reading("news"), SAMPLE_RATE))
    assert 30 < len(keys) < 150
    assert ((keys >= 0) & (keys < 2**KEY_BITS)).all()
    assert (np.diff(words) >= 0).all()
    assert len(stored_keys(fingerprint(np.zeros(30 * SAMPLE_RATE, np.float32), SAMPLE_RATE))[1]) == 0


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0])
def test_too_little_sound_asks_nothing_and_fails_nowhere(seconds: float) -> None:
    samples = excerpt("news", 2.0, seconds)
    assert plain_questions(samples, SAMPLE_RATE) + shifted_questions(samples, SAMPLE_RATE) == []


def test_hours_ask_no_more_than_minutes() -> None:
    hour = np.tile(reading("news"), 120)
    assert len(plain_questions(hour, SAMPLE_RATE)) <= 12
    assert len(shifted_questions(hour, SAMPLE_RATE)) <= 3 * (len(RATES) - 1)


def test_word_that_goes_on_is_kept_once_in_two_seconds() -> None:
    changes = np.where(np.arange(32) % 2, 1, -1)
    recordings = []
    for seed in range(40):  # a quarter of all keys is kept, so that some of these words are
        signs = np.random.default_rng(seed).permutation(changes)
        word = np.packbits(signs > 0).tobytes()
        recordings.append(Fingerprint(VERSION, HOP_SECONDS, word * 100))
    kept = [stored_keys(recording)[0].tolist() for recording in recordings]
    assert any(kept)
    assert all(words in ([], [0, 20, 40, 60, 80]) for words in kept)


def test_keys_that_agree_about_no_place_are_no_lead() -> None:
    words = np.arange(30, dtype=np.int64)
    question = Question(0.0, 1.0, words, words + 1_000, words)
    scattered = np.stack([words + 1_000, np.zeros(30, np.int64), words * 91 % 3_000 * 7], axis=1)
    agreeing = np.stack([words + 1_000, np.ones(30, np.int64), words + 500], axis=1)
    leads = rank([(question, np.concatenate([scattered, agreeing]))])
    assert leads[0] == Lead(1, 30, 0.0, pytest.approx(50.0), 1.0)
    assert all(lead.votes < LEAST_VOTES + 2 for lead in leads[1:])


def test_one_word_has_one_vote_however_many_keys_it_has() -> None:
    question = Question(0.0, 1.0, np.zeros(50, np.int64), np.arange(50), np.arange(50))
    rows = np.stack([np.arange(50), np.zeros(50, np.int64), np.full(50, 7)], axis=1)
    assert rank([(question, rows)]) == []


def test_shortlist_is_bounded() -> None:
    words = np.arange(5, dtype=np.int64)
    rows = np.concatenate([np.stack([words, np.full(5, number), words], axis=1) for number in range(3 * MOST_LEADS)])
    assert len(rank([(Question(0.0, 1.0, words, words, words), rows)])) == MOST_LEADS
