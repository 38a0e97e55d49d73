"""Numbers that are spelled out, as figures: "double five, oh one" is read "55 01" (pure, linear).

A script is spoken, so a telephone number in words is as public as one in figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies.views import View

SPOKEN = "spoken"

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_UNITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "nil": "0", "one": "1", "two": "2", "three": "3",
    "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_ENDINGS = {"hundred": "00", "thousand": "000"}
_PAUSES = frozenset(
    [",", ".", "…", "-", "–", "—", ";", "/", "(", ")", "then", "dash", "hyphen", "space", "pause", "slash"]
)
_POINTS = frozenset(["dot", "point"])
# A run shorter than this, in digits, is a quantity or a year and identifies nobody.
_MINIMUM_DIGITS = 5
_MINIMUM_WORDS = 3


@dataclass(frozen=True, slots=True)
class SpokenNumbers:
    """The view with figures for words, and where the figures stand in it: half-open ranges, in order."""

    view: View
    runs: tuple[tuple[int, int], ...]

    def touches(self, start: int, end: int) -> bool:
        """Say whether `[start, end)` of the view's text holds a part of any such number."""
        return any(first < end and start < last for first, last in self.runs)


def read_numbers(view: View) -> SpokenNumbers:
    """Return `view` with spelled-out numbers of at least five digits, and spaced single digits, as figures."""
    text, offsets = view.text, view.offsets
    parts: list[str] = []
    places: list[int] = []
    runs: list[tuple[int, int]] = []
    position = 0
    for run in _runs(text):
        start, end, figures = run
        parts.append(text[position:start])
        places.extend(offsets[position:start])
        first = len(places)
        parts.append("".join(character for character, _ in figures))
        places.extend(offsets[at] for _, at in figures)
        places[-1] = offsets[end - 1]  # the last figure stands for the rest of its word
        runs.append((first, len(places)))
        position = end
    parts.append(text[position:])
    places.extend(offsets[position:])
    return SpokenNumbers(View(SPOKEN, "".join(parts), places), tuple(runs))


class _Run:
    """A sequence of number words under construction."""

    def __init__(self) -> None:
        self.figures: list[tuple[str, int]] = []
        self.start = self.end = -1
        self.words = self.long_digits = 0
        self.paused = self.stopped = self.in_words = False
        self.repeat = 1
        self.after_tens = False

    def add(self, figures: str, match: re.Match[str]) -> None:
        if self.start < 0:
            self.start = match.start()
        elif self.paused:
            self.figures.append((" ", match.start()))
        self.figures += [(character, match.start()) for character in figures * self.repeat]
        self.end, self.paused, self.stopped, self.repeat = match.end(), False, False, 1
        self.in_words = match.group().isalpha()

    def is_over(self, match: re.Match[str]) -> bool:
        """Whether a full stop parts the run from a number that is written otherwise: "6-4. Ten, nine, eight"."""
        return self.stopped and match.group().isalnum() and self.in_words != match.group().isalpha()

    def is_number(self) -> bool:
        digits = sum(character.isdigit() for character, _ in self.figures)
        return digits >= _MINIMUM_DIGITS and (self.words >= _MINIMUM_WORDS or not self.long_digits)


def _runs(text: str) -> list[tuple[int, int, list[tuple[str, int]]]]:
    found: list[tuple[int, int, list[tuple[str, int]]]] = []
    run = _Run()
    for match in _TOKEN.finditer(text):
        if not _extend(run, match):
            if run.is_number():
                found.append((run.start, run.end, run.figures))
            run = _Run()
            _extend(run, match)
    if run.is_number():
        found.append((run.start, run.end, run.figures))
    return found


def _extend(run: _Run, match: re.Match[str]) -> bool:
    """Take the token into the run; False when it ends the run."""
    word = match.group().lower()
    if run.is_over(match):
        return False
    after_tens, run.after_tens = run.after_tens, False
    if word in _UNITS:
        if after_tens and word not in ("zero", "oh", "o"):  # "twenty one" is 21, not 201
            run.figures.pop()
            run.paused = False
        run.add(_UNITS[word], match)
        run.words += 1
    elif word in _TEENS:
        run.add(_TEENS[word], match)
        run.words += 1
    elif word in _TENS:
        run.add(_TENS[word] + "0", match)
        run.words += 1
        run.after_tens = True
    elif word.isdecimal() and word.isascii():
        run.add(word, match)
        run.long_digits += len(word) > 1
    elif word in _REPEATS:
        run.repeat = _REPEATS[word]
    elif word in ("plus", "+"):
        if run.figures:
            return False
        run.add("+", match)
    elif not run.figures:
        return False
    elif word in _ENDINGS:
        run.add(_ENDINGS[word], match)
    elif word in _POINTS:
        run.add(".", match)
    elif word in _PAUSES:
        run.after_tens = after_tens and word == "-"
        run.paused = True
        run.stopped = run.stopped or word == "."
    elif len(word) == 1 and match.group().isupper():  # "D E eight nine" of an account number
        run.add(match.group(), match)
    else:
        return False
    return True
