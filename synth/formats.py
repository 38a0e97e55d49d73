"""Reads a script in any of its formats (pure); `docs/scripts.md` describes them for authors.

A script says itself what it is: the canonical JSON begins with `{`, everything else with a head between two lines
`---`, whose key `format` names how the body is written. So the same text means the same script wherever it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from synth.building import Builder
from synth.characters import refuse_characters
from synth.errors import ScriptError
from synth.frontmatter import parse_front_matter
from synth.importers.fountain import read_fountain
from synth.importers.plain import read_plain
from synth.importers.podcastfy import read_podcastfy
from synth.importers.ssml import read_ssml
from synth.jsonscript import read_json_script
from synth.markdown import read_markdown
from synth.script import Script

# About 14 characters are spoken per second: 200,000 are four hours, the longest file that verification reads back.
MAX_CHARACTERS = 200_000

BODIES: Mapping[str, Callable[[Builder], None]] = MappingProxyType(
    {
        "": read_markdown,
        "text": read_plain,
        "podcastfy": read_podcastfy,
        "ssml": read_ssml,
        "fountain": read_fountain,
    }
)


def parse_script(text: str | bytes) -> Script:
    """Read a script (UTF-8 if given as bytes).

    Raises `ScriptError`, and nothing else, with the line and column in `text` and what to do. The result's utterances
    are in speaking order, and lead back to the author's words character by character.
    """
    source = _decode(text) if isinstance(text, bytes) else text
    if len(source) > MAX_CHARACTERS:
        raise ScriptError(f"{len(source)} characters are more than {MAX_CHARACTERS}; split the script into episodes")
    if not source.strip():
        raise ScriptError("the script is empty")
    refuse_characters(source)
    if is_json(source):
        return read_json_script(source)
    head = parse_front_matter(source)
    builder = Builder(source, head)
    BODIES[head.format](builder)
    return builder.finish()


def is_json(source: str) -> bool:
    """Say whether `source` can only be meant as the canonical JSON."""
    return source.lstrip().startswith("{")


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if b"\x00" in data:
            raise ScriptError("this is a binary file, not a text; send the script as UTF-8 text") from error
        line = data.count(b"\n", 0, error.start) + 1
        raise ScriptError("the script is not valid UTF-8; save it as UTF-8", line=line) from error
