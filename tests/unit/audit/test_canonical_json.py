"""The bytes of entries are those of RFC 8785: its own samples (sections 3.2.2, 3.2.3 and appendix B)."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import rfc8785
from audit_log import an_event
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical_json
from audit.errors import EventError
from audit.event import FREE, parse_event
from audit.facts import LARGEST_INTEGER, NUMBER

# Appendix B: IEEE 754 double in hexadecimal, and its canonical form.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]
# Section 3.2.2, as it is printed there.
SAMPLE = r"""{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
CANONICAL = (
    r"""{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"""
    r""""string":"€$\u000f\nA'B\"\\\\\"/"}"""
)
# Section 3.2.3: names are sorted by their UTF-16 code units, which puts the emoji before the Hebrew letter.
NAMES = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def facts_of(facts: Any) -> bytes:
    """The canonical bytes of facts, cut out of an entry."""
    leaf = an_event(facts=facts, version=FREE).canonical()
    assert parse_event(leaf).canonical() == leaf
    return leaf[leaf.index(b'"facts":') + 8 : leaf.index(b',"kind"')]


UNREADABLE = {
    canonical for _, canonical in NUMBERS if canonical.lstrip("-").isdecimal() and abs(int(canonical)) > LARGEST_INTEGER
}


def test_some_numbers_are_written_as_integers_that_nobody_reads_back_exactly() -> None:
    assert len(UNREADABLE) == 5


@pytest.mark.parametrize("canonical", sorted(UNREADABLE))
def test_number_that_would_be_read_as_a_too_large_integer_never_becomes_a_fact(canonical: str) -> None:
    assert not NUMBER.holds(float(canonical))
    assert NUMBER.holds(float(LARGEST_INTEGER))
    with pytest.raises(EventError):
        facts_of({"n": float(canonical)})


@pytest.mark.parametrize(("bits", "canonical"), [one for one in NUMBERS if one[1] not in UNREADABLE])
def test_number_is_written_as_the_standard_says(bits: str, canonical: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert facts_of({"n": number}) == b'{"n":' + canonical.encode() + b"}"


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_number_that_the_standard_forbids_is_refused(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(EventError, match="JSON cannot carry"):
        facts_of({"n": number})


def test_sample_of_the_standard_gives_its_bytes() -> None:
    assert facts_of(json.loads(SAMPLE)) == CANONICAL.encode()


def test_names_are_sorted_by_code_units() -> None:
    written = facts_of({name: number for number, name in enumerate(reversed(NAMES))})
    assert list(json.loads(written)) == NAMES


def test_entry_in_which_a_name_stands_twice_is_refused() -> None:
    leaf = an_event(facts={"a": 1}, version=FREE).canonical()
    with pytest.raises(EventError, match="canonical form"):
        parse_event(leaf.replace(b'{"a":1}', b'{"a":1,"a":1}'))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(ANYTHING)
def test_fast_encoder_writes_what_the_slow_one_writes_and_refuses_what_it_refuses(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(rfc8785.CanonicalizationError):
            canonical_json(value)
        return
    assert canonical_json(value) == expected


@pytest.mark.parametrize("value", ["\ud800", ["\udfff"], {1: 2}, {"a": 2**53}, {"a": object()}])
def test_what_json_cannot_carry_is_refused_by_the_package(value: Any) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
        canonical_json(value)


def test_keys_beyond_ascii_are_sorted_by_utf16_units() -> None:
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'
