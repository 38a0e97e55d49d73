"""Fountain, the plain text of screenplays (fountain.io, syntax of 2014): dialogue is spoken (pure).

Scene headings are chapters. A speaker named `NARRATOR`, if declared, reads the action; without one, action is not
spoken, and a note says where. Parentheticals, transitions, synopses, notes and boneyards are directions for people:
they are never spoken, and what is not spoken is not in the plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from synth.building import Builder
from synth.characters import error_at
from synth.emphasis import strip_emphasis
from synth.frontmatter import lines_of
from synth.importers.plain import declared
from synth.traced import Traced
from synth.wording import refuse_markup

NARRATOR = "NARRATOR"

_HIDDEN = re.compile(r"/\*.*?\*/|\[\[.*?\]\]", re.DOTALL)  # boneyard and notes
_SCENE = re.compile(r"(?:INT|EXT|EST|INT\./EXT|INT/EXT|I/E)[. ]|\.(?=[^.\s])", re.IGNORECASE)
_SCENE_NUMBER = re.compile(r"\s*#[\w.-]+#\s*$")
_CUE = re.compile(r"@?([^()^]+?)\s*((?:\([^()]*\)\s*)*)\^?")
_TITLE_KEY = re.compile(r"[A-Za-z][A-Za-z ]{0,30}:")
_SECTION = re.compile(r"#{1,6}")
_PAGE_BREAK = re.compile(r"={3,}")


@dataclass
class _Page:
    builder: Builder
    text: str  # the source with hidden parts blanked out
    lines: list[tuple[int, str]]  # of the body: offset and text
    action: list[tuple[int, int]] = field(default_factory=list)  # paragraph being read


def read_fountain(builder: Builder) -> None:
    """Read the body behind the builder's head; raises `ScriptError` with line and column."""
    text = _visible(builder)
    page = _Page(builder, text, list(lines_of(text, builder.head.body_start)))
    at = _after_title_page(page.lines)
    before_is_empty = True
    while at < len(page.lines):
        start, line = page.lines[at]
        stripped = line.strip()
        next_is_empty = at + 1 >= len(page.lines) or not page.lines[at + 1][1].strip()
        if not stripped:
            _end_action(page)
        elif _SECTION.match(stripped) or stripped.startswith("=") or _PAGE_BREAK.fullmatch(stripped):
            _end_action(page)  # sections, synopses and page breaks order a screenplay; nobody hears them
        elif before_is_empty and _SCENE.match(stripped):
            _end_action(page)
            _scene(builder, start, line)
        elif _is_transition(stripped, next_is_empty=next_is_empty, before_is_empty=before_is_empty):
            builder.note(start, "a transition or centred line is not spoken")
        elif before_is_empty and not next_is_empty and _is_cue(stripped):
            _end_action(page)
            at = _dialogue(page, at)
            before_is_empty = True
            continue
        else:
            if stripped.startswith("~"):
                raise error_at(builder.source, start, "lyrics are not sung here; remove the line or make it dialogue")
            page.action.append((start + len(line) - len(line.lstrip()), start + len(line)))
        before_is_empty = not stripped
        at += 1
    _end_action(page)


def title_page(body: str) -> dict[str, str]:
    """Return the title page's keys in lower case with their first values; empty where there is none."""
    found: dict[str, str] = {}
    lines = body.lstrip("\n").split("\n")
    if not lines or not _TITLE_KEY.match(lines[0]):
        return {}
    key = ""
    for line in lines:
        if not line.strip():
            break
        if _TITLE_KEY.match(line):
            key, _, value = line.partition(":")
            key = key.strip().lower()
            found.setdefault(key, value.strip())
        elif key and not found[key]:
            found[key] = line.strip()
    return found


def characters(body: str) -> list[str]:
    """Return who has dialogue, in the order of appearance, as the cues name them."""
    lines = body.split("\n")
    found: dict[str, str] = {}
    for number, line in enumerate(lines[:-1]):
        before = number == 0 or not lines[number - 1].strip()
        stripped = line.strip()
        if before and lines[number + 1].strip() and not _SCENE.match(stripped) and _is_cue(stripped):
            name = _name(stripped)
            found.setdefault(name.casefold(), name)
    return list(found.values())


