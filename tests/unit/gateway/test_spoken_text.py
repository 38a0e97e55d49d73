"""A plain text becomes a script of one voice, and findings lead back to the caller's own characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.streaming.spokentext import read_text
from synth.errors import ScriptError


def test_every_word_is_spoken_once_by_the_one_voice() -> None:
    spoken = read_text("Good  morning,\tall.\nIt rains.\n \n\nBring a coat.", voice_id="quiet", language="en")
    assert [one.text for one in spoken.script.utterances] == ["Good morning, all. It rains.", "Bring a coat."]
    assert {one.speaker for one in spoken.script.utterances} == {"Voice"}


def test_range_of_the_script_leads_to_the_range_of_the_text() -> None:
    text = "  One two.\n\nThree   four."
    spoken = read_text(text, voice_id="quiet", language="en")
    start = spoken.script.source.index("Three four")
    place = spoken.span(start, start + len("Three four"))
    assert place is not None
    assert text[slice(*place)] == "Three   four"
    assert spoken.span(0, 4) is None


@pytest.mark.parametrize(
    "text",
    [
        "Say [bananas](/aplz/) now.",
        "Say [[bananas]] now.",
        "<speak>Hello</speak>",
        "Wait. [pause 900ms] Now.",
        "A zero-width\u200bspace.",
        "A right-to-left \u202eoverride.",
        "a" * 100,
        " \n \n ",
        "...",
    ],
)
def test_what_would_be_spoken_otherwise_than_it_reads_is_refused(text: str) -> None:
    with pytest.raises(ScriptError):
        read_text(text, voice_id="quiet", language="en")


@pytest.mark.parametrize(
    "text", ["WARNING: the bridge is closed.", "Voice: hello.", "- one\n- two", "--- now", "# Part"]
)
def test_no_line_of_the_text_is_taken_for_structure(text: str) -> None:
    spoken = read_text(text, voice_id="quiet", language="en")
    assert [one.text for one in spoken.script.utterances] == [" ".join(text.split())]
    assert spoken.script.chapters[0].title == ""


@given(st.text(alphabet="ab. ,\n\t\r:-#", max_size=80))
def test_no_word_is_lost_and_none_is_added(text: str) -> None:
    try:
        spoken = read_text(text, voice_id="quiet", language="en")
    except ScriptError:
        return
    assert " ".join(one.text for one in spoken.script.utterances).split() == text.split()
    for place, character in zip(spoken.places, spoken.script.source, strict=True):
        assert place < 0 or text[place] == character
