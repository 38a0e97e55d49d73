"""Ratings of fact-checkers, in words and numbers, on one scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.ratings import value_of


def words(text: str, value: float | None = None) -> int | None:
    return value_of(text, value=value, best=None, worst=None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("False", 1),
        ("FALSE ❌", 1),
        ("Pants on Fire!", 1),
        ("Four Pinocchios", 1),
        ("Falso", 1),
        ("Faux", 1),
        ("Falsch", 1),
        ("Incorrect Attribution", 1),
        ("Not true.", 1),
        ("This claim is false", 1),
        ("Mostly False", 2),
        ("misleading", 2),
        ("Engañoso", 2),
        ("भ्रामक", 2),
        ("Mixture", 3),
        ("Half True", 3),
        ("Partly false", 3),
        ("Unproven", 3),
        ("Labeled Satire", 3),
        ("MISSING CONTEXT", 3),
        ("True, but misleading", 3),
        ("Mostly True", 4),
        ("True", 5),
        ("Correct Attribution", 5),
        ("Vrai", 5),
    ],
)
def test_publishers_words_have_one_value(text: str, value: int) -> None:
    assert words(text) == value


@pytest.mark.parametrize("text", ["", "…", "Explainer", "isn't true", "Not entirely false", "See our article", "🤥"])
def test_words_that_say_nothing_clear_are_unknown(text: str) -> None:
    assert words(text) is None


def test_a_long_rating_counts_by_its_first_word_alone() -> None:
    reason = "the figure comes from a report that was true in 2009 and is quoted without its year or its method"
    assert words(f"False: {reason}") == 1
    assert words(f"We looked at it. {reason}") is None


@pytest.mark.parametrize(
    ("value", "best", "worst", "expected"),
    [
        (1, 5, 1, 1),
        (2, 5, 1, 2),
        (3, 5, 1, 3),
        (5, None, None, 5),
        (5, 1, 5, 1),  # a scale that runs downwards
        (0, 1, 0, 1),
        (100, 100, 0, 5),
        (50, 100, 0, 3),
        (1.5, 5, 1, 2),  # halves go to the middle
        (4.5, 5, 1, 4),
        (0, None, None, None),  # outside of its scale
        (-1, 5, 1, None),
        (1, 1, 1, None),  # no scale
        (float("nan"), 5, 1, None),
        (1, float("inf"), 1, None),
    ],
)
def test_a_number_without_known_words_is_read_on_its_scale(
    value: float, best: float | None, worst: float | None, expected: int | None
) -> None:
    assert value_of("Rumour meter", value=value, best=best, worst=worst) == expected


def test_words_that_contradict_the_number_decide() -> None:
    assert words("True", value=1) == 5
    assert words("Pants on Fire", value=5) == 1


@given(st.text(max_size=200), st.floats() | st.none(), st.floats() | st.none(), st.floats() | st.none())
def test_anything_has_a_value_of_the_scale_or_none(
    text: str, value: float | None, best: float | None, worst: float | None
) -> None:
    assert value_of(text, value=value, best=best, worst=worst) in (None, 1, 2, 3, 4, 5)
