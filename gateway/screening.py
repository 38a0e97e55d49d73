"""Screening without submitting: read a text or a script, judge it, keep nothing.

Such a screening is advice to the author. It is not stored and not logged, and it clears nothing: the gate screens a
submission again, whatever was said about it before.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.manuscripts import manuscript_of
from policies.text import Manuscript, Turn
from synth.formats import parse_script


class Format(StrEnum):
    """How the words of a request are written."""

    TEXT = "text"  # plain text, all of it spoken by one voice
    SCRIPT = "script"  # the Markdown dialect with its head, as for a submission


def read_manuscript(text: str, *, written_as: Format, language: str) -> Manuscript:
    """Return what is screened; a script names its language itself.

    Raises `ScriptError` (with line and column) for a script that cannot be read.
    """
    if written_as is Format.SCRIPT:
        return manuscript_of(parse_script(text))
    turns = (Turn("", 0, len(text)),) if text.strip() else ()
    return Manuscript(text=text, language=language, turns=turns)


def looks_like_script(text: str) -> bool:
    """Say whether `text` begins with the head of a script."""
    return text.lstrip("\ufeff \t\r\n").startswith("---")
