"""Phonemes for Coqui models without espeak: the embedded engine's dictionary, written as espeak would (pure).

Coqui's English models were trained on the phonemes of espeak-ng, which is under the GPL and is not shipped. The
dictionary of hibari-tts writes misaki's alphabet, so its symbols are translated. Order matters: what is replaced first
must not be found again. The mapping inverts misaki's own `EspeakFallback` table (Apache-2.0).
"""

from __future__ import annotations

import re

_PAIRS = (
    ("ɜɹ", "ɜː"),
    ("əɹ", "ɚ"),
    ("ᵊ", "ə"),
    ("A", "eɪ"),
    ("I", "aɪ"),
    ("O", "oʊ"),
    ("W", "aʊ"),
    ("Y", "ɔɪ"),
    ("Q", "əʊ"),
    ("ʤ", "dʒ"),
    ("ʧ", "tʃ"),
    ("T", "ɾ"),
)
_VOWELS = "aeiouæɑɐɒɔəɚɛɜɪʊʌᵻ"
_LONG = (
    (re.compile("ɑː?"), "ɑː"),
    (re.compile("ɔ(?![ɪː])"), "ɔː"),
    (re.compile("u(?!ː)"), "uː"),
    # "i" is long after a stress mark with its consonants, and before a consonant; at the end of a word it is short.
    (re.compile(rf"(?<=[ˈˌ])([^\s{_VOWELS}ˈˌ]*)i(?!ː)"), r"\1iː"),
    (re.compile(rf"i(?=[^\s{_VOWELS}ˈˌː.,;:!?\"'()-])"), "iː"),
)
_PUNCTUATION = (
    (re.compile("[—–]"), " - "),
    (re.compile("…"), "."),
    (re.compile("[“”]"), '"'),
    (re.compile(r"\s+"), " "),
)


def misaki_to_espeak(phonemes: str) -> str:
    """Return misaki's phonemes of American English in the alphabet of espeak-ng's voice en-us."""
    for symbol, written in _PAIRS:
        phonemes = phonemes.replace(symbol, written)
    for pattern, written in (*_LONG, *_PUNCTUATION):
        phonemes = pattern.sub(written, phonemes)
    return phonemes.strip()
