"""Podcastfy's transcripts: `<Person1>words</Person1>`, one after the other, and nothing between them (pure).

The speakers are declared as `Person1`, `Person2` and so on. Turns need not alternate, though Podcastfy's do.
"""

from __future__ import annotations

import re

from synth.building import Builder
from synth.characters import error_at
from synth.importers.plain import declared, say_written

_OPEN = re.compile(r"<(Person\d{1,2})>", re.IGNORECASE)
_WAY = "everything stands between '<Person1>' and '</Person1>', with the number of who speaks"


def read_podcastfy(builder: Builder) -> None:
    """Read the body behind the builder's head; raises `ScriptError` with line and column."""
    source, at = builder.source, builder.head.body_start
    while True:
        while at < len(source) and source[at].isspace():
            at += 1
        if at == len(source):
            return
        match = _OPEN.match(source, at)
        if match is None:
            raise error_at(source, at, _WAY)
        tag = match.group(1)
        speaker = declared(builder, tag)
        if speaker is None:
            names = ", ".join(name for name, _ in builder.head.voices)
            raise error_at(source, at, f"speaker '{tag}' is not declared under 'voices:'; declared: {names}")
        close = re.compile(f"</{tag}>", re.IGNORECASE).search(source, match.end())
        if close is None:
            raise error_at(source, at, f"'<{tag}>' is not closed; write '</{tag}>' after the words")
        if not source[match.end() : close.start()].strip():
            raise error_at(source, at, "this turn has no words to speak")
        say_written(builder, speaker, match.end(), close.start())
        at = close.end()
