"""On which line of a JSON file each item of its list stands (pure)."""

from __future__ import annotations

import json
import re

_OPENING = re.compile(r"\ufeff?\s*\[\s*")
_BETWEEN = re.compile(r"\s*,?\s*")


def item_lines(text: str) -> list[int]:
    """Return the 1-based line on which each item of the list in `text` begins; linear in the length of the text.

    What is not a list has no items. Behind an item that is broken nothing is known; its own line is the last.
    """
    decoder = json.JSONDecoder()
    opening = _OPENING.match(text)
    if opening is None:
        return []
    lines: list[int] = []
    line, counted, at = 1, 0, opening.end()
    while at < len(text) and text[at] != "]":
        line += text.count("\n", counted, at)
        counted = at
        lines.append(line)
        try:
            _, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
    return lines
