"""Plain text: paragraphs of words, with `NAME:` before them where several people speak (pure).

Nothing is markup, so nothing is taken out: what could be taken for markup by an engine is refused.
"""

from __future__ import annotations

import re

from synth.building import Builder
from synth.characters import error_at
from synth.frontmatter import lines_of
from synth.traced import Traced
from synth.wording import refuse_marks, refuse_markup

_LABEL = re.compile(r"[ \t]*([^\W\d_][^:\n]{0,39}?)[ \t]*:(?!//|\d)[ \t]*")


def read_plain(builder: Builder) -> None:
    """Read the body behind the builder's head; raises `ScriptError` with line and column.

    An empty line, or a declared name and a colon at the start of a line, ends what was being said.
    """
    speaker: str | None = None
    begin: int | None = None
    end = 0
    for start, line in [*lines_of(builder.source, builder.head.body_start), (len(builder.source), "")]:
        named = _speaker(builder, line)
        if begin is not None and (not line.strip() or named):
            say_written(builder, _who(builder, speaker, begin), begin, end)
            speaker, begin = None, None
        words_start = start
        if named:
            speaker, length = named
            words_start += length
        if line.strip() and words_start < start + len(line):
            begin = words_start if begin is None else begin
            end = start + len(line)


def say_written(builder: Builder, speaker: str, start: int, end: int) -> None:
    """Add `source[start:end]` as plain words; raises `ScriptError` at whatever is not."""
    words = Traced.written(builder.source, start, end)
    refuse_markup(builder.source, words)
    refuse_marks(builder.source, words)
    builder.say(speaker, words)


def declared(builder: Builder, name: str) -> str | None:
    """Return the declared speaker of this name, in any case."""
    return next((known for known, _ in builder.head.voices if known.casefold() == name.casefold()), None)


def only_speaker(builder: Builder, offset: int, way: str) -> str:
    """Return the one declared speaker; raises `ScriptError` that tells the `way` to name one of several."""
    if len(builder.head.voices) > 1:
        names = ", ".join(name for name, _ in builder.head.voices)
        raise error_at(builder.source, offset, f"who speaks here? {way}; declared: {names}")
    return builder.head.voices[0][0]


def _speaker(builder: Builder, line: str) -> tuple[str, int] | None:
    """Return the speaker whom a line names, and how long the label is."""
    match = _LABEL.match(line)
    name = declared(builder, match.group(1)) if match else None
    return (name, match.end()) if match and name else None


def _who(builder: Builder, speaker: str | None, offset: int) -> str:
    return speaker or only_speaker(builder, offset, "begin the paragraph with 'NAME: '")
