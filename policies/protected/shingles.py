"""Words and hashed word sequences ("shingles") as the registry compares them (pure, linear).

Near-duplicates by shingles: A. Broder, On the resemblance and containment of documents, 1997. A sequence is hashed with
a secret key (BLAKE2b, RFC 7693), so that the registry's file alone does not let anyone test guesses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from anyascii import anyascii

SHINGLE_WORDS = 5
HASH_BYTES = 8
Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"[^\W_]+(?:['’`´][^\W_]+)*")
_REPEATED = re.compile(r"(.)\1+")
# Spellings that sound alike in English, so that "luv ya nite" and "love you night" differ less; applied in this order.
_ALIKE = (
    ("ight", "ite"), ("ough", "o"), ("ph", "f"), ("ck", "k"), ("qu", "kw"), ("sch", "sk"), ("wh", "w"), ("kn", "n"),
    ("wr", "r"), ("x", "ks"), ("z", "s"), ("c", "k"), ("y", "i"), ("ea", "e"), ("ee", "e"), ("oo", "u"), ("ou", "u"),
    ("ove", "uv"),
)  # fmt: skip
_SHORT = {"u": "you", "ur": "your", "r": "are", "n": "and", "ya": "you", "2": "to", "4": "for", "thru": "through"}
_FIGURES = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word in its comparable form, at `[start, end)` of the text it comes from."""

    form: str
    start: int
    end: int


def comparable_words(text: str) -> list[Word]:
    """Return the words of `text` without case, accents, punctuation, repeats and most differences of spelling."""
    known: dict[str, str] = {}
    words = []
    for match in _WORD.finditer(text):
        written = match.group()
        form = known.get(written)
        if form is None:
            form = known[written] = comparable_form(written)
        if form:
            words.append(Word(form, match.start(), match.end()))
    return words


def comparable_form(word: str) -> str:
    """Return the form in which `word` is compared; empty when nothing is left of it."""
    plain = re.sub(r"[^a-z0-9]", "", anyascii(word).lower())
    plain = _FIGURES.get(_SHORT.get(plain, plain), _SHORT.get(plain, plain))
    for written, alike in _ALIKE:
        plain = plain.replace(written, alike)
    plain = _REPEATED.sub(r"\1", plain)
    return plain[:-1] if len(plain) > 3 and plain.endswith("e") else plain


def hash_shingles(words: Sequence[Word], *, key: bytes) -> Hashes:
    """Return the keyed hashes of all sequences of five words, in order; shape (max(0, n - 4),)."""
    forms = [word.form for word in words]
    hasher = hashlib.blake2b(digest_size=HASH_BYTES, key=key)
    digests = bytearray()
    for at in range(len(forms) - SHINGLE_WORDS + 1):
        one = hasher.copy()
        one.update(" ".join(forms[at : at + SHINGLE_WORDS]).encode())
        digests += one.digest()
    return np.frombuffer(bytes(digests), dtype="<u8")
