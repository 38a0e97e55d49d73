"""Krippendorff's alpha against published examples and another implementation, and intervals of shares."""

from __future__ import annotations

import itertools

import pytest

from gateway.quality.agreement import Share, nominal_alpha, words_for

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): four observers with values missing (part C), two
# observers with two values (A), two with five (B). The package `krippendorff` 0.9 gives the same to twelve digits.
FOUR = ("12332141 2...", "12332241 25.3", ".3332342 251.", "12332441 251.")
TWO = ("0100000010", "1110010000")
FIVE = ("aabbdcccedda", "babbbccceddd")


def units(*observers: str) -> list[list[str]]:
    rows = [one.replace(" ", "") for one in observers]
    return [[value for value in column if value != "."] for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("observers", "alpha"),
    [(FOUR, 0.743421052631579), (TWO, 0.095238095238095), (FIVE, 0.691964285714286)],
    ids=["four observers", "two values", "five values"],
)
def test_published_examples(observers: tuple[str, ...], alpha: float) -> None:
    assert nominal_alpha(units(*observers)).alpha == pytest.approx(alpha, abs=1e-12)


def test_one_judgement_of_a_unit_says_nothing() -> None:
    found = nominal_alpha(units(*FOUR))
    assert (found.units, found.values) == (11, 40)  # the twelfth was seen by one observer alone
    assert nominal_alpha([["approve"], ["reject"], []]).alpha is None
    assert nominal_alpha([]).alpha is None


def test_order_of_people_and_units_does_not_matter() -> None:
    table = units(*FOUR)
    shuffled = [sorted(unit, reverse=True) for unit in reversed(table)]
    assert nominal_alpha(shuffled).alpha == pytest.approx(nominal_alpha(table).alpha or 0)


def test_alpha_is_one_only_where_all_agree() -> None:
    assert nominal_alpha([["a", "a"], ["b", "b", "b"]]).alpha == 1
    assert nominal_alpha([["a", "a"], ["a", "a"]]).alpha == 1  # nothing could disagree
    assert (nominal_alpha([["a", "b"], ["b", "a"]]).alpha or 0) < 0


def test_alpha_is_the_definition_written_out() -> None:
    """Coincidences counted pair by pair, as the paper does, not by the sums that the code takes."""
    table = [list(unit) for unit in ("aab", "abc", "bb", "cca", "aaaa", "b")]
    pairs: dict[tuple[str, str], float] = {}
    for unit in table:
        for left, right in itertools.permutations(unit, 2):
            pairs[left, right] = pairs.get((left, right), 0) + 1 / (len(unit) - 1)
    totals = {one: sum(share for (left, _), share in pairs.items() if left == one) for one in "abc"}
    n = sum(totals.values())
    observed = sum(share for (left, right), share in pairs.items() if left != right) / n
    expected = sum(totals[a] * totals[b] for a, b in itertools.permutations("abc", 2)) / (n * (n - 1))
    assert nominal_alpha(table).alpha == pytest.approx(1 - observed / expected)


def test_intervals_of_wilson() -> None:
    low, high = Share(0, 10).interval
    assert (low, round(high, 4)) == (0.0, 0.2775)
    low, high = Share(5, 10).interval
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)
    assert Share(0, 0).interval == (0.0, 1.0)
    assert Share(0, 0).value is None
    low, high = Share(10, 10).interval
    assert (round(low, 4), high) == (0.7225, 1.0)  # 0 of 10, mirrored


def test_words_say_when_a_value_is_too_low() -> None:
    assert [words_for(one) for one in (0.8, 0.7, 0.66, -1)] == [
        "reliable",
        "good enough for tentative conclusions",
        "too low to rely on",
        "too low to rely on",
    ]
