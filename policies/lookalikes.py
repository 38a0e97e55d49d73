"""Letters of other scripts that look like Latin ones, as an attacker would pick them (data and a pure function).

Drawn by eye from the Unicode charts. Transliteration is another thing: Cyrillic "р" sounds like "r" and looks like "p".
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial

_CYRILLIC = "аaвbеeёeһhіiїiјjкkмmнhоoрpсcтtуyхxѕsԁdԛqԝwгrиuпn"
_CYRILLIC_CAPITAL = "АAВBЕEЁEІIЇIЈJКKМMНHОOРPСCТTУYХXЅSԌGԜWЬb"
_GREEK = "αaβbγyεeηnιiκkνvοoρpτtυuχxωwϲcϳjσo"
_GREEK_CAPITAL = "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX"
_ARMENIAN = "աwցgհhոnսuօoզqյjլlեtղn"
_CHEROKEE = "ᎪAᎬEᎳWᏀGᏃZᏒRᏚSᏢPᏞLᎢTᏴB"


def _pairs(listed: str) -> dict[str, str]:
    return {listed[at]: listed[at + 1] for at in range(0, len(listed), 2)}


LOOKALIKES: dict[str, str] = {
    **_pairs(_CYRILLIC),
    **_pairs(_CYRILLIC_CAPITAL),
    **_pairs(_GREEK),
    **_pairs(_GREEK_CAPITAL),
    **_pairs(_ARMENIAN),
    **_pairs(_CHEROKEE),
}

_TOKEN = re.compile(r"\w+")


def plain_lookalikes(text: str) -> str:
    """Return `text`, same length, with look-alikes made Latin in words that mix scripts or hold look-alikes only.

    Real words of another script stay as they are, because they hold letters without a Latin twin. A text that is
    mostly in another script is left alone.
    """
    if text.isascii():
        return text
    letters = [character for character in text if character.isalpha()]
    latin = sum(is_latin(character) for character in letters)
    mostly_latin = latin * 2 > len(letters)
    return _TOKEN.sub(partial(_plain_word, mostly_latin=mostly_latin), text)


def _plain_word(match: re.Match[str], *, mostly_latin: bool) -> str:
    word = match.group()
    if word.isascii() or not any(character in LOOKALIKES for character in word):
        return word
    mixed = any(is_latin(character) for character in word if character.isalpha())
    disguised = mostly_latin and all(character in LOOKALIKES or character.isdigit() for character in word)
    if not (mixed or disguised):
        return word
    return "".join(LOOKALIKES.get(character, character) for character in word)


def is_latin(character: str) -> bool:
    """Say whether the letter belongs to the Latin script, styled forms included."""
    return character.isascii() or "LATIN" in unicodedata.name(character, "")
