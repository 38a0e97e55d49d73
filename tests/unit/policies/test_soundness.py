"""Silence, noise and clipping are told from speech, and music between words is none of them."""

from __future__ import annotations

import numpy as np
import pytest

from policies.rule_settings import SpokenRule
from policies.soundness import Fault, PlannedSentence, Sound, faults
from policies.transcript import LISTENING_RATE, HeardWord

LIMITS = SpokenRule()
PLAN = [
    PlannedSentence(1.0, 4.0, "Five words are said here.", 0),
    PlannedSentence(5.0, 8.0, "And five more are here.", 1),
]


def speech(seconds: float = 9.0, *, seed: int = 1) -> Sound:
    """Syllables of a buzz, at the level of a programme."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * LISTENING_RATE)) / LISTENING_RATE
    buzz = sum(np.sin(2 * np.pi * 110 * k * time + k * k) / k for k in range(1, 25))
    return (0.1 * buzz * np.abs(np.sin(2 * np.pi * 3 * time)) + 0.002 * random.standard_normal(len(time))).astype(
        np.float32
    )


def words_of(plan: list[PlannedSentence]) -> list[HeardWord]:
    words = []
    for sentence in plan:
        texts = sentence.text.split()
        step = (sentence.end - sentence.start) / len(texts)
        words += [
            HeardWord(text, sentence.start + at * step, sentence.start + (at + 1) * step, 0.9)
            for at, text in enumerate(texts)
        ]
    return words


def found(samples: Sound, words: list[HeardWord] | None = None, **limits: float) -> list[Fault]:
    settings = SpokenRule.model_validate(limits) if limits else LIMITS
    return list(faults(samples, PLAN, words_of(PLAN) if words is None else words, settings))


def silenced(start: float, end: float) -> Sound:
    samples = speech()
    samples[round(start * LISTENING_RATE) : round(end * LISTENING_RATE)] = 0.0
    return samples


def test_speech_as_planned_has_no_fault() -> None:
    assert found(speech()) == []


def test_silence_inside_a_sentence_is_found_with_its_place() -> None:
    (fault,) = found(silenced(1.5, 3.8))
    assert (fault.category, fault.sentence) == ("long_silence", 0)
    assert fault.start == pytest.approx(1.5, abs=0.05)
    assert fault.end == pytest.approx(3.8, abs=0.06)


def test_silence_between_sentences_and_a_breath_inside_one_are_none() -> None:
    assert found(silenced(4.0, 5.0)) == []
    assert found(silenced(2.0, 3.5)) == []


def test_limit_of_silence_is_the_policys() -> None:
    assert [fault.category for fault in found(silenced(2.0, 3.5), longest_silence=1.0)] == ["long_silence"]


def test_sentence_without_a_word_is_found_although_it_sounds() -> None:
    (fault,) = found(speech(), words_of(PLAN[:1]))
    assert (fault.category, fault.sentence, fault.start, fault.end) == ("unheard_sound", 1, 5.0, 8.0)


def test_word_of_the_neighbour_that_reaches_over_counts_for_none() -> None:
    words = [*words_of(PLAN[:1]), HeardWord("here.", 3.4, 5.3, 0.5)]
    assert [fault.category for fault in found(speech(), words)] == ["unheard_sound"]


def test_clipped_sentence_is_found_and_a_loud_one_is_not() -> None:
    samples = speech()
    second = slice(5 * LISTENING_RATE, 8 * LISTENING_RATE)
    samples[second] = 0.5 * samples[second]
    assert found(samples) == []
    samples[second] = np.clip(8.0 * samples[second], -0.3, 0.3)
    (fault,) = found(samples)
    assert (fault.category, fault.sentence) == ("clipping", 1)


def test_sentence_beyond_the_end_of_the_sound_is_no_crash() -> None:
    assert {fault.category for fault in found(speech(4.5), words_of(PLAN[:1]))} <= {"unheard_sound"}


def test_without_a_plan_nothing_is_claimed() -> None:
    assert list(faults(np.zeros(LISTENING_RATE, np.float32), [], [], LIMITS)) == []
