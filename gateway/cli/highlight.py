"""A text with its findings marked in place, as a person reads it in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {"block": "bold white on red", "review": "black on yellow", "allow": "black on green"}
_SEVERITY = {"allow": 0, "review": 1, "block": 2}
CONTEXT_LINES = 1  # shown around a marked line of a long text
WHOLE_LINES = 60  # a text of at most so many lines is shown in full


def numbered(findings: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the findings with their marks, in the order of their place."""
    ordered = sorted(findings, key=lambda one: (one["span"]["start"], one["span"]["end"], -_SEVERITY[one["verdict"]]))
    return list(enumerate(ordered, start=1))


def highlighted(text: str, findings: Sequence[Mapping[str, Any]]) -> Text:
    """Return `text` with every finding coloured by its verdict and followed by its mark, with line numbers.

    A longer text is cut to the lines that hold findings and their neighbours. Control and direction characters are
    shown by their code points, so that no script can draw on the terminal of its reader.
    """
    from rich.text import Text

    marks = numbered(findings)
    lines = _lines(text)
    shown = _shown(lines, [one for _, one in marks])
    width = len(str(len(lines)))
    result = Text()
    last = -1
    for at in shown:
        if at != last + 1:
            result.append(f"{'⋮':>{width}}\n", style="dim")
        last = at
        start, end = lines[at]
        result.append(f"{at + 1:>{width}} ", style="dim")
        result.append_text(_marked_line(text, start, end, marks))
        result.append("\n")
    if shown and shown[-1] != len(lines) - 1:
        result.append(f"{'⋮':>{width}}\n", style="dim")
    return result


def printable(text: str) -> str:
    """Return `text` with every character that a terminal could obey, or that nobody sees, as its code point."""
    return "".join(
        character if character.isprintable() or character == "\t" else f"⟨U+{ord(character):04X}⟩" for character in text
    )


def _lines(text: str) -> list[tuple[int, int]]:
    lines, start = [], 0
    for part in text.splitlines(keepends=True):
        lines.append((start, start + len(part.rstrip("\r\n"))))
        start += len(part)
    return lines


def _shown(lines: Sequence[tuple[int, int]], findings: Sequence[Mapping[str, Any]]) -> list[int]:
    if len(lines) <= WHOLE_LINES:
        return list(range(len(lines)))
    chosen: set[int] = set()
    for at, (start, end) in enumerate(lines):
        if any(one["span"]["start"] <= end and start < one["span"]["end"] for one in findings):
            chosen.update(range(max(0, at - CONTEXT_LINES), min(len(lines), at + CONTEXT_LINES + 1)))
    return sorted(chosen)


def _marked_line(text: str, start: int, end: int, marks: Sequence[tuple[int, Mapping[str, Any]]]) -> Text:
    from rich.text import Text

    here = [(mark, one) for mark, one in marks if one["span"]["start"] < end and start < one["span"]["end"]]
    edges = {start, end}
    for _, one in here:
        edges |= {min(end, max(start, one["span"]["start"])), min(end, max(start, one["span"]["end"]))}
    places = sorted(edges)
    line = Text()
    for first, last in pairwise(places):
        over = [one for _, one in here if one["span"]["start"] <= first and last <= one["span"]["end"]]
        strictest = max(over, key=lambda one: _SEVERITY[one["verdict"]], default=None)
        line.append(printable(text[first:last]), style=STYLES[strictest["verdict"]] if strictest else "")
        ending = [str(mark) for mark, one in here if min(one["span"]["end"], end) == last and one["span"]["end"] <= end]
        if ending:
            line.append(f" [{','.join(ending)}]", style="dim")
    return line
