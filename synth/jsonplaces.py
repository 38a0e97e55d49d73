"""JSON (RFC 8259) with the place of every value, so that an error leads to a line and a column (pure).

Stricter than most readers: no name twice in one object, no lone surrogate, no number beyond a float, bounded depth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synth.characters import error_at
from synth.traced import Traced

MAX_DEPTH = 16

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,4})?")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_EXPECTED = "expected a JSON value: an object, a list, a string, a number, true, false or null"

Value = object  # str, float, int, bool, None, list[Node], dict[str, Member]


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    value: Value
    start: int
    words: Traced | None = None  # of a string: its characters, and where each comes from


@dataclass(frozen=True, slots=True)
class Member:
    """One name of an object, and its value."""

    name: Node
    node: Node


def read_json(source: str) -> Node:
    """Return the one value of `source`; raises `ScriptError` at the first character that is no JSON."""
    node, end = _read(source, _skip(source, 0), 0)
    end = _skip(source, end)
    if end < len(source):
        raise error_at(source, end, "text after the end of the JSON value; remove it")
    return node


def plain(node: Node) -> object:
    """Return the value without places, as `json.loads` would."""
    if isinstance(node.value, dict):
        return {name: plain(member.node) for name, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def find(node: Node, path: Sequence[str | int]) -> Node:
    """Return the value at `path`, or the last one on the way that there is."""
    for step in path:
        if isinstance(node.value, dict) and step in node.value:
            node = node.value[str(step)].node
        elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
    return node


def members(node: Node) -> Iterator[tuple[str, Node, Node]]:
    """Yield (name, where it stands, value) of an object, in the author's order; nothing for any other value."""
    if isinstance(node.value, dict):
        for name, member in node.value.items():
            yield name, member.name, member.node


def _skip(source: str, at: int) -> int:
    match = _SPACE.match(source, at)
    return match.end() if match else at


def _read(source: str, at: int, depth: int) -> tuple[Node, int]:
    if depth > MAX_DEPTH:
        raise error_at(source, at, f"more than {MAX_DEPTH} levels of nesting; no script has so many")
    first = source[at : at + 1]
    if first == "{":
        return _read_object(source, at, depth)
    if first == "[":
        return _read_list(source, at, depth)
    if first == '"':
        return _read_string(source, at)
    if match := _NUMBER.match(source, at):
        return Node(_number(source, at, match.group()), at), match.end()
    for literal, value in _LITERALS.items():
        if source.startswith(literal, at):
            return Node(value, at), at + len(literal)
    raise error_at(source, at, _EXPECTED)


def _number(source: str, at: int, digits: str) -> int | float:
    if digits.lstrip("-").isdigit():
        return int(digits)
    value = float(digits)
    if not math.isfinite(value):
        raise error_at(source, at, "this number is too large")
    return value


def _read_object(source: str, start: int, depth: int) -> tuple[Node, int]:
    found: dict[str, Member] = {}
    at = _skip(source, start + 1)
    if source[at : at + 1] == "}":
        return Node(found, start), at + 1
    while True:
        if source[at : at + 1] != '"':
            raise error_at(source, at, "expected a name in double quotes")
        name, at = _read_string(source, at)
        key = str(name.value)
        if key in found:
            raise error_at(source, name.start, f"'{key[:40]}' is given twice; keep one")
        at = _expect(source, _skip(source, at), ":")
        node, at = _read(source, _skip(source, at), depth + 1)
        found[key] = Member(name, node)
        at = _skip(source, at)
        if source[at : at + 1] == "}":
            return Node(found, start), at + 1
        at = _skip(source, _expect(source, at, ","))


def _read_list(source: str, start: int, depth: int) -> tuple[Node, int]:
    found: list[Node] = []
    at = _skip(source, start + 1)
    if source[at : at + 1] == "]":
        return Node(found, start), at + 1
    while True:
        node, at = _read(source, at, depth + 1)
        found.append(node)
        at = _skip(source, at)
        if source[at : at + 1] == "]":
            return Node(found, start), at + 1
        at = _skip(source, _expect(source, at, ","))


def _expect(source: str, at: int, sign: str) -> int:
    if source[at : at + 1] != sign:
        raise error_at(source, at, f"expected '{sign}' here")
    return at + 1


def _read_string(source: str, start: int) -> tuple[Node, int]:
    parts: list[Traced] = []
    at = start + 1
    while True:
        if match := _PLAIN.match(source, at):
            parts.append(Traced.written(source, at, match.end()))
            at = match.end()
        sign = source[at : at + 1]
        if sign == '"':
            words = Traced.joined(parts)
            return Node(words.text, start, words), at + 1
        if sign != "\\":
            raise error_at(source, at, "a string ends on its own line with a double quote; write line breaks as '\\n'")
        character, end = _escape(source, at)
        parts.append(Traced(character, (at,)))
        at = end


def _escape(source: str, at: int) -> tuple[str, int]:
    kind = source[at + 1 : at + 2]
    if kind in _ESCAPES and kind:
        return _ESCAPES[kind], at + 2
    if kind != "u":
        raise error_at(source, at, 'unknown escape; JSON knows \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u0000')
    code, end = _unit(source, at), at + 6
    if 0xD800 <= code < 0xDC00 and source.startswith("\\u", end):  # RFC 8259, section 7: a pair of surrogates
        low = _unit(source, end)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), end + 6
    if 0xD800 <= code < 0xE000:
        raise error_at(source, at, "half of a surrogate pair; write the character itself")
    return chr(code), end


def _unit(source: str, at: int) -> int:
    match = _HEX.match(source, at + 2)
    if match is None:
        raise error_at(source, at, "four hexadecimal digits follow '\\u'")
    return int(match.group(), 16)
