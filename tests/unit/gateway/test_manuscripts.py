"""What is screened is what is heard and seen, and findings point at what the author wrote."""

from __future__ import annotations

import json

import pytest

from gateway.manuscripts import manuscript_of
from gateway.screening import Format, read_manuscript
from policies.adapters.hibari_dictionary import HibariDictionary
from policies.decision import Decision, Finding, Span, Verdict
from policies.errors import ScreeningError
from policies.policy import DEFAULT_PACK, Policy
from policies.screen import Screener
from policies.text import Manuscript, Origin
from policies.views import Views
from synth.adopting import adopt
from synth.errors import ScriptError
from synth.formats import parse_script

BAD = "kill yourself"  # stands for what a policy blocks
POLICY = Policy.load(DEFAULT_PACK)


class ForbiddenWords:
    """Finds the words wherever they are heard or seen."""

    id, categories, models = "forbidden", ("asked",), ()

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Return a finding per occurrence."""
        found, view = [], views.original
        at = view.text.find(BAD)
        while at >= 0:
            span = view.span(at, at + len(BAD))
            found.append(Finding(self.id, "asked", Verdict.BLOCK, span, 1.0, "Forbidden.", view.name))
            at = view.text.find(BAD, at + 1)
        return found


def screened(source: str) -> Decision:
    rules = [ForbiddenWords()]
    screener = Screener(policy=POLICY, rules=rules, pronunciations=HibariDictionary())
    return screener.screen(manuscript_of(parse_script(source)))


def found(source: str) -> list[str]:
    """Return what the findings point at in the author's text."""
    return [source[finding.span.start : finding.span.end] for finding in screened(source).findings]


def document(**changes: object) -> str:
    base = {
        "format": "assay-script",
        "version": 1,
        "title": "T",
        "voices": {"ANNA": "hibari-heart"},
        "chapters": [{"parts": [{"speaker": "ANNA", "text": "Hello."}]}],
    }
    return json.dumps(base | changes)


def head(format: str, more: str = "") -> str:  # as the key of the head
    return f"---\ntitle: T\nformat: {format}\n{more}voices:\n  ANNA: hibari-heart\n---\n"


def test_a_markdown_script_is_screened_as_it_is_written() -> None:
    source = "---\ntitle: T\nvoices:\n  A: a\n---\n# Chapter\nHello *there*."
    manuscript = manuscript_of(parse_script(source))
    assert (manuscript.text, manuscript.origin) == (source, None)
    assert [source[turn.start : turn.end] for turn in manuscript.turns] == ["Hello *there*."]


def test_words_behind_references_tags_and_escapes_are_found_where_they_are_written() -> None:
    assert found(head("ssml") + "<speak>Go &#107;ill <emphasis>your</emphasis>self.</speak>") == [
        "&#107;ill <emphasis>your</emphasis>self"
    ]
    escaped = document(chapters=[{"parts": [{"speaker": "ANNA", "text": "Go KILL yourself."}]}]).replace(
        "KILL", r"k\u0069ll"
    )
    assert found(escaped) == [r"k\u0069ll yourself"]


def test_an_alias_is_what_is_screened() -> None:
    (where,) = found(head("ssml") + "<speak>Go <sub alias='kill yourself'>home</sub>.</speak>")
    assert where == "a"  # the beginning of the attribute that makes the words


def test_words_that_nobody_hears_are_no_words_of_the_script() -> None:
    assert found(head("fountain") + "ANNA\nHello. /* kill yourself */\n") == []


@pytest.mark.parametrize("where", ["title", "show", "author", "description", "chapter", "speaker"])
def test_what_listeners_see_is_screened_in_every_format(where: str) -> None:
    chapters = [{"title": f"Please {BAD}", "parts": [{"speaker": "ANNA", "text": "Hello."}]}]
    if where == "chapter":
        source = document(chapters=chapters)
    elif where == "speaker":
        source = document(voices={BAD: "b"}, chapters=[{"parts": [{"speaker": BAD, "text": "Hello."}]}])
    else:
        source = document(**{where: f"Please {BAD}"})
    assert len(found(source)) == 1
    if where != "speaker":
        assert found(source) == [BAD]


