"""Whatever somebody sends as a script: it is read exactly, or refused with a place."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from synth.errors import ScriptError
from synth.formats import parse_script
from synth.script import Script

SOLO = "---\ntitle: T\nvoices:\n  ANNA: a\n---\n"
HEAD = "---\ntitle: T\nvoices:\n  ANNA: a\n  BEN: b\n---\n"
PIECES = st.sampled_from(
    [
        *(
            "ANNA: ",
            "BEN: ",
            "BOB: ",
            "ANNA:",
            "# ",
            "#",
            "\n",
            "\n\n",
            "\r\n",
            "*",
            "**",
            "_",
            "[pause 1s]",
            "[pause 9ms]",
        ),
        *("[", "]", "](", "[[", "<b>", "&amp;", "---\n", "word", "Two words. ", " ", "\t", "é", "字", "\u200b", "\x00"),
        *(
            ":",
            "7:30",
            "—",
            "(",
            ")",
            "“",
            "”",
            "…",
            "- ",
            "> ",
            "|",
            "`",
            "\u00a0",
            "title: ",
            "voices:\n",
            "  X: y\n",
        ),
    ]
)
# Parts that a script may well hold, so that many examples are read and not refused.
MILD = st.sampled_from(
    ["ANNA: ", "# Title\n", "\n", "\n\n", "\r\n", " *one* ", "_two_", "\n[pause 1s]\n", "Two words. ", "é", "—"]
)
BODIES = st.lists(PIECES, max_size=40).map("".join)
READABLE = st.lists(MILD, min_size=1, max_size=40).map(lambda parts: SOLO + "".join(parts))
ANY = st.text() | BODIES | BODIES.map(lambda body: HEAD + body) | READABLE


def read(source: str | bytes) -> Script | ScriptError:
    try:
        return parse_script(source)
    except ScriptError as error:
        return error


@settings(max_examples=600, deadline=None)
@given(ANY)
@example(HEAD + "ANNA: *a*\u00a0b\n[pause 1s]\nc\n\nBEN: d")
@example(HEAD + "ANNA: _a *b* c_\n\nBEN: —")
def test_a_script_is_read_exactly_or_refused_with_a_place_in_it(source: str) -> None:
    script = read(source)
    if isinstance(script, ScriptError):
        lines = source.split("\n")
        assert 1 <= script.line <= len(lines)
        assert 1 <= script.column <= len(lines[script.line - 1]) + 1
        return
    end = 0
    for utterance in script.utterances:
        assert end <= utterance.start < utterance.end <= len(source)
        end = utterance.end
        written = source[utterance.start : utterance.end]
        # What is spoken is what is written, but for white space and the two emphasis marks.
        assert " ".join(re.sub(r"[*_]", "", written).split()) == utterance.text
        assert utterance.text.isprintable()
        assert any(character.isalnum() for character in utterance.text)
        assert not set("[]<>`{}\\|*_") & set(utterance.text)
    assert {utterance.speaker for utterance in script.utterances} == {speaker for speaker, _ in script.voices}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | ANY.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_raise_nothing_but_script_errors(data: bytes) -> None:
    found = read(data)
    assert found.line >= 1 if isinstance(found, ScriptError) else found.words >= 1
