"""Pronunciations: what sounds instead of what, and what readers still see."""

from __future__ import annotations

import pytest

from synth.casting import source_offset
from synth.errors import ScriptError
from synth.formats import parse_script
from synth.lexicon import Pronunciation, respell
from synth.script import Script
from synth.speak import Pacing, lines_of
from synth.tone import ToneVoice
from synth.traced import Traced


def script(body: str, *entries: str) -> Script:
    listed = "".join(f"  {entry}\n" for entry in entries)
    return parse_script(f"---\ntitle: T\nlexicon:\n{listed}voices:\n  ANNA: tone\n---\n{body}")


def test_a_word_is_spoken_as_it_sounds_and_nothing_else_is() -> None:
    read = script("Nguyen, nguyen, Nguyens and *Nguyen's* X-Nguyen.", "Nguyen: win")
    (utterance,) = read.utterances
    assert utterance.text == "win, nguyen, Nguyens and win's X-win."
    assert utterance.written() == "Nguyen, nguyen, Nguyens and Nguyen's X-Nguyen."


def test_longer_entries_come_first_and_nothing_is_replaced_twice() -> None:
    (utterance,) = script("St. Ives and Ives.", "Ives: eyevz", "St. Ives: saint Ives", "saint: sent").utterances
    assert utterance.text == "saint Ives and eyevz."


def test_every_sound_leads_back_to_its_word() -> None:
    read = script("Mr Nguyen, so.", "Nguyen: win", "so: sew it seams")
    (utterance,) = read.utterances
    assert utterance.text == "Mr win, sew it seams."
    place = source_offset(read.source, utterance, utterance.text.index("n,"))
    assert read.source[place - 5 : place + 1] == "Nguyen"
    assert read.source[source_offset(read.source, utterance, len(utterance.text) - 2)] == "o"


def test_readers_of_the_transcript_see_the_word() -> None:
    read = script("Mr Nguyen left. Mrs Nguyen stayed. Nobody else.", "Nguyen: win")
    lines = list(lines_of(read, {"ANNA": ToneVoice(id="tone")}, Pacing(), None))
    assert [line.text for line in lines] == ["Mr win left.", "Mrs win stayed.", "Nobody else."]
    assert [line.written or line.text for line in lines] == ["Mr Nguyen left.", "Mrs Nguyen stayed.", "Nobody else."]


def test_the_plan_is_what_is_heard() -> None:
    assert script("Hello Nguyen.", "Nguyen: win").plan_digest() == script("Hello win.", "Other: word").plan_digest()


def test_an_entry_is_named_by_its_language_word_and_sound() -> None:
    one = Pronunciation("Nguyen", "win", 0, 6)
    assert one.digest("en") == Pronunciation("Nguyen", "win", 7, 9).digest("en")
    others = {
        one.digest("de"),
        Pronunciation("nguyen", "win", 0, 6).digest("en"),
        Pronunciation("Nguyen", "wen", 0, 6).digest("en"),
    }
    assert len(others | {one.digest("en")}) == 4


def test_a_short_word_with_a_long_sound_cannot_make_a_script_without_end() -> None:
    with pytest.raises(ScriptError, match="200000 characters are spoken"):
        script("a " * 50_000, "a: " + "x" * 30)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("duck: /dʌk/", "line 4, column 9: write how the word sounds in plain letters"),
        ("duck: [[dʌk]]", "plain letters"),
        ("duck: d1ck", "plain letters"),
        ("duck: kil\u200bl", r"U\+200B"),
        ("duck:", "plain letters"),
        ("du*ck: duck", "line 4, column 3: a lexicon entry is for words"),
        ("duck: " + "x" * 61, "plain letters"),
    ],
)
def test_a_pronunciation_is_plain_letters(entry: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        script("Hello.", entry)


def test_an_entry_given_twice_or_inline_is_refused() -> None:
    with pytest.raises(ScriptError, match="has 'duck' twice"):
        script("Hello.", "duck: dahk", "duck: duhk")
    with pytest.raises(ScriptError, match="own indented line 'word: sounds like'"):
        parse_script("---\ntitle: T\nlexicon: duck\nvoices:\n  A: a\n---\nHello.")


def test_no_entries_change_nothing() -> None:
    words = Traced("Hello", (0, 1, 2, 3, 4))
    assert respell(words, ()) == (words, ())
