"""On which line of a TOML file each key stands (pure).

`tomllib` returns values without places. This scanner reads the same grammar (TOML 1.0.0) once more, only for places: it
expects a file that `tomllib` has accepted, so it need not recognise mistakes.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'  # up to two quotes may stand before the closing three
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def locate(text: str) -> Mapping[Path, int]:
    """Return the 1-based line of every table, key and array item of `text`, by its path from the root.

    Array items are counted from 0, as `("script", 3, "text")`. What is nested too deeply to follow is left out; its
    parents are there.
    """
    scanner = _Scanner(text)
    with suppress(RecursionError):  # safe to ignore: the places found so far are right, and `line_of` takes a parent's
        scanner.run()
    return scanner.lines


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int | None:
    """Return the line of `path`, or of its closest parent that has one."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:length]))) is not None:
            return line
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._breaks = [match.start() for match in re.finditer(r"\n", text)]
        self._table: Path = ()
        self._arrays: dict[Path, int] = {}  # arrays of tables, with the number of their last table

    def run(self) -> None:
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                self._header()
            else:
                self._pair(self._table)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"the file is not valid TOML at character {self._at}")
        self._at = match.end()
        return match.group()

    def _mark(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._breaks, at - 1) + 1 if at else 1)

    def _header(self) -> None:
        begin = self._at
        double = self._text.startswith("[[", begin)
        self._at += 2 if double else 1
        parts = self._key()
        self._at += 2 if double else 1
        path: Path = ()
        for number, part in enumerate(parts, start=1):
            path = (*path, part)
            last = number == len(parts)
            if last and double:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            self._mark(path, begin)
            if path in self._arrays:
                path = (*path, self._arrays[path])
                self._mark(path, begin)
        self._table = path

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACE)
            if self._text[self._at] in "\"'":
                parts.append(str(tomllib.loads(f"key = {self._skip(_STRING)}")["key"]))
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _pair(self, table: Path) -> None:
        begin = self._at
        path = table
        for part in self._key():
            path = (*path, part)
            self._mark(path, begin)
        self._at += 1  # "="
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._skip(_STRING)
        elif opening == "[":
            self._items(path, closing="]")
        elif opening == "{":
            self._items(path, closing="}")
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path, *, closing: str) -> None:
        """Read an array or an inline table, one item after another."""
        self._at += 1
        number = 0
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == closing:
                self._at += 1
                return
            if closing == "}":
                self._pair(path)
            else:
                item = (*path, number)
                self._mark(item, self._at)
                self._value(item)
                number += 1
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
