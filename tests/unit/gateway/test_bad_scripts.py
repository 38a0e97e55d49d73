"""What people really paste into a script: a clear error with its place, or every word is spoken; nothing is dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from gateway.manuscripts import manuscript_of
from synth.adapters.hibari import hibari_catalogue
from synth.adopting import adopt
from synth.casting import cast_voices
from synth.errors import ScriptError
from synth.formats import parse_script
from synth.script import Script
from synth.voice import VoiceCatalogue


def canonical(words: str) -> str:
    return json.dumps(
        {
            "format": "assay-script",
            "version": 1,
            "title": "T",
            "voices": {"Narrator": "hibari-heart"},
            "chapters": [{"parts": [{"speaker": "Narrator", "text": words}]}],
        },
        ensure_ascii=False,
    )


FORMATS: dict[str, Callable[[str], str]] = {
    "markdown": lambda words: f"---\ntitle: T\nvoices:\n  Narrator: hibari-heart\n---\n{words}",
    "json": canonical,
    "text": lambda words: adopt(words, format="text").text,
    "podcastfy": lambda words: adopt(f"<Person1>{words}</Person1>", format="podcastfy").text,
    "ssml": lambda words: adopt(f"<speak>{words}</speak>", format="ssml").text,
    "fountain": lambda words: adopt(f"ANNA\n{words}\n", format="fountain").text,
}


@pytest.fixture(scope="module")
def catalogue() -> VoiceCatalogue:
    return hibari_catalogue()


def accepted(source: str, catalogue: VoiceCatalogue) -> Script:
    """Read a script as the gate does when it is handed in."""
    script = parse_script(source)
    cast_voices(script, catalogue)
    return script


@pytest.mark.parametrize("kind", FORMATS)
def test_ten_thousand_characters_without_punctuation_are_all_spoken(kind: str, catalogue: VoiceCatalogue) -> None:
    words = ("so we went on along the river and it rained " * 230)[:10_000].rsplit(" ", 1)[0]
    script = accepted(FORMATS[kind](words), catalogue)
    assert " ".join(utterance.text for utterance in script.utterances) == words


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Hello 😀 there.", "U\\+1F600"),
        ("Hello 世界 there.", "U\\+4E16"),
        ("Hello привет there.", "U\\+043F"),
        ("Hello مرحبا there.", "U\\+0645"),
        ("Call 1234567890123456 now.", "15 digits"),
        ("kil\u200bl", "U\\+200B"),
        ("kil\u00adl", "U\\+00AD"),
        ("hello \u202eolleh\u202c", "U\\+202E"),
        ("hello \u2066x\u2069", "U\\+2066"),
        ("say [apples](/bənˈænəz/) now", "markup|directive"),
        ("say [[ h ə l ]] now", "phoneme|has no words"),
        ("x" * 61, "more than 60"),
        ("two \\ three", "markup"),
        ("a | b", "markup"),
        ("a `b` c", "markup"),
        ("a {b} c", "markup"),
        ("5 * 3", "mark|emphasis"),
        ("snake_case", "mark|emphasis"),
    ],
)
def test_what_a_voice_would_drop_or_say_otherwise_is_refused_with_its_place(
    kind: str, words: str, reason: str, catalogue: VoiceCatalogue
) -> None:
    try:
        source = FORMATS[kind](words)
    except ScriptError as error:  # a file without a head is looked through before it gets one
        found = error
        line = words
    else:
        if kind == "fountain" and "[[" in words:
            # A note of Fountain: taken out whole, nobody hears it, and the author is told.
            assert accepted(source, catalogue).notes
            return
        with pytest.raises(ScriptError) as caught:
            accepted(source, catalogue)
        found = caught.value
        line = source.split("\n")[found.line - 1]
    assert re.search(reason, str(found)), str(found)
    assert found.column <= len(line) + 1 or found.line == 1


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "words",
    [
        "It is 7:30, and 15% of 2,000 is 300.",
        "On 9/11 Dr. O'Hara said: (quite) well-known!",
        "£3.50 or 25°C — that's “it”…",
        "Café, naïve, Zürich",
        "“Quoted” and 'quoted' again",
    ],
)
def test_ordinary_words_and_numbers_are_spoken_as_they_are_written(
    kind: str, words: str, catalogue: VoiceCatalogue
) -> None:
    script = accepted(FORMATS[kind](words), catalogue)
    assert " ".join(utterance.text for utterance in script.utterances) == words
    manuscript = manuscript_of(script)
    assert [manuscript.text[turn.start : turn.end] for turn in manuscript.turns] == [
        utterance.text for utterance in script.utterances
    ]
