"""Reads the Markdown dialect of scripts into a `Script` (pure; `docs/scripts.md` is the dialect for authors).

One rule stands above all: what is screened is what is spoken. Each utterance keeps its exact range in the author's
text, its words are that range with white space collapsed and emphasis marks removed, and whatever else could make the
two differ (links, phoneme markup, tags, directives, entities, invisible characters) is refused with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from synth.characters import error_at, refuse_characters
from synth.emphasis import strip_emphasis
from synth.errors import ScriptError
from synth.frontmatter import MAX_TITLE_CHARACTERS, FrontMatter, lines_of, parse_front_matter
from synth.script import Chapter, Script, Utterance

# About 14 characters are spoken per second: 200,000 are four hours, the longest file that verification reads back.
MAX_CHARACTERS = 200_000
# The longest words of English have 45 letters; longer ones are keys, hashes or an attempt to exhaust the engine.
MAX_WORD_CHARACTERS = 60
MAX_PAUSE_SECONDS = 30.0  # a longer silence sounds like a broken player
MAX_TOTAL_PAUSE_SECONDS = 600.0  # pauses are cheap to write and expensive to store: ten minutes per programme
MAX_CHAPTERS = 200  # the table of contents of an MP3 holds 255

_HEADING = re.compile(r"#[ \t]+(.+)")
_PAUSE = re.compile(r"[ \t]*\[pause[ \t]+(\d{1,6}(?:\.\d{1,3})?)[ \t]?(ms|s)\]")
_LABEL = re.compile(r"([^\W\d_][^:]{0,39}?)[ \t]*:(?!//|\d)")
_LOUD_LABEL = re.compile(r"[^\W\d_][\w.'’-]*(?: [\w.'’-]+){0,3}")
_BLOCK_MARKUP = re.compile(r"[ \t]*(?:[-*+>][ \t]|```|~~~|\||[-*_=]{3,}$)")
_ENTITY = re.compile(r"&(?:#\w+|[A-Za-z]\w*);")
_FORBIDDEN = re.compile(r"\[\[|\]\(|[\[\]<>{}`\\|]|" + _ENTITY.pattern)
_REASONS = {
    "[[": "'[[' is phoneme markup, which would be spoken differently from how it reads; write plain words",
    "](": "links and phoneme markup are not spoken as they read; write plain words",
    "[": "the only directive is '[pause 800ms]' on a line of its own; write plain words",
    "]": "the only directive is '[pause 800ms]' on a line of its own; write plain words",
    "<": "tags and SSML are not read; write plain words",
    ">": "tags and SSML are not read; write plain words",
}


@dataclass
class _Body:
    """What has been read of the body so far."""

    source: str
    head: FrontMatter
    chapters: list[Chapter] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)  # of the chapter being read
    title: tuple[str, int, int] = ("", 0, 0)  # of the chapter being read
    speaker: str | None = None  # who speaks if the next line has no label
    label: int | None = None  # offset of a label whose words have not come yet
    start: int | None = None  # range of the turn being read
    end: int = 0
    paused: float = 0.0  # total so far


def parse_script(text: str | bytes) -> Script:
    """Read a script in the Markdown dialect (UTF-8 if given as bytes).

    Raises `ScriptError`, and nothing else, with the line and column and what to do. The result's utterances are in
    speaking order; `source[start:end]` of each holds exactly its words.
    """
    source = _decode(text) if isinstance(text, bytes) else text
    if len(source) > MAX_CHARACTERS:
        raise ScriptError(f"{len(source)} characters are more than {MAX_CHARACTERS}; split the script into episodes")
    if not source.strip():
        raise ScriptError("the script is empty")
    refuse_characters(source)
    head = parse_front_matter(source)
    body = _Body(source=source, head=head)
    for start, line in lines_of(source, head.body_start):
        _read_line(body, start, line)
    _end_chapter(body)
    return _script(body)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"\x00" in data:
            raise ScriptError("this is a binary file, not a text; send the script as UTF-8 text") from error
        line = data.count(b"\n", 0, error.start) + 1
        raise ScriptError("the script is not valid UTF-8; save it as UTF-8", line=line) from error


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
        _add_pause(body, start + line.index("["), seconds)
    else:
        _read_words(body, start, line)


def _read_heading(body: _Body, start: int, line: str) -> None:
    match = _HEADING.fullmatch(line)
    if match is None or not any(character.isalnum() for character in match.group(1)):
        raise error_at(body.source, start, "a chapter is written '# Title'; other headings are not known")
    _end_chapter(body)
    title_start, title_end = start + match.start(1), start + match.end(1)
    if title_end - title_start > MAX_TITLE_CHARACTERS:
        raise error_at(body.source, title_start, f"longer than {MAX_TITLE_CHARACTERS} characters; shorten it")
    _refuse_markup(body.source, title_start, title_end)
    body.title = (match.group(1), title_start, title_end)
    body.speaker = None


def _add_pause(body: _Body, offset: int, seconds: float) -> None:
    if not 0.0 < seconds <= MAX_PAUSE_SECONDS:
        raise error_at(body.source, offset, f"a pause is longer than 0 and at most {MAX_PAUSE_SECONDS:g} seconds")
    body.paused += seconds
    if body.paused > MAX_TOTAL_PAUSE_SECONDS:
        raise error_at(body.source, offset, f"all pauses together exceed {MAX_TOTAL_PAUSE_SECONDS:g} seconds")
    if not body.utterances:
        raise error_at(body.source, offset, "a pause follows words; nothing has been said in this chapter yet")
    last = body.utterances[-1]
    total = last.pause_after + seconds
    if total > MAX_PAUSE_SECONDS:
        raise error_at(body.source, offset, f"pauses in a row exceed {MAX_PAUSE_SECONDS:g} seconds")
    body.utterances[-1] = replace(last, pause_after=total)
    # A pause does not take the turn away: the same speaker may go on in the next line.
    body.speaker = last.speaker


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
    _refuse_markup(body.source, start, body.end)
    words = strip_emphasis(body.source, start, body.end).split()
    if not any(character.isalnum() for word in words for character in word):
        raise error_at(body.source, start, "this turn has no words to speak")
    body.utterances.append(Utterance(speaker=body.speaker, text=" ".join(words), start=start, end=body.end))


def _refuse_markup(source: str, start: int, end: int) -> None:
    if found := _FORBIDDEN.search(source, start, end):
        mark = found.group()
        raise error_at(source, found.start(), _REASONS.get(mark, f"'{mark}' is markup, not words; write plain words"))
    for word in re.finditer(r"\S+", source[start:end]):
        if len(word.group()) > MAX_WORD_CHARACTERS:
            raise error_at(
                source, start + word.start(), f"a word of more than {MAX_WORD_CHARACTERS} characters; write it out"
            )


def _end_chapter(body: _Body) -> None:
    _end_turn(body)
    title, title_start, title_end = body.title
    if body.utterances:
        if len(body.chapters) == MAX_CHAPTERS:
            raise error_at(body.source, title_start, f"more than {MAX_CHAPTERS} chapters; merge some")
        body.chapters.append(Chapter(title, tuple(body.utterances), title_start, title_end))
    elif title:
        raise error_at(body.source, title_start, f"chapter '{title}' has no words to speak")
    body.utterances = []


def _script(body: _Body) -> Script:
    head = body.head
    if not body.chapters:
        raise error_at(body.source, head.body_start, "the script has no words to speak; write some after its head")
    heard = list(_in_order(body.chapters))
    declared = dict(head.voices)
    for speaker in declared:
        if speaker not in heard:
            raise error_at(body.source, 0, f"speaker '{speaker}' is declared but never speaks; remove the declaration")
    return Script(
        title=head.title,
        language=head.language,
        show=head.show,
        voices=tuple((speaker, declared[speaker]) for speaker in heard),
        chapters=tuple(body.chapters),
        source=body.source,
        title_start=head.title_start,
        title_end=head.title_end,
    )


def _in_order(chapters: list[Chapter]) -> Iterator[str]:
    """Yield each speaker once, in order of first appearance."""
    yield from dict.fromkeys(utterance.speaker for chapter in chapters for utterance in chapter.utterances)
