"""Where each item of a JSON list stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.json_lines import item_lines

ITEMS = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('a[]{},"\\\n é'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(ITEMS, max_size=6), st.sampled_from([None, 0, 2]), st.sampled_from(["", "\n", "\ufeff\n\n"]))
def test_every_item_is_found_where_it_begins(items: list[object], indent: int | None, before: str) -> None:
    text = before + json.dumps(items, indent=indent)
    lines = item_lines(text)
    assert len(lines) == len(items)
    begins = before.count("\n") + 1
    for number, line in enumerate(lines):
        above = json.dumps(items[:number], indent=indent).count("\n")
        expected = begins + (1 if indent is not None and number == 0 else above)
        assert line == expected


@pytest.mark.parametrize("text", ["", "{}", "null", '"[1]"', "[", "[]", "[ \n ]"])
def test_what_is_no_list_or_empty_has_no_items(text: str) -> None:
    assert item_lines(text) == []


def test_a_broken_item_is_the_last_one_known() -> None:
    assert item_lines('[\n1,\n{"a": ]},\n3]') == [2, 3]
    assert item_lines("[\n1\n2\n,3]") == [2, 3, 4]  # a missing comma is the parser's to complain about


def test_items_nested_deeper_than_the_stack_end_the_search() -> None:
    assert item_lines("[1,\n" + "[" * 100_000) == [1, 2]


def test_a_long_list_takes_linear_time() -> None:
    assert len(item_lines("[" + "1,\n" * 300_000 + "1]")) == 300_001
