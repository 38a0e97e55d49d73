"""The author's text as the rules see it: turns, sentences, and views with an offset map back to the original."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from policies.decision import Span


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's words: half-open range `[start, end)` in the author's text."""

    speaker: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Origin:
    """The author's text that a manuscript was made from, where the two differ."""

    text: str
    places: Sequence[int]  # per character of the manuscript, where it comes from; in any order

    def span(self, start: int, end: int) -> Span:
        """Return the author's characters behind `[start, end)` of the manuscript; an empty range stays empty."""
        inside = self.places[start:end]
        if inside:
            return Span(min(inside), max(inside) + 1)
        place = self.places[start] if start < len(self.places) else len(self.text)
        return Span(place, place)


@dataclass(frozen=True, slots=True)
class Manuscript:
    """What is screened: the author's text, untouched, with its language and turns.

    Text outside all turns (front matter, titles, show notes) is screened too: listeners see it. Where the author's text
    is not what is heard (another format, respelled words), `text` is what is heard and seen, and `origin` leads back;
    all findings then point at the author's text.
    """

    text: str
    language: str
    turns: tuple[Turn, ...]
    origin: Origin | None = None

    @property
    def digest(self) -> str:
        """SHA-256 as "sha256:<hex>" of the author's text in UTF-8."""
        written = self.text if self.origin is None else self.origin.text
        return "sha256:" + hashlib.sha256(written.encode()).hexdigest()

    def author_span(self, span: Span) -> Span:
        """Return where a span of `text` stands in the author's text."""
        return span if self.origin is None else self.origin.span(span.start, span.end)


def primary_language(tag: str) -> str:
    """Return the language of a tag such as "de-AT" or "de_AT", in lower case: "de" (RFC 5646, section 2.2.1)."""
    return tag.lower().replace("_", "-").partition("-")[0]
