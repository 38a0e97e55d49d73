"""Manuscripts for tests of screening."""

from __future__ import annotations

from policies.text import Manuscript, Turn


def spoken(text: str, *, language: str = "en") -> Manuscript:
    """Return `text` as one turn of one speaker."""
    return Manuscript(text, language, (Turn("HOST", 0, len(text)),))


def dialogue(*turns: str) -> Manuscript:
    """Return the turns of two alternating speakers, labelled as in a script."""
    text = ""
    listed = []
    for number, words in enumerate(turns):
        speaker = ("ANNA", "BEN")[number % 2]
        text += f"{speaker}: "
        listed.append(Turn(speaker, len(text), len(text) + len(words)))
        text += words + "\n\n"
    return Manuscript(text, "en", tuple(listed))
