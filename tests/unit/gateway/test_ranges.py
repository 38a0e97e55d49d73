"""Byte ranges: what players ask for, and what attackers do."""

from __future__ import annotations

import pytest

from gateway.api.ranges import MAX_RANGES, parse_ranges
from gateway.errors import RangeNotSatisfiableError


def parsed(header: str, size: int = 1000) -> list[tuple[int, int]] | None:
    ranges = parse_ranges(header, size)
    return None if ranges is None else [(one.start, one.end) for one in ranges]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-", [(500, 1000)]),
        ("bytes=-100", [(900, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=0-99999", [(0, 1000)]),
        ("bytes=999-999", [(999, 1000)]),
        ("BYTES=0-0", [(0, 1)]),
        ("bytes= 0-1 , 10-11 ", [(0, 2), (10, 12)]),
        ("bytes=10-11,0-1", [(10, 12), (0, 2)]),
        ("bytes=0-1,5000-6000", [(0, 2)]),
        ("bytes=0-1,,", [(0, 2)]),
    ],
)
def test_ranges_that_players_ask_for(header: str, expected: list[tuple[int, int]]) -> None:
    assert parsed(header) == expected


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-2", "items=0-1", "bytes=0-1;2", "bytes=٣-٤"],
)
def test_malformed_header_is_ignored(header: str) -> None:
    assert parsed(header) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=1000-1001,2000-"])
def test_range_outside_the_file_is_refused_with_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiableError) as caught:
        parse_ranges(header, 1000)
    assert caught.value.extensions["size"] == 1000


def test_empty_file_has_no_ranges() -> None:
    with pytest.raises(RangeNotSatisfiableError):
        parse_ranges("bytes=0-", 0)


def test_too_many_ranges_are_refused() -> None:
    parts = ",".join(f"{2 * n}-{2 * n}" for n in range(MAX_RANGES + 1))
    with pytest.raises(RangeNotSatisfiableError):
        parse_ranges(f"bytes={parts}", 1000)


def test_overlapping_ranges_are_refused() -> None:
    with pytest.raises(RangeNotSatisfiableError):
        parse_ranges("bytes=0-500,400-600", 1000)


def test_endless_header_is_refused_without_work() -> None:
    with pytest.raises(RangeNotSatisfiableError):
        parse_ranges("bytes=" + "0-," * 100_000, 1000)


def test_number_beyond_every_file_is_ignored_as_malformed() -> None:
    assert parsed(f"bytes={'9' * 300}-") is None
