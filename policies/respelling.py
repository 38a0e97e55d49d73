"""Undo leet, masks, repeats and inserted marks in a word, if the result is a word the policy cares about (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product

# Several readings for some signs: "1" is i or l. One fixed map turns "stup1d" right and "k1ll" wrong, or the reverse.
_SIGNS = {
    "0": "o", "1": "il", "!": "il", "|": "li", "2": "z", "3": "e", "4": "a", "@": "a", "5": "s", "$": "s", "6": "g",
    "7": "t", "+": "t", "8": "b", "9": "g", "€": "e", "£": "l", "¢": "c", "(": "c", "¡": "i",
}  # fmt: skip
# Letters drawn with several signs, the longest first.
_DRAWN = {
    "/\\/\\": "m", "|\\/|": "m", "\\/\\/": "w", "|\\|": "n", "|_|": "u", "|-|": "h", "|<": "k", "/<": "k", "|{": "k",
    "1<": "k", "|)": "d", "|=": "f", "|3": "b", "|2": "r", "()": "o", "[]": "o", "><": "x", "}{": "h",
    "\\/": "v", "`/": "y", "'/": "y",
}  # fmt: skip
_DRAWN_SIGNS = re.compile("|".join(re.escape(sign) for sign in _DRAWN))
_MASKS = "*#%"
_MAX_LENGTH = 32  # disguised words are short; longer chunks are addresses or hashes
_MAX_READINGS = 64  # "1" six times has 64; more readings than that are noise
_EDGE = re.compile(r"^[^\w@$!|*#+€£¡]+|[^\w@$*#+€£]+$")
_REPEAT = re.compile(r"(.)\1+")
_INSERTED = re.compile(r"[-.·_*'’/\\~^,:;+=]+")
# Ordinary spelling, contractions included: "who're" hides nothing.
_PLAIN = re.compile(r"[a-z]+(?:['’](?:s|t|re|ve|ll|d|m))?")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A word of the vocabulary and where its disguise stands in the chunk."""

    word: str
    start: int
    end: int


class Vocabulary:
    """The words worth decoding; immutable after construction, so it may be shared between threads."""

    def __init__(self, words: Collection[str]) -> None:
        self._words = frozenset(word.lower() for word in words if word.isalpha())
        by_shape: dict[tuple[str, int], list[str]] = {}
        for word in sorted(self._words):
            by_shape.setdefault((word[0], len(word)), []).append(word)
        self._by_shape = by_shape

    def __contains__(self, word: object) -> bool:
        return word in self._words

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._words))

    def __len__(self) -> int:
        return len(self._words)

    def decode(self, chunk: str) -> Decoded | None:
        """Return the vocabulary word that `chunk` disguises; None if it is plain or disguises nothing."""
        lower = chunk.lower()
        if len(chunk) > _MAX_LENGTH or not self._words or not any(character.isalpha() for character in chunk):
            return None
        if _PLAIN.fullmatch(lower) and not _REPEAT.search(lower):
            return None
        if _DRAWN_SIGNS.search(lower):
            drawn = _DRAWN_SIGNS.sub(lambda match: _DRAWN[match.group()], lower)
            if word := self._find(drawn.strip(".,;:?\"'")):
                return Decoded(word, 0, len(chunk))
        start = 0
        end = len(chunk)
        if edge := _EDGE.match(lower):
            start = edge.end()
        # A final "!" or "." is punctuation far more often than a letter, so both readings are tried.
        for stop in dict.fromkeys((len(lower.rstrip(".,;:!?)\"'”’")), end)):
            core = lower[start:stop]
            if not core or core in self._words:
                return None
            if word := self._find(core):
                return Decoded(word, start, stop)
        return None

    def _find(self, core: str) -> str | None:
        if any(mask in core[1:] for mask in _MASKS) and (word := self._unmask(core)):
            return word
        closed = _INSERTED.sub("", core) if not _PLAIN.fullmatch(core) else core
        for candidate in dict.fromkeys((core, closed)):
            for reading in readings(candidate):
                if not reading.isalpha():
                    continue
                for form in (reading, _REPEAT.sub(r"\1\1", reading), _REPEAT.sub(r"\1", reading)):
                    if form in self._words and form != core:
                        return form
        return None

    def _unmask(self, core: str) -> str | None:
        """Read "f**k" by its visible letters; at least two of them and half of the word must be visible."""
        visible = sum(character not in _MASKS for character in core)
        if visible < 2 or visible * 2 < len(core):
            return None
        for word in self._by_shape.get((core[0], len(core)), ()):
            if all(sign in _MASKS or sign == letter for sign, letter in zip(core, word, strict=True)):
                return word
        return None


def readings(core: str) -> Iterator[str]:
    """Yield what a lower-case word may say with its digits and signs read as letters, the likeliest first."""
    options = [_SIGNS.get(character, character) for character in core]
    count = 1
    for option in options:
        count *= len(option)
    if count > _MAX_READINGS:
        options = [option[0] for option in options]
    for letters in product(*options):
        yield "".join(letters)
