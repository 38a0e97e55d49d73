"""Reads the canonical JSON of a script (pure).

1. Read the JSON with the place of every value.
2. Check its form against the schema (`synth/scriptschema.py`); the first error is told with its line and column.
3. Check the words as in every other format, after escapes: what is heard decides, not how it was typed.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from synth.building import Builder
from synth.characters import error_at
from synth.errors import ScriptError
from synth.frontmatter import FrontMatter, Value, add_voice, build_front_matter
from synth.jsonplaces import Node, find, members, plain, read_json
from synth.lexicon import Pronunciation, add_pronunciation
from synth.music import Asset, Cue
from synth.script import Script
from synth.scriptschema import Bed, BedChange, ChapterPart, Pause, Say, ScriptDocument, Sting
from synth.traced import Traced
from synth.wording import refuse_hidden, refuse_marks, refuse_markup

_HEAD_KEYS = ("title", "show", "language", "author", "description", "cover")


def read_json_script(source: str) -> Script:
    """Return the script of a canonical document; raises `ScriptError` with line and column."""
    # 1.
    root = read_json(source)
    # 2.
    try:
        document = ScriptDocument.model_validate(plain(root))
    except ValidationError as error:
        raise _form_error(source, root, error) from error
    # 3.
    builder = Builder(source, _head(source, root, document))
    for number, chapter in enumerate(document.chapters):
        _read_chapter(builder, find(root, ("chapters", number)), chapter, first=number == 0)
    return builder.finish()


def _form_error(source: str, root: Node, error: ValidationError) -> ScriptError:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = found["loc"]
    # The kind of a part stands in the path where a union was tried; authors know no such step.
    where = ".".join(str(step) for n, step in enumerate(path) if find(root, path[: n + 1]) is not find(root, path[:n]))
    node = find(root, path)
    if found["type"] == "extra_forbidden":
        parent = find(root, path[:-1])
        place = next((name.start for key, name, _ in members(parent) if key == path[-1]), parent.start)
        return error_at(source, place, f"unknown name '{str(path[-1])[:40]}'; see docs/schema/script-1.json")
    if found["type"] == "missing":
        return error_at(source, node.start, f"{where or 'the document'}: '{path[-1]}' is missing; write it")
    if found["type"] in ("model_type", "model_attributes_type"):
        return error_at(source, node.start, f"{where or 'the document'}: expected an object in braces")
    return error_at(source, node.start, f"{where or 'the document'}: {found['msg'][:200]}")


def _head(source: str, root: Node, document: ScriptDocument) -> FrontMatter:
    values: dict[str, Value] = {}
    for key in _HEAD_KEYS:
        node = find(root, (key,))
        if node.words is not None:
            values[key] = _line(source, node)
    if document.explicit is not None:
        values["explicit"] = Value(str(document.explicit).lower(), find(root, ("explicit",)).start)
    voices: dict[str, str] = {}
    for speaker, name, node in members(find(root, ("voices",))):
        _refuse_unseen(source, name)
        add_voice(source, voices, speaker, str(node.value), start=name.start, voice_start=node.start)
    lexicon: list[Pronunciation] = []
    for word, name, node in members(find(root, ("lexicon",))) if document.lexicon else ():
        _refuse_unseen(source, name)
        _refuse_unseen(source, node)
        entry = Pronunciation(word, str(node.value), name.start, _end(node))
        add_pronunciation(source, lexicon, entry, node.start)
    head = build_front_matter(source, values, voices, lexicon, body_start=root.start)
    return replace(head, bed=_cue(source, document.bed, find(root, ("bed",))) if document.bed else None)


def _line(source: str, node: Node) -> Value:
    """Return a string as one line, as the head of a Markdown script would hold it."""
    _refuse_unseen(source, node)
    words = (node.words or Traced("", ())).collapsed()
    return Value(words.text, words.place(0) if words.text else node.start)


def _refuse_unseen(source: str, node: Node) -> None:
    if node.words is not None:
        refuse_hidden(source, node.words)


def _read_chapter(builder: Builder, node: Node, chapter: ChapterPart, *, first: bool) -> None:
    if chapter.title is not None:
        title = find(node, ("title",))
        line = _line(builder.source, title)
        builder.begin_chapter(line.text, line.start, _end(title))
        refuse_markup(builder.source, title.words or Traced("", ()))
    elif not first:
        raise error_at(
            builder.source, node.start, "only the first chapter may be without a title; give this one a title"
        )
    for number, part in enumerate(chapter.parts):
        place = find(node, ("parts", number))
        if isinstance(part, Say):
            _say(builder, place, part)
        elif isinstance(part, Pause):
            _pause(builder, find(place, ("pause",)), part.pause)
        elif isinstance(part, BedChange):
            builder.play(place.start, _cue(builder.source, part.bed, find(place, ("bed",))) if part.bed else None)
        else:
            builder.sting(place.start, _cue(builder.source, part.stinger, find(place, ("stinger",))))


def _say(builder: Builder, place: Node, part: Say) -> None:
    source, declared = builder.source, [name for name, _ in builder.head.voices]
    if part.speaker not in declared:
        known = ", ".join(declared)
        raise error_at(
            source, find(place, ("speaker",)).start, f"speaker '{part.speaker[:40]}' is not declared; declared: {known}"
        )
    words = find(place, ("text",)).words or Traced("", ())
    refuse_hidden(source, words)
    refuse_markup(source, words)
    refuse_marks(source, words)
    if not words.text.strip():
        raise error_at(source, place.start, "this turn has no words to speak")
    builder.say(part.speaker, words)


def _pause(builder: Builder, node: Node, seconds: float) -> None:
    # The two ways in which Markdown can write it, so that every pause has a form in both formats.
    if seconds not in (round(seconds, 3), round(seconds * 1000) * 0.001):
        raise error_at(builder.source, node.start, "a pause is given to the millisecond")
    builder.pause(node.start, float(seconds))


def _cue(source: str, music: Bed | Sting, node: Node) -> Cue:
    name = find(node, ("asset",))
    if round(music.gain_db, 2) != music.gain_db:
        raise error_at(source, find(node, ("gain_db",)).start, "a level has at most two decimals")
    # JSON escapes are longer than what they mean, so the name's end is the string's end.
    return Cue(Asset(music.asset, name.start + 1, _end(name)), float(music.gain_db))


def _end(node: Node) -> int:
    """Return where the characters of a string end."""
    return node.words.places[-1] + 1 if node.words and node.words.places else node.start
