"""Two ways of writing the same speech compare as equal, and different speech does not."""

from __future__ import annotations

import itertools
import time

import pytest

from policies.alignment import Likeness, align
from policies.sounds import sound_of
from policies.spoken_words import spoken_words


def keys(text: str) -> list[str]:
    return [word.key for word in spoken_words(text)]


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("£3.50 and $4.20", "three pounds fifty and four dollars twenty"),
        ("two thousand books", "2,000 books"),
        ("twelve thousand four hundred and fifty", "12,450"),
        ("in nineteen ninety-nine", "in 1999"),
        ("five million dollars", "$5 million"),
        ("twenty twenty-six", "2026"),
        ("the twenty-first of May", "the 21st of May"),
        ("March 3rd", "March 3"),
        ("half a percent, three point one four", "half a percent, 3.14"),
        ("37 per cent", "37%"),
        ("the sixties", "the 60s"),
        ("at 14:05, or 6:30", "at 1405, or 630"),
        ("Flight BA249", "Flight BA 249"),
        ("Dr. Smith & Mr. Jones", "Doctor Smith and Mister Jones"),
        ("The harbour programme's grey travellers organised it", "The harbor programs gray travelers organized it"),
        ("It isn’t café", "It isn't cafe"),
    ],
)
def test_the_same_speech_written_in_two_ways_is_equal(written: str, heard: str) -> None:
    assert keys(written) == keys(heard)


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("fourteen months", "forty months"),
        ("$5 million", "$50 million"),
        ("5 pounds", "5 euros"),
        ("020 7946 0123", "20 79 46 123"),
        ("3.5", "3.6"),
        ("the 60s", "the 70s"),
        ("can", "cannot"),
    ],
)
def test_different_speech_is_different(written: str, heard: str) -> None:
    assert keys(written) != keys(heard)


def test_every_word_knows_its_place() -> None:
    text = "Pay £3.50, please: two thousand and six!"
    for word in spoken_words(text):
        assert text[word.start : word.end].strip()
    assert [text[word.start : word.end] for word in spoken_words(text) if word.key == "6"] == ["two thousand and six"]


def test_names_and_negations_are_recognised() -> None:
    words = {word.key: word for word in spoken_words("The mayor, Tom Becker, isn't here. Nobody knows. I'm Anna.")}
    assert [key for key, word in words.items() if word.name] == ["tom", "becker", "anna"]
    assert [key for key, word in words.items() if word.negation] == ["isnt", "nobody"]


@pytest.mark.parametrize(
    ("said", "heard"),
    [("Fern Hill", "furn hill"), ("on Fern", "unfurn"), ("the ferries", "the fairies"), ("audio book", "audiobook"),
     ("mind", "mine"), ("knight", "night"), ("Tampere", "Tampara"), ("for", "4")],
)  # fmt: skip
def test_mishearing_and_homophones_are_alike(said: str, heard: str) -> None:
    stretches = align(spoken_words(said), spoken_words(heard), alike=0.6)
    assert Likeness.DIFFERENT not in {stretch.likeness for stretch in stretches}


@pytest.mark.parametrize(
    ("said", "heard"),
    [("thank yourself", "kill yourself"), ("Tuesday", "Thursday"), ("approved", "rejected"), ("fourteen", "forty")],
)
def test_another_word_is_different(said: str, heard: str) -> None:
    stretches = align(spoken_words(said), spoken_words(heard), alike=0.6)
    assert Likeness.DIFFERENT in {stretch.likeness for stretch in stretches}


def test_stretches_cover_both_sides_in_order() -> None:
    said, heard = spoken_words("one two three four five"), spoken_words("one too many three for five and more")
    stretches = align(said, heard, alike=0.6)
    assert (stretches[0].start, stretches[0].heard_start) == (0, 0)
    assert (stretches[-1].end, stretches[-1].heard_end) == (len(said), len(heard))
    for before, after in itertools.pairwise(stretches):
        assert (before.end, before.heard_end) == (after.start, after.heard_start)


@pytest.mark.parametrize(
    ("one", "other"),
    [("phuck", "fuck"), ("kil", "kill"), ("kyll", "kill"), ("shood", "should"), ("nite", "knight"), ("hayt", "hate"),
     ("centre", "center"), ("harbour", "harbor"), ("programme", "program"), ("yorself", "yourself")],
)  # fmt: skip
def test_spellings_of_one_sound_sound_nearly_alike(one: str, other: str) -> None:
    first, second = sound_of(one), sound_of(other)
    assert first == second or first.replace(".", "") == second.replace(".", "")


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "one " * 60_000, "1" * 250_000, "$" * 1_000_000, "9,999" * 50_000, "two hundred " * 20_000,
     "\u0301" * 500_000, "6:30" * 60_000],
    ids=["one word", "numbers", "digits", "money", "commas", "scales", "combining marks", "clocks"],
)  # fmt: skip
def test_hostile_text_is_read_in_bounded_time(text: str) -> None:
    began = time.perf_counter()
    spoken_words(text)
    assert time.perf_counter() - began < 20.0  # about 1 s alone; generous for a crowded machine
