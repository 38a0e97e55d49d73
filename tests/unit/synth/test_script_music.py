"""Beds, stingers and the head's words for feeds: what authors may write, and what it means."""

from __future__ import annotations

import pytest

from synth.errors import ScriptError
from synth.formats import parse_script
from synth.music import MAX_STINGERS
from synth.script import Script

VOICES = "voices:\n  READER: hibari-heart\n"
SOLO = f"---\ntitle: A reading\n{VOICES}---\n"
SCORED = f"---\ntitle: A reading\nbed: calm-loop -20dB\n{VOICES}---\n"


def beds(script: Script) -> list[tuple[str, float, int, int]]:
    return [(bed.asset.name, bed.gain_db, bed.first, bed.end) for bed in script.beds]


def stingers(script: Script) -> list[tuple[str, float, int]]:
    return [(one.asset.name, one.gain_db, one.before) for one in script.stingers]


def test_a_bed_in_the_head_plays_under_every_utterance() -> None:
    assert beds(parse_script(SCORED + "One.\n\nTwo.\n# Next\nThree.")) == [("calm-loop", -20.0, 0, 3)]


def test_a_bed_in_a_chapter_plays_to_its_end_and_no_further() -> None:
    script = parse_script(SOLO + "One.\n# Next\nTwo.\n[bed rain]\nThree.\n# Last\nFour.")
    assert beds(script) == [("rain", -18.0, 2, 3)]


def test_a_chapters_own_bed_takes_the_place_of_the_episodes_which_then_returns() -> None:
    script = parse_script(SCORED + "One.\n# Next\n[bed rain -12.5dB]\nTwo.\n# Last\nThree.")
    assert beds(script) == [("calm-loop", -20.0, 0, 1), ("rain", -12.5, 1, 2), ("calm-loop", -20.0, 2, 3)]


def test_a_bed_is_switched_off_for_the_rest_of_a_chapter() -> None:
    script = parse_script(SCORED + "One.\n[bed off]\nTwo.\n# Last\nThree.")
    assert beds(script) == [("calm-loop", -20.0, 0, 1), ("calm-loop", -20.0, 2, 3)]


def test_the_same_bed_in_two_chapters_goes_on_without_a_break() -> None:
    assert beds(parse_script(SOLO + "# A\n[bed rain]\nOne.\n# B\n[bed rain]\nTwo.")) == [("rain", -18.0, 0, 2)]


def test_stingers_stand_before_the_words_that_follow_them() -> None:
    script = parse_script(SOLO + "[stinger intro]\nOne.\n[pause 1s]\n[stinger bell -6dB]\nTwo.\n[stinger outro]\n")
    assert stingers(script) == [("intro", 0.0, 0), ("bell", -6.0, 1), ("outro", 0.0, 2)]
    assert script.utterances[0].pause_after == pytest.approx(1.0)


def test_music_does_not_take_the_turn_away() -> None:
    head = "---\ntitle: T\nvoices:\n  ANNA: a\n  BEN: b\n---\n"
    script = parse_script(head + "ANNA: One.\n[stinger bell]\nTwo.\n\nBEN: Three.")
    assert [(u.speaker, u.text) for u in script.utterances] == [("ANNA", "One."), ("ANNA", "Two."), ("BEN", "Three.")]


def test_every_asset_keeps_its_place_in_the_authors_text() -> None:
    head = SCORED.replace("bed:", "cover: harbour\nbed:")
    script = parse_script(head + "One.\n  [stinger bell -3dB]\nTwo.")
    assert {asset.name for asset in script.assets} == {"harbour", "calm-loop", "bell"}
    assert all(script.source[asset.start : asset.end] == asset.name for asset in script.assets)


def test_music_changes_the_plan_and_its_absence_does_not() -> None:
    plain = parse_script(SOLO + "One.\n\nTwo.").plan_digest()
    # Of the version that knew no music: plans that were logged then must still be recognised.
    assert plain == "sha256:f71edc02b9af748eb83d4608836b0166cdcab5f4d5bb4573a7f15782b436fad1"
    sources = [
        SCORED + "One.\n\nTwo.",
        SCORED.replace("-20", "-21") + "One.\n\nTwo.",
        SOLO + "One.\n[bed calm-loop -20dB]\nTwo.",
        SOLO + "One.\n[stinger bell]\nTwo.",
        SOLO + "[stinger bell]\nOne.\n\nTwo.",
    ]
    assert len({plain, *(parse_script(source).plan_digest() for source in sources)}) == 6


def test_what_feeds_need_is_read_from_the_head() -> None:
    head = f"---\ntitle: T\nauthor: Harbour Radio\ndescription: What moved: the night.\nexplicit: false\n{VOICES}---\n"
    script = parse_script(head + "One.")
    assert (script.author, script.description, script.explicit) == ("Harbour Radio", "What moved: the night.", False)
    assert parse_script(SOLO + "One.").explicit is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("One.\n[bed ../../etc/passwd]\nTwo.", "line 7, column 6: expected the name of an asset"),
        ("One.\n[bed]\nTwo.", "line 7, column 2: expected the name"),
        ("One.\n[stinger off off]\nTwo.", "expected the name"),
        ("One.\n[bed Loud]\nTwo.", "expected the name"),
        ("One.\n[bed rain 3dB]\nTwo.", "-40 to -6 dB"),
        ("One.\n[bed rain -41dB]\nTwo.", "-40 to -6 dB"),
        ("One.\n[stinger bell 1dB]\nTwo.", "-40 to 0 dB"),
        ("One.\n[bed rain -20]\nTwo.", "expected the name"),
        ("One.\n[bed rain]\n", "line 7, column 1: no words follow"),
        ("One.\n[bed rain]\n# Two\nTwo.", "line 7, column 1: no words follow"),
        ("One.\n[stinger bell]\n[pause 1s]\nTwo.", "line 8, column 1: a pause follows words"),
        ("One [stinger bell] two.", "directives"),
        ("One.\n" + "[stinger bell]\n" * (MAX_STINGERS + 1), "more than 100 stingers"),
    ],
)
def test_bad_music_is_refused_with_its_place(body: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(SOLO + body)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("bed: rain loud", "line 3, column 6: expected the name"),
        ("bed:", "expected the name"),
        ("cover: cover.png", "line 3, column 8: a cover is the name of an asset"),
        ("explicit: perhaps", "'true' or 'false'"),
        ("author: " + "x" * 201, "longer than 200"),
        ("description: " + "é" * 2_001, "longer than 4000 bytes"),
        ("description: <p>Hello</p>", "plain text"),
    ],
)
def test_bad_words_for_feeds_are_refused(line: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(f"---\ntitle: T\n{line}\n{VOICES}---\nOne.")
