"""RFC 8785 (JSON Canonicalization Scheme), fast where the standard library's encoder writes the same bytes (pure).

It does for everything except numbers with a fraction or an exponent, which RFC 8785 section 3.2.2.3 writes as
ECMAScript does, and keys beyond ASCII, which section 3.2.3 sorts by UTF-16 units. Those go to the `rfc8785` package.
"""

from __future__ import annotations

import json
from typing import Any

import rfc8785

LARGEST_INTEGER = 2**53 - 1  # beyond it JSON numbers lose digits, and RFC 8785 refuses them

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def canonical_json(document: Any) -> bytes:
    """Return the canonical bytes; raises `rfc8785.CanonicalizationError` or `RecursionError` where there are none."""
    if _is_plain(document):
        try:
            return _encode(document).encode()
        except UnicodeEncodeError:
            pass  # half a surrogate pair; the slow way says so properly
    return rfc8785.dumps(document)


def _is_plain(value: Any) -> bool:
    """True if both encoders agree about `value`; exact types only, so that no subclass can answer differently."""
    kind: type = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    if kind is dict:
        return all(type(key) is str and key.isascii() for key in value) and all(map(_is_plain, value.values()))
    return kind is list and all(map(_is_plain, value))
