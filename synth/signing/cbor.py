"""Reads the strict, small part of CBOR (RFC 8949) that signed claims are written in (pure).

The signer process parses bytes of callers whom it does not trust, so this reader knows integers, byte and text strings,
arrays, maps and the simple values, all of definite length; everything else is an error, as is anything left over.
"""

from __future__ import annotations

from typing import TypeAlias

MAX_DEPTH = 12  # a claim is four deep
MAX_ITEMS = 1_000  # in one array or map

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[int | str, Value] | None"


class CborError(ValueError):
    """The bytes are not the CBOR that is read here."""


def read(data: bytes) -> Value:
    """Return the one value that `data` is; raises `CborError`."""
    value, place = _read(data, 0, 0)
    if place != len(data):
        raise CborError(f"{len(data) - place} bytes are left over")
    return value


def _read(data: bytes, place: int, depth: int) -> tuple[Value, int]:
    if depth > MAX_DEPTH:
        raise CborError("nested too deeply")
    if place >= len(data):
        raise CborError("cut off")
    major, info = data[place] >> 5, data[place] & 0x1F
    place += 1
    if major == 7:
        if info not in (20, 21, 22):
            raise CborError("a float or an unknown simple value")
        return {20: False, 21: True, 22: None}[info], place
    number, place = _argument(data, place, info)
    if major in (0, 1):
        return (number if major == 0 else -1 - number), place
    if major in (2, 3):
        if place + number > len(data):
            raise CborError("a string is cut off")
        raw = data[place : place + number]
        try:
            return (raw if major == 2 else raw.decode("utf-8")), place + number
        except UnicodeDecodeError as error:
            raise CborError("a text is not UTF-8") from error
    if major not in (4, 5) or number > MAX_ITEMS:
        raise CborError("a tag, or too many items")
    if major == 4:
        items: list[Value] = []
        for _ in range(number):
            item, place = _read(data, place, depth + 1)
            items.append(item)
        return items, place
    pairs: dict[int | str, Value] = {}
    for _ in range(number):
        key, place = _read(data, place, depth + 1)
        if not isinstance(key, int | str) or isinstance(key, bool) or key in pairs:
            raise CborError("a key of a map is odd, or occurs twice")
        pairs[key], place = _read(data, place, depth + 1)
    return pairs, place


def _argument(data: bytes, place: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, place
    if info > 27:
        raise CborError("an indefinite length")
    size = 1 << info - 24
    if place + size > len(data):
        raise CborError("cut off")
    return int.from_bytes(data[place : place + size], "big"), place + size


def as_map(value: Value) -> dict[int | str, Value]:
    """Return `value` if it is a map; raises `CborError`."""
    if not isinstance(value, dict):
        raise CborError("not a map")
    return value


def as_list(value: Value) -> list[Value]:
    """Return `value` if it is an array; raises `CborError`."""
    if not isinstance(value, list):
        raise CborError("not an array")
    return value
