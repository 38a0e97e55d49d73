"""The author's text as the rules see it: turns, sentences, and views with an offset map back to the original."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's words: half-open range `[start, end)` in the author's text."""

    speaker: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Manuscript:
    """What is screened: the author's text, untouched, with its language and turns.

    Text outside all turns (front matter, titles, show notes) is screened too: listeners see it.
    """

    text: str
    language: str
    turns: tuple[Turn, ...]

    @property
    def digest(self) -> str:
        """SHA-256 as "sha256:<hex>" of the UTF-8 text."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()


def primary_language(tag: str) -> str:
    """Return the language of a tag such as "de-AT" or "de_AT", in lower case: "de" (RFC 5646, section 2.2.1)."""
    return tag.lower().replace("_", "-").partition("-")[0]
