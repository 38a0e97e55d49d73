"""Splits spoken text into sentences and into pieces that an engine can take (pure).

Nothing is lost or changed: joining the parts with one space gives the text back.
"""

from __future__ import annotations

import re

# Ends of sentences: a mark, closing quotes or brackets, a space, and something that does not go on in lower case.
_END = re.compile(r"[.!?…]+[\"”’')]*(?= \S)")
_CLAUSE = re.compile(r"[,;:—–]+[\"”’')]*(?= \S)")
_TITLES = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "st", "mt", "ft", "gen", "gov", "sen", "rep", "capt", "lt", "col", "sgt", "rev"]
)
_BEFORE_NUMBERS = frozenset(["no", "nos", "fig", "vol", "ch", "approx"])


def split_sentences(text: str) -> tuple[str, ...]:
    """Split `text` (single spaces) where a speaker would take a breath after a full stop."""
    cuts = [match.end() for match in _END.finditer(text) if _ends_sentence(text, match)]
    return _cut(text, cuts)


def split_words(text: str, limit: int) -> tuple[str, ...]:
    """Split `text` into pieces of at most `limit` words, at the last clause mark that fits, else between words."""
    pieces: list[str] = []
    rest = text
    while rest.count(" ") >= limit:
        head = " ".join(rest.split(" ", limit)[:limit])
        # The look-ahead must see the space after the head, or a clause mark at its very end would not count.
        cuts = [match.end() for match in _CLAUSE.finditer(rest, 0, len(head) + 2) if match.end() <= len(head)]
        cut = cuts[-1] if cuts else len(head)
        pieces.append(rest[:cut])
        rest = rest[cut + 1 :]
    return (*pieces, rest)


def split_pieces(text: str, *, words: int, characters: int) -> tuple[str, ...]:
    """Split `text` into pieces of at most so many words and characters; one longer word stays whole.

    A piece without a letter or digit is left out: a stray dash between two pieces is silent in any reading.
    """
    pieces: list[str] = []
    for piece in split_words(text, words):
        parts = piece.split(" ")
        if len(piece) > characters and len(parts) > 1:
            middle = len(parts) // 2
            for half in (parts[:middle], parts[middle:]):
                pieces += split_pieces(" ".join(half), words=words, characters=characters)
        elif _has_word(piece):
            pieces.append(piece)
    return tuple(pieces)


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if text[match.end() + 1].islower():
        return False
    if match.group()[0] != "." or match.group().startswith(".."):
        return True
    word = text[text.rfind(" ", 0, match.start()) + 1 : match.start()].lstrip("(\"“'‘")
    initial = len(word) == 1 and word.isupper() and word != "I"
    numbered = word.casefold() in _BEFORE_NUMBERS and text[match.end() + 1].isdigit()
    return not (initial or numbered or word.casefold() in _TITLES)


def _cut(text: str, cuts: list[int]) -> tuple[str, ...]:
    """Cut `text` at `cuts`, but never leave a part without a word: an engine would refuse it."""
    parts: list[str] = []
    start = 0
    for cut in cuts:
        if _has_word(text[start:cut]) and _has_word(text[cut:]):
            parts.append(text[start:cut])
            start = cut + 1
    return (*parts, text[start:])


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
