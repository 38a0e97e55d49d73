"""Screening without submitting: read a text or a script, judge it, keep nothing.

Such a screening is advice to the author. It is not stored and not logged, and it clears nothing: the gate screens a
submission again, whatever was said about it before.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from gateway.manuscripts import manuscript_of
from policies.text import Manuscript, Origin, Turn, primary_language
from synth.adopting import adopt, has_head
from synth.errors import ScriptError
from synth.formats import parse_script


class Format(StrEnum):
    """How the words of a request are written."""

    TEXT = "text"  # plain text, all of it spoken by one voice
    SCRIPT = "script"  # a whole script, as for a submission: Markdown or another format with a head, or canonical JSON
    PODCASTFY = "podcastfy"  # these three without a head
    SSML = "ssml"
    FOUNTAIN = "fountain"


def read_manuscript(text: str, *, written_as: Format, language: str) -> Manuscript:
    """Return what is screened; a script names its language itself.

    Raises `ScriptError` (with line and column) for a script that cannot be read.
    """
    if written_as is Format.SCRIPT or (written_as is not Format.TEXT and has_head(text)):
        return manuscript_of(parse_script(text))
    if written_as is not Format.TEXT:
        return _read_body(text, written_as, language)
    turns = (Turn("", 0, len(text)),) if text.strip() else ()
    return Manuscript(text=text, language=language, turns=turns)


def _read_body(text: str, written_as: Format, language: str) -> Manuscript:
    """Read a file without a head; what the head would say is the gate's own and nothing to be found in."""
    # Nobody speaks here, so which voice it would be does not matter.
    whole = adopt(text, format=written_as.value, language=primary_language(language), usual_voices=("screening",))
    try:
        manuscript = manuscript_of(parse_script(whole.text))
    except ScriptError as error:
        raise whole.error(error) from error
    assert manuscript.origin is not None  # no such format is spoken word for word as it is written
    places = tuple(max(0, place - whole.head_characters) for place in manuscript.origin.places)
    return replace(manuscript, origin=Origin(text, places))


def looks_like_script(text: str) -> bool:
    """Say whether `text` begins with the head of a script, or as one in canonical JSON."""
    return has_head(text)
