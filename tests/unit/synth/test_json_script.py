"""The canonical JSON: what it holds, what it refuses, and where it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synth.errors import ScriptError
from synth.formats import parse_script
from synth.jsonplaces import read_json
from synth.rendering import RENDERERS, render_json, render_markdown, render_text
from synth.scriptschema import ScriptDocument, script_schema

ROOT = Path(__file__).parents[3]
MARKDOWN = """---
title: "Harbour" Radio
show: Morning
author: The station
description: Fog: until nine.
explicit: false
cover: harbour
bed: calm -20dB
language: en
voices:
  ANNA: hibari-heart
  BEN: hibari-cedar
lexicon:
  Nguyen: win
---
Words before: *any* heading.

# Good morning

ANNA: Mr Nguyen says hello.
[pause 700ms]
[pause 0.7s]
[bed off]

BEN: Thank you.

# The weather
[stinger bell -6dB]
[bed rain]
BEN: Fog.
[stinger outro]
""".replace("Words before", "ANNA: Words before")


def document(**changes: Any) -> dict[str, Any]:
    """Return a small script; a change of None leaves the key out."""
    base: dict[str, Any] = {
        "format": "assay-script",
        "version": 1,
        "title": "T",
        "voices": {"ANNA": "hibari-heart"},
        "chapters": [{"parts": [{"speaker": "ANNA", "text": "Hello there."}]}],
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def parts(*listed: object) -> str:
    return json.dumps(document(chapters=[{"parts": list(listed)}]), indent=1)


SAY = {"speaker": "ANNA", "text": "Hello."}


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    published = json.loads((ROOT / "docs/schema/script-1.json").read_text("utf-8"))
    assert published == json.loads(json.dumps(script_schema()))


def test_the_documented_example_is_a_script() -> None:
    page = (ROOT / "docs/scripts.md").read_text("utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    assert parse_script(example).words > 5
    ScriptDocument.model_validate_json(example)


def test_a_script_survives_the_way_to_json_and_back() -> None:
    script = parse_script(MARKDOWN)
    for form in (render_json, render_markdown):
        again = parse_script(form(script))
        assert again.plan_digest() == script.plan_digest()
        assert (again.title, again.show, again.author) == (script.title, script.show, script.author)
        assert (again.description, again.explicit) == (script.description, False)
        assert again.cover is not None
        assert again.cover.name == "harbour"
        assert [chapter.title for chapter in again.chapters] == ["", "Good morning", "The weather"]
        # Writing it again changes nothing more.
        assert form(again) == form(script)


def test_text_is_what_a_reader_wants() -> None:
    lines = render_text(parse_script(MARKDOWN)).splitlines()
    assert lines[:3] == ['"Harbour" Radio', "", "ANNA: Words before: any heading."]
    assert "ANNA: Mr Nguyen says hello." in lines
    assert set(RENDERERS) == {"json", "md", "txt"}


def test_words_lead_back_through_escapes() -> None:
    source = json.dumps(document(), ensure_ascii=True).replace("Hello there.", r"H\u00e9llo\n\ud83d\ude00 th\/ere.")
    (utterance,) = parse_script(source).utterances
    assert utterance.text == "Héllo 😀 th/ere."
    assert utterance.places is not None
    assert source[utterance.places[1] :].startswith(r"\u00e9")
    assert source[utterance.places[6] :].startswith(r"\ud83d\ude00")
    assert source[utterance.places[-1]] == "."


BAD_FORMS = [
    ("{", r"line 1, column 2: expected a name"),
    ("{}", "'format' is missing"),
    (json.dumps(document(version=2)), "version: Input should be 1"),
    (json.dumps(document(title=None)), "'title' is missing"),
    (json.dumps(document(title=7)), "title: Input should be a valid string"),
    (json.dumps(document(mood="x"), indent=1), r"line 18, column 2: unknown name 'mood'"),
    (json.dumps(document(explicit="yes")), "explicit"),
    (json.dumps(document(voices={"ANNA": 7})), "voices.ANNA"),
    (json.dumps(document(voices={})), "voices"),
    (json.dumps(document(chapters=[])), "chapters"),
    (json.dumps(document(cover="../x.png")), "cover"),
    (json.dumps(document(language="en-US")), "language"),
    (parts(SAY, {"speaker": "ANNA"}), r"chapters\.0\.parts\.1: 'text' is missing"),
    (parts(SAY, "words"), r"chapters\.0\.parts\.1: expected an object"),
    (parts(SAY, {"speaker": "BOB", "text": "x"}), r"line 16, column 17: speaker 'BOB' is not declared"),
    (parts(SAY, {"pause": 31}), "less than or equal to 30"),
    (parts(SAY, {"pause": "1s"}), r"chapters\.0\.parts\.1\.pause"),
    (parts(SAY, {"pause": 0.0004}), "to the millisecond"),
    (parts(SAY, {"bed": {"asset": "rain", "gain_db": 3}}), "less than or equal to -6"),
    (parts(SAY, {"bed": {"asset": "rain", "gain_db": -12.345}}, SAY), "two decimals"),
    (parts({"speaker": "ANNA", "text": "kil\u200bl"}), r"U\+200B"),
    (parts({"speaker": "ANNA", "text": "say [x](/y/)"}), r"line 13, column 19: directives"),
    (parts({"speaker": "ANNA", "text": "<b>x</b>"}), "tags"),
    (parts({"speaker": "ANNA", "text": "an *old* friend"}), "is a mark"),
    (parts({"speaker": "ANNA", "text": " "}), "no words"),
    (parts({"speaker": "ANNA", "text": "..."}), "no words"),
    (json.dumps(document(chapters=[{"parts": [SAY]}, {"parts": [SAY]}])), "only the first chapter"),
    (json.dumps(document(chapters=[{"title": "a [b](c)", "parts": [SAY]}])), "markup|directive"),
    (json.dumps(document(title="kil\u200bl")), r"U\+200B"),
    (json.dumps(document(lexicon={"duck": "dʌk1"})), "plain letters"),
]


@pytest.mark.parametrize(("source", "reason"), BAD_FORMS)
def test_a_document_of_another_form_is_refused_with_its_place(source: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(source)


BAD_JSON = [
    ('{"a": 1, "a": 2}', r"line 1, column 10: 'a' is given twice"),
    ('{"a": 1} x', r"column 10: text after the end"),
    ('{"a": 01}', "expected ','"),
    ('{"a": NaN}', "expected a JSON value"),
    ('{"a": 1e999}', "too large"),
    ('{"a": "x\ny"}', r"line 1, column 9: a string ends"),
    ('{"a": "\\q"}', "unknown escape"),
    ('{"a": "\\ud800"}', "half of a surrogate"),
    ('{"a": "\\udc00\\ud800"}', "half of a surrogate"),
    ('{"a": "\\u12"}', "four hexadecimal"),
    ('{"a": "open', "a string ends"),
    ("{'a': 1}", "double quotes"),
    ('{"a": [1, 2', "expected ','"),
    ('{"a": [1, ]}', "expected a JSON value"),
    ('{"a": ' + "[" * 5_000, "levels of nesting"),
    ("{" + '"a": {' * 5_000, "levels of nesting"),
]


@pytest.mark.parametrize(("source", "reason"), BAD_JSON)
def test_what_is_no_json_is_refused_with_its_place(source: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        read_json(source)
    with pytest.raises(ScriptError):
        parse_script(source)
