"""A plain text as a script of one voice, and the way back from the script to the caller's text (pure).

White space is collapsed and a blank line makes a paragraph; everything else is what the dialect of scripts makes of it.
So what is screened is what is spoken, and markup that would be spoken differently from how it reads is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synth.errors import ScriptError
from synth.formats import parse_script
from synth.script import Script

TITLE = "Spoken on request"
SPEAKER = "Voice"
_PARAGRAPH = re.compile(r"(?:(?!\n[^\S\n]*\n).)+", re.DOTALL)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The script of a text, with where each of its characters stands in the text."""

    script: Script
    places: tuple[int, ...]  # per character of `script.source`; -1 for what the text does not hold

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the half-open range of the caller's text under a range of the script; None where there is none."""
        inside = [place for place in self.places[start:end] if place >= 0]
        return (inside[0], inside[-1] + 1) if inside else None


def read_text(text: str, *, voice_id: str, language: str) -> SpokenText:
    """Return `text` as a script; raises `ScriptError` for what cannot be spoken as it reads, or for no words at all."""
    if not any(character.isalnum() for character in text):
        raise ScriptError("the text has no words to speak")
    head = f"---\ntitle: {TITLE}\nlanguage: {language}\nvoices:\n  {SPEAKER}: {voice_id}\n---\n"
    source, places = [head], [-1] * len(head)
    for paragraph in _PARAGRAPH.finditer(text):
        words = list(_WORD.finditer(paragraph.group()))
        if not words:
            continue
        label = f"\n{SPEAKER}:"
        source.append(label)
        places += [-1] * len(label)
        for word in words:
            start = paragraph.start() + word.start()
            source.append(" " + word.group())
            places += [-1, *range(start, start + len(word.group()))]
        source.append("\n")
        places.append(-1)
    return SpokenText(parse_script("".join(source)), tuple(places))
