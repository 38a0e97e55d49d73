"""What the dictionary of the embedded engine reads, and what it would drop, cut off or spell as noise (pure)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from synth.voice import Unspeakable

MAX_DIGITS = 15  # the engine's number reader fails above 36 digits and nobody can follow more than a trillion

# What the engine reads aloud or takes as punctuation; anything else, above all other scripts, it drops in silence.
_LETTERS = "A-Za-zÀ-ÇÉÊÌ-ÏÑ-ÖØÚÜß-ïñ-öø-üýÿāăąćČčďĐđēėęěğīŁłńňōőŒœřŚśŞşŠšťūůźŻżŽž"
_OUTSIDE = re.compile(rf"[^{_LETTERS}0-9 .,;:!?…'\"‘’“”()–—/%&+=@#°×÷½¼¾²³§©¢$£€¥-]")
_LOOSE_CURRENCY = re.compile(r"[$£€¥](?![0-9])")
_NUMBER = re.compile(r"[0-9][0-9,]*")
_WORD = re.compile(rf"[{_LETTERS}]+")


def first_unspeakable(text: str, *, knows: Callable[[str], bool], longest_unknown: int) -> Unspeakable | None:
    """Return the first letter, symbol, number or word that would not be read as written, or None.

    `knows` says whether the dictionary has a word; others are cut off after `longest_unknown` letters.
    """
    found = [Unspeakable(*place) for place in _refusals(text, knows, longest_unknown)]
    return min(found, key=lambda place: place.offset, default=None)


def _refusals(text: str, knows: Callable[[str], bool], limit: int) -> Iterator[tuple[int, str]]:
    """Yield (offset, reason) for whatever the engine would drop, cut off or spell as noise."""
    for match in _OUTSIDE.finditer(text):
        yield match.start(), _outside(match.group())
    for match in _LOOSE_CURRENCY.finditer(text):
        yield match.start(), f"'{match.group()}' is read only right before a number; write the currency as a word"
    for match in _NUMBER.finditer(text):
        if sum(character.isdigit() for character in match.group()) > MAX_DIGITS:
            yield match.start(), f"a number of more than {MAX_DIGITS} digits cannot be read; write it in words"
    for match in _WORD.finditer(text):
        if len(match.group()) > limit and not knows(match.group()):
            yield match.start(), f"an unknown word of more than {limit} letters would be cut off; hyphenate it"


def _outside(character: str) -> str:
    """Say why a character outside the alphabet cannot be spoken."""
    name = f"{unicodedata.name(character, 'an unnamed character')} (U+{ord(character):04X})"
    if unicodedata.combining(character):
        return f"{name} is a separate accent; write the accented letter as one character (NFC)"
    return f"{name} is not in the alphabet of this voice; write it in English words"
