"""Cut the author's text into segments and sentences, with offsets (pure, linear in the length of the text).

A segment is one speaker turn, or one line between turns (front matter, titles, notes). Sentences never cross a segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policies.text import Manuscript

# No sentence that a person can follow by ear is longer; longer runs are cut, so that no model truncates them silently.
MAX_SENTENCE_CHARACTERS = 400

# A run of marks is tried from its beginning only and never given back: a megabyte of "!" costs linear time.
_BOUNDARY = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]{0,4}(?=\s)|[。！？]+[”’」』]?|\n[ \t]*\n")
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "rev",
        "hon",
        "st",
        "sgt",
        "capt",
        "lt",
        "col",
        "gen",
        "sen",
        "rep",
        "gov",
        "jr",
        "sr",
        "vs",
        "etc",
        "eg",
        "ie",
        "al",
        "cf",
        "ca",
        "approx",
        "dept",
        "est",
        "fig",
        "inc",
        "ltd",
        "co",
        "corp",
        "no",
        "nr",
        "vol",
        "pp",
        "ed",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mt",
        "ft",
        "ave",
        "blvd",
    ]
)
_LAST_WORD = re.compile(r"([^\W\d_]+(?:\.[^\W\d_]+)*)\.$")
_OPENING = "\"'“‘«([*_-–— \t\n"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: half-open range `[start, end)` in the author's text, and the segment it belongs to."""

    start: int
    end: int
    segment: int
    spoken: bool  # inside a speaker turn


def split_sentences(manuscript: Manuscript) -> tuple[Sentence, ...]:
    """Return all sentences in order of their place; together they hold every character that is not white space."""
    sentences: list[Sentence] = []
    for number, (start, end, spoken) in enumerate(_segments(manuscript)):
        for first, last in _cut(manuscript.text, start, end):
            sentences.append(Sentence(first, last, number, spoken))
    return tuple(sentences)


def _segments(manuscript: Manuscript) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, spoken); turns that overlap are clipped, the text between them is cut into lines."""
    position = 0
    for turn in sorted(manuscript.turns, key=lambda turn: (turn.start, turn.end)):
        start, end = max(turn.start, position), min(turn.end, len(manuscript.text))
        if start >= end:
            continue
        yield from _lines(manuscript.text, position, start)
        yield start, end, True
        position = end
    yield from _lines(manuscript.text, position, len(manuscript.text))


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop + 1
        if not text[start:stop].isspace():
            yield start, stop, False
        start = stop


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _BOUNDARY.finditer(text, start, end):
        if _ends_sentence(text, begin, match, end):
            yield from _trimmed(text, begin, match.end())
            begin = match.end()
    yield from _trimmed(text, begin, end)


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    mark = match.group()
    if mark[0] in "\n。！？":
        return True
    following = text[match.end() : min(match.end() + 12, end)].lstrip(_OPENING)
    if not following:
        return True
    if mark.startswith("."):
        last = _LAST_WORD.search(text, max(begin, match.start() - 20), match.start() + 1)
        if last is not None and mark == ".":
            word = last.group(1)
            if word.replace(".", "").lower() in _ABBREVIATIONS:
                return word.lower() in ("etc", "inc", "ltd", "co", "corp", "jr", "sr") and following[0].isupper()
            if len(word) == 1 and word != "I":
                return False  # an initial: "J. Smith"
            if "." in word and len(word) <= 7:
                return following[0].isupper() and word.lower() not in ("e.g", "i.e", "a.k.a")
        return not following[0].islower()
    return not following[0].islower()  # '"Stop!" she cried' goes on


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the range without outer white space, cut where it is longer than `MAX_SENTENCE_CHARACTERS`."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > MAX_SENTENCE_CHARACTERS:
        limit = start + MAX_SENTENCE_CHARACTERS
        cut = max(text.rfind(mark, start + MAX_SENTENCE_CHARACTERS // 2, limit) for mark in (";", ",", " ", "\n"))
        cut = limit if cut < 0 else cut + 1
        yield from _trimmed(text, start, cut)
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end
