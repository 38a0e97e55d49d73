"""The head of a script: what it is called, who speaks with which voice, and what feeds say about it (pure).

The form is our own and small on purpose: `key: value` lines between two `---` lines, and `voices:` followed by
indented `NAME: voice-id` lines. It looks like YAML but has no types, anchors or nesting, so that it means one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synth.characters import error_at
from synth.lexicon import Pronunciation, add_pronunciation
from synth.music import ASSET, Asset, Cue, read_bed

KEYS = ("title", "show", "language", "voices", "author", "description", "explicit", "cover", "bed", "lexicon", "format")
FORMATS = ("markdown", "text", "podcastfy", "ssml", "fountain")  # that a body may be written in
SECTIONS = ("voices", "lexicon")  # keys with indented lines
MAX_TITLE_CHARACTERS = 200  # directories cut titles near 150; a longer one is a pasted text
MAX_SPEAKERS = 20  # nobody can tell more voices apart, and each one costs a loudness pass
MAX_DESCRIPTION_BYTES = 4_000  # what podcast directories keep
MAX_LINE_CHARACTERS = 4_100  # of the head; longer than any description with its key, and keeps matching fast
DEFAULT_LANGUAGE = "en"

_NO_HEAD = "a script begins with a line '---' and then its title and voices; a file without one needs its format named"
_KEY_LINE = re.compile(r"([A-Za-z_][\w-]*):(?:[ \t]+(.*))?")
_VOICE_LINE = re.compile(r"[ \t]+([^\s:][^:]*?) *: *(.*)")
_SPEAKER = re.compile(r"[^\W\d_](?:[\w.'’-]| (?! )){0,38}[\w.]|[^\W\d_]")
_VOICE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_ASSET = re.compile(ASSET)
_EXPLICIT = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The parsed head of a script."""

    title: str
    title_start: int  # half-open range of the title in the author's text
    title_end: int
    show: str
    language: str
    voices: tuple[tuple[str, str], ...]  # (speaker, voice id) as declared
    body_start: int  # offset of the first character after the head
    author: str = ""
    description: str = ""
    show_start: int = 0  # where these begin in the author's text
    author_start: int = 0
    description_start: int = 0
    explicit: bool | None = None
    cover: Asset | None = None
    bed: Cue | None = None  # music under the whole episode
    lexicon: tuple[Pronunciation, ...] = ()
    format: str = ""  # of the body; empty for the Markdown dialect


@dataclass(frozen=True, slots=True)
class Value:
    """The text behind a key of the head."""

    text: str
    start: int  # offset of `text` in the author's text


def parse_front_matter(source: str) -> FrontMatter:
    """Read the head of `source`; raise `ScriptError` with the place and the way out."""
    values: dict[str, Value] = {}
    voices: dict[str, str] = {}
    lexicon: list[Pronunciation] = []
    section = ""
    lines = lines_of(source)
    first_start, first = next(lines, (0, ""))
    if first != "---":
        raise error_at(source, first_start, _NO_HEAD)
    for start, line in lines:
        if len(line) > MAX_LINE_CHARACTERS:
            raise error_at(source, start, f"a line of the head exceeds {MAX_LINE_CHARACTERS} characters; shorten it")
        if line == "---":
            return build_front_matter(source, values, voices, lexicon, body_start=start + len(line))
        if not line:
            continue
        if line[0] in " \t" and section == "voices":
            _read_voice(source, start, line, voices)
        elif line[0] in " \t" and section == "lexicon":
            _read_pronunciation(source, start, line, lexicon)
        else:
            section = _add_value(source, start, line, values)
    raise error_at(source, len(source), "the head of the script does not end; close it with a line '---'")


