"""What no word of a script may hold, whatever its format: markup that is heard otherwise than it reads (pure)."""

from __future__ import annotations

import re

from synth.characters import error_at, refused_character
from synth.traced import Traced

# The longest words of English have 45 letters; longer ones are keys, hashes or an attempt to exhaust the engine.
MAX_WORD_CHARACTERS = 60

_ENTITY = re.compile(r"&(?:#\w+|[A-Za-z]\w*);")
_FORBIDDEN = re.compile(r"\[\[|\]\(|[\[\]<>{}`\\|]|" + _ENTITY.pattern)
_MARKS = re.compile(r"[*_]")
_DIRECTIVES = "directives are '[pause 800ms]', '[bed NAME]', '[stinger NAME]', each on its own line; write plain words"
_REASONS = {
    "[[": "'[[' is phoneme markup, which would be spoken differently from how it reads; write plain words",
    "](": "links and phoneme markup are not spoken as they read; write plain words",
    "[": _DIRECTIVES,
    "]": _DIRECTIVES,
    "<": "tags and SSML are not read; write plain words",
    ">": "tags and SSML are not read; write plain words",
}


def refuse_markup(source: str, words: Traced) -> None:
    """Raise `ScriptError` at the first markup or endless word; emphasis marks are the caller's to judge."""
    if found := _FORBIDDEN.search(words.text):
        mark = found.group()
        reason = _REASONS.get(mark, f"'{mark}' is markup, not words; write plain words")
        raise error_at(source, words.place(found.start()), reason)
    for word in re.finditer(r"\S+", words.text):
        if len(word.group()) > MAX_WORD_CHARACTERS:
            place = words.place(word.start())
            raise error_at(source, place, f"a word of more than {MAX_WORD_CHARACTERS} characters; write it out")


def refuse_marks(source: str, words: Traced) -> None:
    """Raise `ScriptError` at the first `*` or `_`, which mean emphasis in one format and nothing in another."""
    if found := _MARKS.search(words.text):
        raise error_at(
            source, words.place(found.start()), f"'{found.group()}' is a mark and not a word; write what is to be said"
        )


def refuse_hidden(source: str, words: Traced) -> None:
    """Raise `ScriptError` at the first character that only an escape could have brought here and nobody sees."""
    for character, place in zip(words.text, words.places, strict=True):
        if character not in "\n\r\t" and (reason := refused_character(character)):
            raise error_at(source, place, f"U+{ord(character):04X} is {reason}; remove it")
