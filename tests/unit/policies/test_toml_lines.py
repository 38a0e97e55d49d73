"""Where each key of a TOML file stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.policy import DEFAULT_PACK
from policies.toml_lines import line_of, locate

NESTED = '''# a remark with [brackets] and "quotes
title = "one" # = not a key

[a."quoted.part".'literal']
x.y = 1
list = [
  "first", # a remark ]
  ["inner", { deep = """
three
lines""", after = 2 }],
  [3],
]

[[b]]
name = "b0"
[[b.c]]
name = "b0c0"
[[b.c]]
name = 'b0c1'
[[b]]
name = "b1"
[b.d]
z = \'\'\'
it''s
\'\'\'
last = 1979-05-27T07:32:00Z
'''


def test_nested_tables_arrays_and_strings_keep_their_lines() -> None:
    lines = locate(NESTED)
    tomllib.loads(NESTED)
    expected = {
        ("title",): 2,
        ("a", "quoted.part", "literal"): 4,
        ("a", "quoted.part", "literal", "x", "y"): 5,
        ("a", "quoted.part", "literal", "list"): 6,
        ("a", "quoted.part", "literal", "list", 0): 7,
        ("a", "quoted.part", "literal", "list", 1, 0): 8,
        ("a", "quoted.part", "literal", "list", 1, 1, "deep"): 8,
        ("a", "quoted.part", "literal", "list", 1, 1, "after"): 10,
        ("a", "quoted.part", "literal", "list", 2, 0): 11,
        ("b", 0, "name"): 15,
        ("b", 0, "c", 0, "name"): 17,
        ("b", 0, "c", 1, "name"): 19,
        ("b", 1): 20,
        ("b", 1, "d", "z"): 23,
        ("b", 1, "d", "last"): 26,
    }
    assert {path: lines.get(path) for path in expected} == expected


def every_path(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, below in items for path in [(*above, key), *every_path(below, (*above, key))]]


@pytest.mark.parametrize("file", sorted(DEFAULT_PACK.glob("*.toml")), ids=lambda file: file.name)
def test_every_value_of_the_default_pack_is_found_on_a_line_that_names_it(file: Any) -> None:
    text = file.read_text()
    lines = locate(text)
    rows = text.split("\n")
    paths = every_path(tomllib.loads(text))
    assert len(paths) > 20
    for path in paths:
        assert path in lines
        if isinstance(path[-1], str) and path[-1] not in rows[lines[path] - 1]:
            pytest.fail(f"{path} is not on line {lines[path]}: {rows[lines[path] - 1]}")


KEYS = st.text(st.sampled_from("abz_-09"), min_size=1, max_size=4)
VALUES = st.recursive(
    st.integers(-9, 9).map(str)
    | st.sampled_from(['"a # ] } = b"', "'c\\'", '"""x\n]"" y"""', "'''\n[t]\n'''", "true", "nan", '"\\" ["']),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # r\n".join(items) + "\n]"),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_file_that_tomllib_reads_is_located_whole(head: dict[str, str], table: dict[str, str]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in head.items())
    text += "[[the.tables]]\n" + "".join(f" {key}\t= {value} # end\n" for key, value in table.items())
    if "the" in head:
        return
    lines = locate(text)
    assert set(every_path(tomllib.loads(text))) <= set(lines)
    for key in head:
        assert text.split("\n")[lines[(key,)] - 1].startswith(key)


def test_a_missing_key_has_the_line_of_its_table() -> None:
    lines = locate("a = 1\n[t]\nb = 2\n")
    assert line_of(lines, ("t", "absent", 3)) == 2
    assert line_of(lines, ("absent",)) is None


def test_arrays_nested_deeper_than_the_stack_give_the_line_of_what_holds_them() -> None:
    assert locate("deep = " + "[" * 5_000 + "]" * 5_000)[("deep",)] == 1
