"""Gives a head to a file of another format that has none, so that it is a whole script (pure).

The head names the format, a title and who speaks with which voice; the author's text follows untouched. Whoever shows
places of the result to the author takes the head's lines off again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from synth.characters import refuse_characters
from synth.errors import ScriptError
from synth.frontmatter import FORMATS, MAX_SPEAKERS, MAX_TITLE_CHARACTERS
from synth.importers import fountain, ssml

UNTITLED = "Untitled"
NARRATOR = "Narrator"
# For speakers whose voice nobody chose, by language: the embedded voices, each as far from those before it as can be.
USUAL_VOICES: Mapping[str, Sequence[str]] = MappingProxyType(
    {"en": ("hibari-heart", "hibari-cedar", "hibari-wren", "hibari-birch", "hibari-alder")}
)
BODIES = ("text", "podcastfy", "ssml", "fountain")  # formats of files that have no head

_BEGINNINGS = {
    "podcastfy": re.compile(r"\s*<Person\d{1,2}>", re.IGNORECASE),
    "ssml": re.compile(r"\s*<(?:\?xml|speak)\b"),
}
_PERSON = re.compile(r"<(Person\d{1,2})>", re.IGNORECASE)
_LABEL = re.compile(r"^(Speaker \d{1,2})[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A whole script, and how much of it is not the author's."""

    text: str
    head_characters: int  # before the author's first character
    head_lines: int

    def error(self, error: ScriptError) -> ScriptError:
        """Return an error of the whole script with its line as the author counts."""
        return error.above(self.head_lines)


def has_head(text: str) -> bool:
    """Say whether `text` begins as a script that says itself what it is: with a head, or as canonical JSON."""
    return text.lstrip("\ufeff \t\r\n").startswith(("---", "{"))


def guess_format(text: str, *, name: str = "") -> str | None:
    """Return the format of a file without a head by its name or its first characters; None where neither says."""
    endings = {".ssml": "ssml", ".fountain": "fountain", ".spmd": "fountain", ".txt": "text"}
    by_name = next((kind for ending, kind in endings.items() if name.lower().endswith(ending)), None)
    by_text = next((kind for kind, begins in _BEGINNINGS.items() if begins.match(text)), None)
    return by_text or by_name


def adopt(
    body: str,
    *,
    format: str,  # the word that the head, the API and the command line use
    title: str | None = None,
    language: str = "en",
    voices: Mapping[str, str] | None = None,
    usual_voices: Sequence[str] | None = None,
    untitled: str = UNTITLED,
) -> Adopted:
    """Return `body` with a head; raises `ScriptError` for a body whose speakers cannot be found.

    Speakers without a voice in `voices` get the `usual_voices` in turn, by default those of the language. Without a
    `title`, a screenplay's own serves, or else `untitled`.
    """
    usual_voices = USUAL_VOICES.get(language, ()) if usual_voices is None else usual_voices
    refuse_characters(body)
    speakers = _speakers(body, format)
    if len(speakers) > MAX_SPEAKERS:
        raise ScriptError(f"more than {MAX_SPEAKERS} speakers; merge some")
    chosen = dict(voices or {})
    for speaker in speakers:
        if all(speaker.casefold() != known.casefold() for known in chosen):
            if not usual_voices:
                raise ScriptError(f"speaker '{speaker}' has no voice in '{language[:20]}'; name one")
            # The next voice that nobody has yet, and the first again when there is none.
            free = [voice for voice in usual_voices if voice not in chosen.values()] or list(usual_voices)
            chosen[speaker] = free[0]
    title = " ".join((title or _title(body, format) or untitled).split())[:MAX_TITLE_CHARACTERS]
    lines = ["---", f'title: "{title}"', f"language: {language}", f"format: {format}", "voices:"]
    lines += [f"  {speaker}: {voice}" for speaker, voice in chosen.items()]
    head = "\n".join([*lines, "---"]) + "\n"
    return Adopted(head + body, len(head), len(lines) + 1)


def _speakers(body: str, kind: str) -> list[str]:
    """Return who speaks, as the format names them; one narrator where nobody is named."""
    found: list[str] = []
    if kind == "podcastfy":
        found = [match.group(1).capitalize() for match in _PERSON.finditer(body)]
    elif kind == "text":
        found = [match.group(1) for match in _LABEL.finditer(body)]
    elif kind == "fountain":
        found = fountain.characters(body)
    elif kind == "ssml":
        found = ssml.voices(body, 0)
    elif kind not in FORMATS:
        raise ScriptError(f"the format '{kind[:40]}' is not read; known: {', '.join(FORMATS)}")
    else:
        raise ScriptError("a script begins with a line '---' and then its title and voices")
    return list(dict.fromkeys(found)) or [NARRATOR]


def _title(body: str, kind: str) -> str | None:
    return fountain.title_page(body).get("title") if kind == "fountain" else None
