"""Reads the Markdown dialect of scripts (pure; `docs/scripts.md` is the dialect for authors).

One rule stands above all: what is screened is what is spoken. Each utterance keeps its exact range in the author's
text, its words are that range with white space collapsed and emphasis marks removed, and whatever else could make the
two differ (links, phoneme markup, tags, directives, entities, invisible characters) is refused with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synth.building import Builder
from synth.characters import error_at
from synth.emphasis import strip_emphasis
from synth.frontmatter import FrontMatter, lines_of
from synth.music import read_bed, read_stinger
from synth.traced import Traced
from synth.wording import refuse_markup

_HEADING = re.compile(r"#[ \t]+(.+)")
_PAUSE = re.compile(r"[ \t]*\[pause[ \t]+(\d{1,6}(?:\.\d{1,3})?)[ \t]?(ms|s)\]")
_MUSIC = re.compile(r"[ \t]*\[(bed|stinger)(?:[ \t]+([^\[\]]*?))?[ \t]*\]")
_LABEL = re.compile(r"([^\W\d_][^:]{0,39}?)[ \t]*:(?!//|\d)")
_LOUD_LABEL = re.compile(r"[^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,3}")
_BLOCK_MARKUP = re.compile(r"[ \t]*(?:[-*+>][ \t]|```|~~~|\||[-*_=]{3,}$)")


@dataclass
class _Body:
    """What has been read of the body so far."""

    source: str
    head: FrontMatter
    builder: Builder
    speaker: str | None = None  # who speaks if the next line has no label
    label: int | None = None  # offset of a label whose words have not come yet
    start: int | None = None  # range of the turn being read
    end: int = 0


def read_markdown(builder: Builder) -> None:
    """Read the body behind the builder's head; raises `ScriptError`, and nothing else, with the line and column."""
    body = _Body(source=builder.source, head=builder.head, builder=builder)
    for start, line in lines_of(builder.source, builder.head.body_start):
        _read_line(body, start, line)
    _end_turn(body)


def _read_line(body: _Body, start: int, line: str) -> None:
    if not line:
        _end_turn(body)
        # With several speakers each paragraph names its own: a forgotten label must not give words to the wrong voice.
        body.speaker = None
    elif line.startswith("#"):
        _read_heading(body, start, line)
    elif pause := _PAUSE.fullmatch(line):
        _end_turn(body)
        seconds = float(pause.group(1)) * (0.001 if pause.group(2) == "ms" else 1.0)
        # A pause does not take the turn away: the same speaker may go on in the next line.
        body.builder.pause(start + line.index("["), seconds)
        body.speaker = body.builder.speaker
    elif music := _MUSIC.fullmatch(line):
        _end_turn(body)
        _read_music(body, start, music)
    else:
        _read_words(body, start, line)


def _read_heading(body: _Body, start: int, line: str) -> None:
    match = _HEADING.fullmatch(line)
    if match is None or not any(character.isalnum() for character in match.group(1)):
        raise error_at(body.source, start, "a chapter is written '# Title'; other headings are not known")
    _end_turn(body)
    title_start, title_end = start + match.start(1), start + match.end(1)
    body.builder.begin_chapter(match.group(1), title_start, title_end)
    refuse_markup(body.source, Traced.written(body.source, title_start, title_end))
    body.speaker = None


def _read_music(body: _Body, start: int, match: re.Match[str]) -> None:
    """Read `[bed NAME -20dB]`, `[bed off]` or `[stinger NAME]`; like a pause, it does not take the turn away."""
    offset, name = start + match.start(1) - 1, match.group(2) or ""
    place = start + (match.start(2) if name else match.start(1))
    if match.group(1) == "stinger":
        body.builder.sting(offset, read_stinger(body.source, place, name))
    else:
        body.builder.play(offset, None if name == "off" else read_bed(body.source, place, name))
    body.speaker = body.builder.speaker


def _read_words(body: _Body, start: int, line: str) -> None:
    if _BLOCK_MARKUP.match(line) or line.lstrip().startswith("#"):
        raise error_at(body.source, start, "lists, quotes, tables, code and rules are not read; write plain sentences")
    indent = len(line) - len(line.lstrip())
    words_start = start + indent
    label = _LABEL.match(line, indent)
    if label is not None and _is_label(body, start, label.group(1), begins_turn=body.start is None):
        _end_turn(body)
        body.speaker, body.label = label.group(1), start
        rest = line[label.end() :]
        words_start = start + len(line) - len(rest.lstrip())
    if body.speaker is None:
        body.speaker = _only_speaker(body, words_start)
    if words_start == start + len(line):
        return  # "NAME:" alone: its words follow on the next line
    if body.start is None:
        body.start, body.label = words_start, None
    body.end = start + len(line)


def _is_label(body: _Body, start: int, label: str, *, begins_turn: bool) -> bool:
    """True if `label` names a declared speaker; raises if it can only be meant as one."""
    declared = [speaker for speaker, _ in body.head.voices]
    if label in declared:
        return True
    alike = any(label.casefold() == speaker.casefold() for speaker in declared)
    loud = _LOUD_LABEL.fullmatch(label) is not None and label.isupper()
    needed = begins_turn and body.speaker is None and len(declared) > 1
    if alike or loud or needed:
        raise error_at(
            body.source, start, f"speaker '{label}' is not declared under 'voices:'; declared: {', '.join(declared)}"
        )
    return False


def _only_speaker(body: _Body, offset: int) -> str:
    if len(body.head.voices) > 1:
        names = ", ".join(speaker for speaker, _ in body.head.voices)
        raise error_at(body.source, offset, f"who speaks here? begin the paragraph with 'NAME: '; declared: {names}")
    return body.head.voices[0][0]


def _end_turn(body: _Body) -> None:
    if body.label is not None:
        raise error_at(body.source, body.label, "this speaker has no words; write them after the colon")
    if body.start is None:
        return
    start, body.start = body.start, None
    assert body.speaker is not None  # set by _read_words before it sets the start
    written = Traced.written(body.source, start, body.end)
    refuse_markup(body.source, written)
    body.builder.say(body.speaker, strip_emphasis(body.source, written), verbatim=(start, body.end))
