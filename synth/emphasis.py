"""Light Markdown emphasis (`*x*`, `**x**`, `_x_`), the only markup inside spoken text, and how it is taken out (pure).

A mark must stand at the edge of a word and have a partner. `ex*am*ple` is refused: what a screener reads as three
fragments would be spoken as one word.
"""

from __future__ import annotations

import re

from synth.characters import error_at
from synth.traced import Traced

_RUN = re.compile(r"\*+|_+")
_OPENS_AFTER = frozenset("(\"'“‘—–-")
_CLOSES_BEFORE = frozenset(".,;:!?)\"'”’…—–-")
_MARKS = frozenset("*_")
LONGEST_RUN = 3  # `***x***`; a longer run is a rule or an accident


def strip_emphasis(source: str, words: Traced) -> Traced:
    """Return `words` without their emphasis marks; raise `ScriptError` for one that has no clear meaning."""
    text = words.text
    open_runs: list[tuple[str, int]] = []
    for match in _RUN.finditer(text):
        run, offset = match.group(), words.place(match.start())
        if len(run) > LONGEST_RUN:
            raise error_at(source, offset, f"'{run[:8]}' is not emphasis; use one to three marks")
        if open_runs and open_runs[-1][0] == run and _may_close(text, match.start(), match.end()):
            open_runs.pop()
        elif _may_open(text, match.start(), match.end()):
            open_runs.append((run, offset))
        else:
            raise error_at(
                source, offset, f"'{run}' is not emphasis around whole words; remove it or write the word it stands for"
            )
    if open_runs:
        run, offset = open_runs[-1]
        raise error_at(source, offset, f"'{run}' opens an emphasis that its turn does not close; close or remove it")
    return words.without((match.start(), match.end()) for match in _RUN.finditer(text))


def _may_open(text: str, start: int, end: int) -> bool:
    before, after = _neighbours(text, start, end)
    return (before.isspace() or before in _OPENS_AFTER) and not after.isspace()


def _may_close(text: str, start: int, end: int) -> bool:
    before, after = _neighbours(text, start, end)
    return not before.isspace() and (after.isspace() or after in _CLOSES_BEFORE)


def _neighbours(text: str, start: int, end: int) -> tuple[str, str]:
    """Return the characters around a run, seen through further emphasis marks; the ends of the text count as space."""
    while start > 0 and text[start - 1] in _MARKS:
        start -= 1
    while end < len(text) and text[end] in _MARKS:
        end += 1
    return text[start - 1 : start] or " ", text[end : end + 1] or " "
