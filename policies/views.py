"""Views of the author's text: what a reader or a voice would make of it, with maps back (pure, linear).

Views only add findings; the author's text itself is never changed. `original` is the text as written. `normalised`
undoes invisible characters, styled letters and look-alikes. `joined` closes up "k i l l". `decoded` undoes leet, masks,
repeats and inserted marks, but only in words that then are in the policy's vocabulary: "H1N1" stays "H1N1".
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from anyascii import anyascii

from policies.decision import Span
from policies.lookalikes import is_latin, plain_lookalikes
from policies.respelling import Vocabulary
from policies.sentences import Sentence, split_sentences
from policies.text import Manuscript

ORIGINAL, NORMALISED, JOINED, DECODED = "original", "normalised", "joined", "decoded"

_TAG_CHARACTERS = range(0xE0020, 0xE007F)  # an invisible copy of ASCII (Unicode 15, 23.9)
_REGIONAL = range(0x1F1E6, 0x1F200)  # letters that make flags in pairs, and words otherwise
# Pictures that stand for words of violence and abuse in running text.
_PICTURES = {
    "🔪": "knife", "🗡": "stab", "🔫": "shoot", "💣": "bomb", "🖕": "fuck you", "💩": "shit", "🐀": "rat",
    "🐷": "pig", "🐒": "monkey",
    "🐵": "monkey", "🦍": "gorilla", "🐍": "snake", "💀": "dead", "☠": "dead", "🔥": "fire",
    "🗑": "trash", "🪳": "cockroach",
}  # fmt: skip
_WORDS_OF_ONE = frozenset("aiubcknory")  # "u r a ..." are words to those who write so, not letters of one
_FEWEST_OF_THEM = 4
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W\d_][\s.,\-–—_*·•|/+~]{1,2}){2,60}[^\W\d_](?![^\W_])")
_CHUNK = re.compile(r"[^\s—–…\"“”]+")
_EMPHASIS = re.compile(r"(?<![\w*_])[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?![\w*_])")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class View:
    """One reading of the text; character `i` of `text` comes from character `offsets[i]` of the author's text."""

    name: str
    text: str
    offsets: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Return where `text[start:end]` (not empty) stands in the author's text."""
        return Span(self.offsets[start], self.offsets[end - 1] + 1)

    def excerpt(self, start: int, end: int) -> str:
        """Return this view's reading of `[start, end)` of the author's text."""
        return self.text[bisect_left(self.offsets, start) : bisect_left(self.offsets, end)]


@dataclass(frozen=True, slots=True)
class Views:
    """All readings of one manuscript, and its sentences; `all` begins with the original."""

    manuscript: Manuscript
    sentences: tuple[Sentence, ...]
    all: tuple[View, ...]

    @property
    def original(self) -> View:
        """The author's text as written."""
        return self.all[0]

    def readings(self, start: int, end: int) -> list[tuple[str, str]]:
        """Return (view name, plain text) of each distinct reading of `[start, end)`, the original first."""
        seen: dict[str, str] = {}
        for view in self.all:
            seen.setdefault(plain(view.excerpt(start, end)), view.name)
        return [(name, text) for text, name in seen.items() if text]


def plain(text: str) -> str:
    """Return `text` as one line without emphasis marks, as a model should read it."""
    return _SPACE.sub(" ", _EMPHASIS.sub("", text)).strip().lstrip("#>- ")


def build_views(manuscript: Manuscript, *, vocabulary: Collection[str] = ()) -> Views:
    """Read the manuscript in every way; `vocabulary` (lower case words) decides which disguised words are decoded."""
    words = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
    original = View(ORIGINAL, manuscript.text, range(len(manuscript.text)))
    normalised = _normalise(original)
    joined = _join(normalised)
    decoded = _decode(joined, words)
    return Views(manuscript, split_sentences(manuscript), (original, normalised, joined, decoded))


def _normalise(view: View) -> View:
    if view.text.isascii():
        return View(NORMALISED, view.text, view.offsets)
    known: dict[str, str] = {}
    parts: list[str] = []
    offsets: list[int] = []
    for character, offset in zip(view.text, view.offsets, strict=True):
        if character.isascii():
            plain_form = character
        else:
            cached = known.get(character)
            plain_form = known[character] = _plain_character(character) if cached is None else cached
        parts.append(plain_form)
        offsets.extend([offset] * len(plain_form))
    # Look-alikes are resolved per word, after invisible characters are gone and before accents are.
    text = plain_lookalikes("".join(parts))
    return View(NORMALISED, text, offsets)


def _plain_character(character: str) -> str:
    code = ord(character)
    if code in _TAG_CHARACTERS:
        return chr(code - 0xE0000)
    if code in _REGIONAL:
        return chr(code - _REGIONAL.start + ord("a"))
    if character in _PICTURES:
        return _PICTURES[character]
    kept = "".join(
        c for c in unicodedata.normalize("NFKC", character) if unicodedata.category(c) not in ("Cf", "Mn", "Me")
    )
    if kept.isascii():
        return kept
    styled = kept.isalpha() and is_latin(kept[0])
    symbol = unicodedata.category(kept[0]) == "So" and " LATIN " in unicodedata.name(kept[0], "")
    if styled or symbol or kept in "‘’“”‐‑‒–—´`":
        return anyascii(kept) or kept
    return kept


def _join(view: View) -> View:
    """Close up words that are spelled letter by letter with spaces or dots."""
    kept: list[tuple[int, int]] = []
    position = 0
    for match in _SPELLED.finditer(view.text):
        letters = [letter for letter in match.group().lower() if letter.isalpha()]
        if _WORDS_OF_ONE.issuperset(letters) and len(letters) < _FEWEST_OF_THEM:
            continue
        kept.append((position, match.start()))
        kept.extend((at, at + 1) for at in range(match.start(), match.end()) if view.text[at].isalpha())
        position = match.end()
    if position == 0:
        return View(JOINED, view.text, view.offsets)
    kept.append((position, len(view.text)))
    return View(
        JOINED,
        "".join(view.text[start:end] for start, end in kept),
        [offset for start, end in kept for offset in view.offsets[start:end]],
    )


def _decode(view: View, vocabulary: Vocabulary) -> View:
    parts: list[str] = []
    offsets: list[int] = []
    position = 0
    for match in _CHUNK.finditer(view.text):
        found = vocabulary.decode(match.group())
        if found is None:
            continue
        start, end = match.start() + found.start, match.start() + found.end
        parts += [view.text[position:start], found.word]
        offsets.extend(view.offsets[position:start])
        # The word stands for its whole disguise: spread its letters over it, the last one on the last character.
        length = end - start
        offsets.extend(
            view.offsets[start + (at * (length - 1)) // max(1, len(found.word) - 1)] for at in range(len(found.word))
        )
        position = end
    if position == 0:
        return View(DECODED, view.text, view.offsets)
    parts.append(view.text[position:])
    offsets.extend(view.offsets[position:])
    return View(DECODED, "".join(parts), offsets)