def test_a_pronunciation_is_screened_as_it_sounds() -> None:
    source = head("markdown", "lexicon:\n  duck: kill yourself\n") + "The duck is here."
    decision = screened(source)
    assert decision.verdict is Verdict.BLOCK
    assert [source[one.span.start : one.span.end] for one in decision.findings] == ["duck"]
    # The entry alone says nothing: it is heard only where its word stands.
    assert screened(source.replace("The duck", "The goose")).verdict is Verdict.ALLOW


def test_a_pronunciation_that_only_sounds_like_it_is_a_question_to_a_person() -> None:
    source = head("markdown", "lexicon:\n  duck: kil\n  goose: yorself\n") + "Go and duck goose."
    decision = screened(source)
    assert decision.verdict is Verdict.REVIEW
    assert all("duck goose" in source[one.span.start : one.span.end] for one in decision.findings)


def test_the_written_word_is_screened_too_because_transcripts_show_it() -> None:
    source = head("markdown", "lexicon:\n  yourself: you self\n") + f"Go and {BAD}."
    assert found(source) == [BAD]


def test_a_decision_names_the_authors_text() -> None:
    source = head("ssml") + "<speak>Hello.</speak>"
    assert screened(source).script_digest == Manuscript(source, "en", ()).digest


def test_a_broken_way_back_is_an_error_and_no_decision() -> None:
    manuscript = Manuscript("Hello.", "en", (), Origin("x", (0,)))
    with pytest.raises(ScreeningError, match="way back"):
        Screener(policy=POLICY, rules=[ForbiddenWords()]).screen(manuscript)


def test_a_place_between_words_leads_to_a_place() -> None:
    origin = Origin("abcdef", (3, 4, 0))
    assert origin.span(0, 3) == Span(0, 5)
    assert origin.span(1, 1) == Span(4, 4)
    assert origin.span(3, 3) == Span(6, 6)


@pytest.mark.parametrize(
    ("written_as", "text"),
    [
        (Format.SSML, f"<speak>Go\n<s>{BAD}</s></speak>"),
        (Format.PODCASTFY, f"<Person1>Go {BAD}.</Person1>"),
        (Format.FOUNTAIN, f"ANNA\nGo {BAD}.\n"),
        (Format.TEXT, f"Go {BAD}."),
        (Format.SCRIPT, document(chapters=[{"parts": [{"speaker": "ANNA", "text": f"Go {BAD}."}]}])),
        (Format.SSML, head("ssml") + f"<speak>{BAD}</speak>"),
    ],
)
def test_a_text_of_any_format_is_screened_without_being_submitted(written_as: Format, text: str) -> None:
    screener = Screener(policy=POLICY, rules=[ForbiddenWords()])
    decision = screener.screen(read_manuscript(text, written_as=written_as, language="en-GB"))
    assert [text[one.span.start : one.span.end] for one in decision.findings] == [BAD]


def test_a_file_that_cannot_be_read_is_told_in_its_own_lines() -> None:
    with pytest.raises(ScriptError, match="line 2, column 1: sounds are not read"):
        read_manuscript("<speak>Go\n<audio src='x'/></speak>", written_as=Format.SSML, language="en")


def test_the_head_that_a_file_is_given_is_nothing_to_be_found_in() -> None:
    body = "Title: The Fog\n\nINT. PIER - DAY\n\nANNA\nGood evening, the fog is here.\n\nBEN\nThen we will stay.\n"
    script = parse_script(adopt(body, format="fountain", untitled="talk").text)
    assert script.title == "The Fog"
    manuscript = manuscript_of(script)
    # As a Markdown script would stand, so that rules meet what they know.
    assert manuscript.text.split("\n\n") == [
        "title: The Fog",
        "# PIER - DAY",
        "ANNA: Good evening, the fog is here.",
        "BEN: Then we will stay.",
        "",
    ]