def lines_of(source: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Yield (offset, line without trailing white space) from offset `start` on."""
    while start < len(source):
        end = source.find("\n", start)
        end = len(source) if end < 0 else end
        yield start, source[start:end].rstrip()
        start = end + 1


def _add_value(source: str, start: int, line: str, values: dict[str, Value]) -> str:
    match = _KEY_LINE.fullmatch(line)
    if match is None:
        raise error_at(source, start, f"expected 'key: value' with one of the keys {', '.join(KEYS)}")
    key, text = match.group(1), match.group(2) or ""
    if key not in KEYS:
        raise error_at(source, start, f"unknown key '{key[:40]}'; the head of a script knows {', '.join(KEYS)}")
    if key in values:
        raise error_at(source, start, f"'{key}' is given twice; keep one")
    offset = start + (match.start(2) if text else len(match.group()))
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text, offset = text[1:-1], offset + 1
    if key in SECTIONS and text:
        entry = "NAME: voice-id" if key == "voices" else "word: sounds like"
        raise error_at(source, offset, f"write each entry on its own indented line '{entry}' under '{key}:'")
    values[key] = Value(text, offset)
    return key


def _read_voice(source: str, start: int, line: str, voices: dict[str, str]) -> None:
    match = _VOICE_LINE.fullmatch(line)
    if match is None:
        raise error_at(source, start, "expected an indented 'NAME: voice-id'")
    add_voice(source, voices, match.group(1), match.group(2), start=start, voice_start=start + match.start(2))


def add_voice(source: str, voices: dict[str, str], speaker: str, voice: str, *, start: int, voice_start: int) -> None:
    """Declare a speaker; raises `ScriptError` at the speaker or the voice."""
    if _SPEAKER.fullmatch(speaker) is None:
        raise error_at(source, start, "a speaker's name is 1 to 40 letters, digits, single spaces, . - or '")
    if _VOICE_ID.fullmatch(voice) is None:
        raise error_at(source, voice_start, "a voice id is lower-case letters, digits and hyphens")
    if any(speaker.casefold() == other.casefold() for other in voices):
        raise error_at(source, start, f"speaker '{speaker}' is declared twice; keep one")
    if len(voices) == MAX_SPEAKERS:
        raise error_at(source, start, f"more than {MAX_SPEAKERS} speakers; merge some")
    voices[speaker] = voice


def _read_pronunciation(source: str, start: int, line: str, lexicon: list[Pronunciation]) -> None:
    match = _VOICE_LINE.fullmatch(line)
    if match is None:
        raise error_at(source, start, "expected an indented 'word: sounds like'")
    entry = Pronunciation(match.group(1), match.group(2), start + match.start(1), start + len(line))
    add_pronunciation(source, lexicon, entry, start + match.start(2))


def build_front_matter(
    source: str,
    values: Mapping[str, Value],
    voices: Mapping[str, str],
    lexicon: Sequence[Pronunciation],
    *,
    body_start: int,
) -> FrontMatter:
    """Return the head that these values make; raises `ScriptError` at the first that cannot be one."""
    title = values.get("title", Value("", 0))
    if not any(character.isalnum() for character in title.text):
        raise error_at(source, title.start, "the script has no title; add a line 'title: ...' to its head")
    language = values.get("language", Value(DEFAULT_LANGUAGE, 0))
    if _LANGUAGE.fullmatch(language.text) is None:
        raise error_at(
            source, language.start, "a language is a primary tag of two or three lower-case letters, for example 'en'"
        )
    if not voices:
        raise error_at(source, 0, "the script declares no voices; add 'voices:' with an indented line 'NAME: voice-id'")
    bed = values.get("bed")
    starts = {key: values[key].start if key in values else 0 for key in ("show", "author", "description")}
    return FrontMatter(
        title=_plain(source, title),
        title_start=title.start,
        title_end=title.start + len(title.text),
        show=_plain(source, values.get("show")),
        language=language.text,
        voices=tuple(voices.items()),
        body_start=body_start,
        author=_plain(source, values.get("author")),
        description=_description(source, values.get("description")),
        show_start=starts["show"],
        author_start=starts["author"],
        description_start=starts["description"],
        explicit=_explicit(source, values.get("explicit")),
        cover=_cover(source, values.get("cover")),
        bed=read_bed(source, bed.start, bed.text) if bed else None,
        lexicon=tuple(lexicon),
        format=_format(source, values.get("format")),
    )


def _plain(source: str, value: Value | None) -> str:
    """Return a line that is shown as it is."""
    if value is None:
        return ""
    if len(value.text) > MAX_TITLE_CHARACTERS:
        raise error_at(source, value.start, f"longer than {MAX_TITLE_CHARACTERS} characters; shorten it")
    return _without_tags(source, value)


def _description(source: str, value: Value | None) -> str:
    if value is None:
        return ""
    if len(value.text.encode("utf-8", "surrogatepass")) > MAX_DESCRIPTION_BYTES:
        raise error_at(source, value.start, f"longer than {MAX_DESCRIPTION_BYTES} bytes; shorten it")
    return _without_tags(source, value)


def _without_tags(source: str, value: Value) -> str:
    if "<" in value.text or ">" in value.text:
        raise error_at(source, value.start, "titles and descriptions are plain text; remove '<' and '>'")
    return value.text


def _explicit(source: str, value: Value | None) -> bool | None:
    if value is None:
        return None
    if value.text not in _EXPLICIT:
        raise error_at(source, value.start, "'explicit' is 'true' or 'false'")
    return _EXPLICIT[value.text]


def _cover(source: str, value: Value | None) -> Asset | None:
    if value is None:
        return None
    if _ASSET.fullmatch(value.text) is None:
        raise error_at(source, value.start, "a cover is the name of an asset: lower-case letters, digits and hyphens")
    return Asset(value.text, value.start, value.start + len(value.text))


def _format(source: str, value: Value | None) -> str:
    if value is None:
        return ""
    if value.text not in FORMATS:
        raise error_at(source, value.start, f"the body is in one of the formats {', '.join(FORMATS)}")
    return "" if value.text == FORMATS[0] else value.text
