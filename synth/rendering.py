"""Writes a script in a format (pure): the canonical JSON, the Markdown dialect, or its words alone.

What `parse_script` reads back from JSON or Markdown has the same plan digest, the same titles and the same words for
feeds. Text is for people: it has the words and who says them, and neither pauses nor music.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from synth.frontmatter import lines_of
from synth.lexicon import Pronunciation, add_pronunciation
from synth.music import Bed, Stinger
from synth.script import Script, Utterance
from synth.scriptschema import VERSION


def render_json(script: Script) -> str:
    """Return the canonical JSON."""
    document: dict[str, Any] = {"format": "assay-script", "version": VERSION, "title": script.title}
    for key in ("show", "language", "author", "description"):
        if value := getattr(script, key):
            document[key] = value
    if script.explicit is not None:
        document["explicit"] = script.explicit
    if script.cover is not None:
        document["cover"] = script.cover.name
    document["voices"] = dict(script.voices)
    if script.lexicon:
        document["lexicon"] = {entry.word: entry.sound for entry in script.lexicon}
    chapters: list[dict[str, Any]] = []
    for title, parts in _chapters(script):
        chapter: dict[str, Any] = {"title": title} if title else {}
        chapters.append({**chapter, "parts": [_json_part(part) for part in parts]})
    document["chapters"] = chapters
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def render_markdown(script: Script) -> str:
    """Return the Markdown dialect."""
    lines = ["---"]
    for key in ("title", "show", "author", "description"):
        if value := getattr(script, key):
            lines.append(f"{key}: {_head_value(value)}")
    lines.append(f"language: {script.language}")
    if script.explicit is not None:
        lines.append(f"explicit: {str(script.explicit).lower()}")
    if script.cover is not None:
        lines.append(f"cover: {script.cover.name}")
    lines += ["voices:", *(f"  {speaker}: {voice}" for speaker, voice in script.voices)]
    if script.lexicon:
        lines += ["lexicon:", *(f"  {entry.word}: {entry.sound}" for entry in script.lexicon)]
    lines.append("---")
    for title, parts in _chapters(script):
        if title:
            lines += ["", f"# {title}"]
        for part in parts:
            lines += ["", _markdown_part(part)]
    return "\n".join(lines) + "\n"


def render_text(script: Script) -> str:
    """Return titles and words, as a reader wants them."""
    named = len(script.voices) > 1
    lines = [script.title]
    for chapter in script.chapters:
        if chapter.title:
            lines += ["", chapter.title]
        for utterance in chapter.utterances:
            lines += ["", f"{utterance.speaker}: {utterance.written()}" if named else utterance.written()]
    return "\n".join(lines) + "\n"


def add_lexicon(script: Script, listed: str) -> str:
    """Return the canonical JSON of `script` with the pronunciations in `listed`, one `word: sounds like` per line.

    Empty lines and lines that begin with `#` are skipped; the script's own entries win. Raises `ScriptError` with the
    line of `listed` that is no pronunciation.
    """
    found: list[Pronunciation] = []
    for start, line in lines_of(listed):
        if line.strip() and not line.startswith("#"):
            word, _, sound = line.partition(":")
            entry = Pronunciation(word.strip(), sound.strip(), start, start + len(line))
            add_pronunciation(listed, found, entry, start + len(word) + 1)
    document = json.loads(render_json(script))
    document["lexicon"] = {entry.word: entry.sound for entry in found} | document.get("lexicon", {})
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


RENDERERS: Mapping[str, Callable[[Script], str]] = MappingProxyType(
    {"json": render_json, "md": render_markdown, "txt": render_text}
)

Part = Utterance | Stinger | Bed | float | None  # a float is a pause in seconds; None ends the music


def _chapters(script: Script) -> Iterator[tuple[str, list[Part]]]:
    """Yield each chapter's title and parts; music is written where it begins, in every chapter anew."""
    at = 0
    for number, chapter in enumerate(script.chapters):
        parts: list[Part] = []
        playing: Bed | None = None
        for utterance in chapter.utterances:
            bed = next((one for one in script.beds if one.first <= at < one.end), None)
            parts += [one for one in script.stingers if one.before == at]
            if bed is not playing:
                parts.append(bed)
                playing = bed
            parts.append(utterance)
            parts += utterance.pauses or ([utterance.pause_after] if utterance.pause_after else [])
            at += 1
        if number == len(script.chapters) - 1:
            parts += [one for one in script.stingers if one.before == at]
        yield chapter.title, parts


def _json_part(part: Part) -> dict[str, Any]:
    if isinstance(part, Utterance):
        return {"speaker": part.speaker, "text": part.written()}
    if isinstance(part, float):
        return {"pause": part}
    if part is None:
        return {"bed": None}
    kind = "bed" if isinstance(part, Bed) else "stinger"
    return {kind: {"asset": part.asset.name, "gain_db": part.gain_db}}


def _markdown_part(part: Part) -> str:
    if isinstance(part, Utterance):
        return f"{part.speaker}: {part.written()}"
    if isinstance(part, float):
        return f"[pause {_duration(part)}]"
    if part is None:
        return "[bed off]"
    kind = "bed" if isinstance(part, Bed) else "stinger"
    return f"[{kind} {part.asset.name} {part.gain_db:g}dB]"


def _duration(seconds: float) -> str:
    """Return a pause so that it reads back as the very same number."""
    return f"{seconds:g}s" if float(f"{seconds:g}") == seconds else f"{round(seconds * 1000)}ms"


def _head_value(value: str) -> str:
    return f'"{value}"' if value[:1] == value[-1:] == '"' else value
