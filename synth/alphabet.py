"""What a voice whose reading rules we do not know may be given: letters of its language and plain punctuation (pure).

Engines read numbers, signs and abbreviations by rules of their own, differently in every version, and drop what they
have no sound for. What is screened must be what is spoken, so such voices get words alone.
"""

from __future__ import annotations

import re
import unicodedata

from synth.errors import VoiceError
from synth.voice import Unspeakable

MAX_LETTERS = 40  # of one word; the longest that people read aloud have some thirty

_ACCENTED = {
    "en": "éèêëàâäçïîôöûüñ",  # of words that English has taken in
    "de": "äöüßéèàêçñ",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "es": "áéíóúüñ",
    "it": "àèéìíîòóùú",
    "pt": "ãáàâçéêíõóôúü",
    "nl": "áéëïíóöúüèê",
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "hu": "áéíóöőúüű",
    "tr": "çğıİöşüâîû",
}
_CYRILLIC = {"ru": "а-яёА-ЯЁ"}
_MARKS = r" .,;:!?…'\"‘’“”()–—-"
_DIGITS = re.compile(r"[0-9]+")
LANGUAGES = tuple(sorted({*_ACCENTED, *_CYRILLIC}))


class PlainAlphabet:
    """Words and punctuation of one language; call it with a text to get the first place that is neither."""

    def __init__(self, language: str) -> None:
        """Take a BCP 47 primary tag; raises `VoiceError` for a language whose letters are not listed here."""
        if language in _CYRILLIC:
            letters = _CYRILLIC[language]
        elif language in _ACCENTED:
            letters = "A-Za-z" + _ACCENTED[language] + _ACCENTED[language].upper()
        else:
            raise VoiceError(f"no alphabet is known for '{language}'; voices may speak: {', '.join(LANGUAGES)}")
        self._outside = re.compile(rf"[^{letters}{_MARKS}]")
        self._word = re.compile(rf"[{letters}]{{{MAX_LETTERS + 1},}}")

    def __call__(self, text: str) -> Unspeakable | None:
        """Return the first character that is no letter or mark, or the first word that is too long, or None."""
        found = self._outside.search(text)
        word = self._word.search(text)
        if word is not None and (found is None or word.start() < found.start()):
            return Unspeakable(word.start(), f"a word of more than {MAX_LETTERS} letters; hyphenate it")
        if found is None:
            return None
        character = found.group()
        if _DIGITS.match(character):
            return Unspeakable(found.start(), "this voice reads numbers by rules of its own; write the number in words")
        name = f"{unicodedata.name(character, 'an unnamed character')} (U+{ord(character):04X})"
        return Unspeakable(found.start(), f"{name} is not in the alphabet of this voice; write it in words")