def _visible(builder: Builder) -> str:
    source, begin = builder.source, builder.head.body_start
    shown = list(source)
    for match in _HIDDEN.finditer(source, begin):
        builder.note(match.start(), "a note or boneyard is not spoken")
        for place in range(match.start(), match.end()):
            if shown[place] != "\n":
                shown[place] = " "
    return "".join(shown)


def _after_title_page(lines: list[tuple[int, str]]) -> int:
    at = 0
    while at < len(lines) and not lines[at][1].strip():
        at += 1
    if at == len(lines) or not _TITLE_KEY.match(lines[at][1]):
        return at
    while at < len(lines) and lines[at][1].strip():
        at += 1
    return at


def _is_cue(line: str) -> bool:
    if line.startswith("@"):
        return len(line) > 1
    match = _CUE.fullmatch(line)
    name = match.group(1) if match else ""
    return any(c.isalpha() for c in name) and name == name.upper() and not line.startswith((">", "!", "~", "."))


def _name(cue: str) -> str:
    match = _CUE.fullmatch(cue)
    return (match.group(1) if match else cue.lstrip("@")).strip()


def _is_transition(line: str, *, before_is_empty: bool, next_is_empty: bool) -> bool:
    if line.startswith(">"):
        return True
    return before_is_empty and next_is_empty and line == line.upper() and line.endswith("TO:")


def _scene(builder: Builder, start: int, line: str) -> None:
    indent = len(line) - len(line.lstrip())
    forced = line.strip().startswith(".")
    prefix = 1 if forced else _prefix(line.strip())  # listeners see "HARBOUR - NIGHT", not "INT."
    title = _SCENE_NUMBER.sub("", line.strip()[prefix:]).strip()
    begin = line.index(title, indent + prefix) + start
    builder.begin_chapter(title, begin, begin + len(title))
    refuse_markup(builder.source, Traced.written(builder.source, begin, begin + len(title)))


def _prefix(line: str) -> int:
    """Return how long "INT.", "EXT." or their like is at the beginning of a scene heading."""
    match = _SCENE.match(line)
    return match.end() if match else 0


def _dialogue(page: _Page, at: int) -> int:
    """Read a cue and what is said under it; return the number of the line after it."""
    builder = page.builder
    cue_start, cue = page.lines[at]
    name = _name(cue.strip())
    speaker = declared(builder, name)
    if speaker is None:
        names = ", ".join(known for known, _ in builder.head.voices)
        raise error_at(builder.source, cue_start, f"speaker '{name[:40]}' is not declared; declared: {names}")
    said: list[tuple[int, int]] = []
    at += 1
    # Fountain: a line of two spaces is part of the dialogue; lines here have no white space at their ends.
    while at < len(page.lines) and (page.lines[at][1].strip() or _is_held_open(page, at)):
        start, line = page.lines[at]
        stripped = line.strip()
        if stripped.startswith("(") and stripped.endswith(")"):
            pass  # a parenthetical: how it is said, not what
        elif stripped.startswith("~"):
            raise error_at(builder.source, start, "lyrics are not sung here; remove the line or make it dialogue")
        elif stripped:
            said.append((start, start + len(line)))
        at += 1
    if not said:
        raise error_at(builder.source, cue_start, "this speaker has no words; write them under the name")
    _say(page, speaker, said)
    return at


def _is_held_open(page: _Page, at: int) -> bool:
    start = page.lines[at][0]
    end = page.builder.source.find("\n", start)
    return page.builder.source[start : end if end >= 0 else None].startswith("  ")


def _end_action(page: _Page) -> None:
    if not page.action:
        return
    action, page.action = page.action, []
    narrator = declared(page.builder, NARRATOR)
    if narrator is None:
        page.builder.note(action[0][0], f"action is not spoken; declare a speaker {NARRATOR} to have it read")
    else:
        _say(page, narrator, action)


def _say(page: _Page, speaker: str, ranges: list[tuple[int, int]]) -> None:
    source = page.builder.source
    parts: list[Traced] = []
    for start, end in ranges:
        first = start + 1 if page.text[start] == "!" else start  # `!` forces action
        parts += [Traced(page.text[first:end], tuple(range(first, end))), Traced(" ", (min(end, len(source) - 1),))]
    words = Traced.joined(parts)
    refuse_markup(source, words)
    page.builder.say(speaker, strip_emphasis(source, words))
