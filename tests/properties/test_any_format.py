"""Whatever somebody sends in whatever format: it is read exactly, or refused with a place; nothing else happens."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.manuscripts import manuscript_of
from synth.adopting import Adopted, adopt
from synth.errors import ScriptError
from synth.formats import parse_script
from synth.rendering import render_json, render_markdown, render_text
from synth.script import Script

HEADS = {
    kind: f"---\ntitle: T\nformat: {kind}\nvoices:\n{voices}---\n"
    for kind, voices in {
        "markdown": "  ANNA: a\n  BEN: b\n",
        "text": "  ANNA: a\n  BEN: b\n",
        "podcastfy": "  Person1: a\n  Person2: b\n",
        "ssml": "  ANNA: a\n",
        "fountain": "  ANNA: a\n  NARRATOR: n\n",
    }.items()
}
ODD = [
    " ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "*",
    "_",
    "[",
    "]]",
    "<",
    ">",
    "&",
    "&amp;",
    "\u200b",
    "\x00",
    "é",
    "字",
    "😀",
    "[[x]]",
]
WORDS = ["word", "Two words. ", "O'Hara's", "Nguyen", "7:30", "ANNA: ", "BEN: ", "— ", "“x”", "it is 1,000.5 km. "]
MARKS = {
    "markdown": ["# Title\n", "[pause 1s]\n", "[bed rain]\n", "[bed off]\n", "[stinger bell]\n", "*one*"],
    "text": ["Speaker 1: "],
    "podcastfy": ["<Person1>", "</Person1>", "<Person2>", "</Person2>", "<person1>"],
    "ssml": [
        *("<speak>", "</speak>", "<p>", "</p>", "<s>", "</s>", "<break/>", "<break time='1s'/>", "<emphasis>"),
        *("</emphasis>", "<sub alias='two &lt;'>", "<sub alias='two'>", "</sub>", "<voice name='ANNA'>", "</voice>"),
        *("<say-as interpret-as='characters'>", "</say-as>", "<phoneme ph='x'>", "</phoneme>", "&#x200b;", "&#65;"),
        *("<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a;", "<?php", "?>"),
    ],
    "fountain": [
        *(
            "ANNA\n",
            "\n\nANNA\nHello.\n\n",
            "(softly)\n",
            "INT. ROOM - DAY\n",
            ".FORCED\n",
            "> CENTRED <\n",
            "CUT TO:\n",
        ),
        *("/*", "*/", "= synopsis\n", "# Act\n", "~la\n", "@Anna\n", "!BANG\n", "===\n", "Title: X\n"),
    ],
}
WRAPPED = {
    "markdown": ("ANNA: ", "\n\nBEN: Yes."),
    "text": ("ANNA: ", "\n\nBEN: Yes."),
    "podcastfy": ("<Person1>", "</Person1><Person2>Yes.</Person2>"),
    "ssml": ("<speak>", "</speak>"),
    "fountain": ("ANNA\n", "\n\nIt rains.\n"),
}


def bodies(kind: str) -> st.SearchStrategy[str]:
    pieces = st.lists(st.sampled_from([*ODD, *WORDS, *MARKS[kind]]), max_size=25)
    mild = st.lists(st.sampled_from([*WORDS, " ", "\n", *MARKS[kind]]), min_size=1, max_size=12)
    before, after = WRAPPED[kind]
    return pieces.map("".join) | mild.map(lambda parts: before + "".join(parts) + after)


# Bodies that can be read, so that reading and writing is tried as often as refusing.
_SENTENCE = st.lists(
    st.sampled_from(["word", "Two words.", "O'Hara's", "Nguyen", "7:30", "—", "“x”", "é"]), min_size=1, max_size=5
).map(lambda words: "So " + " ".join(words))
_SSML_TEXT = _SENTENCE | st.sampled_from(
    ["AT&amp;T", "&#233;", " a<!-- b -->c ", "<![CDATA[d & e]]>", "<break time='300ms'/>", "\r\n"]
)
_SSML = st.recursive(
    _SSML_TEXT,
    lambda inner: st.tuples(
        st.sampled_from(["p", "s", "emphasis", "voice name='anna'", "prosody rate='fast'"]), st.lists(inner, max_size=3)
    ).map(lambda pair: f"<{pair[0]}>{' '.join(pair[1])}</{pair[0].split()[0]}>"),
    max_leaves=8,
)
_EXTRA_SSML = st.sampled_from(
    ["<sub alias='World &amp; Web'>W3C</sub>", "<say-as interpret-as='characters'>b1 2</say-as>", "<mark name='x'/>"]
)
READABLE = {
    "markdown": st.lists(
        st.one_of(
            _SENTENCE.map(lambda said: f"\nANNA: {said}\n"),
            _SENTENCE.map(lambda said: f"\nBEN: *So* {said}\nand _on_.\n[pause 700ms]\n[pause 0.7s]\n"),
            _SENTENCE.map(lambda said: f"\n# One: two\n[bed rain -12.5dB]\nANNA: {said}\n[bed off]\nYes.\n"),
            _SENTENCE.map(lambda said: f"\n[stinger bell]\n\nBEN: {said}\n"),
        ),
        max_size=6,
    ).map(lambda parts: "ANNA: Yes.\n\nBEN: No.\n" + "".join(parts)),
    "text": st.lists(_SENTENCE.map(lambda said: f"\nANNA: {said}\nmore\n"), max_size=4).map(
        lambda parts: "".join(parts) + "\nBEN: Yes."
    ),
    "podcastfy": st.lists(_SENTENCE.map(lambda said: f"<Person1>{said}\n</Person1>"), min_size=1, max_size=4).map(
        lambda parts: "\n".join(parts) + "<Person2>Yes.</Person2>\n"
    ),
    "ssml": st.lists(_SSML | _EXTRA_SSML, max_size=6).map(
        lambda parts: "<?xml version='1.0'?>\n<speak><p>Yes.</p>" + " ".join(parts) + "</speak>"
    ),
    "fountain": st.lists(
        st.one_of(
            _SENTENCE.map(lambda said: f"\nANNA (V.O.)\n(softly)\n*{said}*\n"),
            _SENTENCE.map(lambda said: f"\nINT. ROOM - DAY #1#\n\n{said} /* no */\n"),
            st.just("\nCUT TO:\n"),
        ),
        max_size=5,
    ).map(lambda parts: "It rains.\n\nANNA\nYes.\n" + "".join(parts)),
}

HEADED = st.sampled_from(sorted(HEADS)).flatmap(
    lambda kind: (bodies(kind) | READABLE[kind]).map(lambda body: HEADS[kind] + body)
)
TEXTS = st.text(max_size=12) | st.sampled_from([*ODD, *WORDS])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SAID = st.lists(st.sampled_from([*WORDS, " ", "\n"]), min_size=1, max_size=6).map("".join)
PARTS = st.one_of(
    SAID.map(lambda text: {"speaker": "ANNA", "text": text}),
    SAID.map(lambda text: {"speaker": "BEN", "text": "Yes. " + text}),
    st.sampled_from([0.7, 700 * 0.001, 0.3, 29.999, 0.0004, 31]).map(lambda seconds: {"pause": seconds}),
    st.sampled_from([{"asset": "rain", "gain_db": -12.5}, {"asset": "rain"}, None]).map(lambda bed: {"bed": bed}),
    st.just({"stinger": {"asset": "bell", "gain_db": -3}}),
    VALUES,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "format": st.just("assay-script"),
        "version": st.just(1),
        "title": st.sampled_from(["T", '"T"', "T: x", "# T"]),
        "voices": st.just({"ANNA": "a", "BEN": "b"}),
        "chapters": st.lists(
            st.fixed_dictionaries({"title": st.just("One"), "parts": st.lists(PARTS, min_size=1, max_size=6)}),
            min_size=1,
            max_size=3,
        ),
    },
    optional={
        "bed": st.sampled_from([{"asset": "calm"}, None]),
        "lexicon": st.sampled_from([{"Nguyen": "win"}, {"word": "vord", "Two": "too"}]),
        "description": TEXTS,
        "explicit": st.booleans(),
        "cover": st.just("harbour"),
        "mood": VALUES,
    },
).map(lambda document: json.dumps(document, ensure_ascii=False))
_GOOD_PARTS = st.one_of(
    _SENTENCE.map(lambda said: [{"speaker": "ANNA", "text": said + "\n\t\u00a0so"}]),
    st.sampled_from([0.7, 700 * 0.001, 0.3, 29.999]).map(
        lambda seconds: [{"speaker": "BEN", "text": "Nguyen, word for word."}, {"pause": seconds}]
    ),
    st.sampled_from([{"asset": "rain", "gain_db": -12.25}, {"asset": "rain"}, None]).map(
        lambda bed: [{"bed": bed}, {"speaker": "BEN", "text": "Two."}]
    ),
    st.just([{"stinger": {"asset": "bell", "gain_db": -3}}]),
)
_GOOD_CHAPTERS = st.lists(
    st.tuples(st.sampled_from(["One", "One: two", '"Three"']), st.lists(_GOOD_PARTS, max_size=5)), max_size=3
)
_LAST = {"title": "Last", "parts": [{"speaker": "ANNA", "text": "Yes."}, {"speaker": "BEN", "text": "No."}]}
GOOD_DOCUMENTS = st.tuples(
    _GOOD_CHAPTERS,
    st.sampled_from(
        [{}, {"bed": {"asset": "calm"}}, {"lexicon": {"Nguyen": "win", "word": "verd"}}, {"explicit": True}]
    ),
    st.booleans(),
).map(
    lambda three: json.dumps(
        {
            "format": "assay-script",
            "version": 1,
            "title": "T: x",
            "voices": {"BEN": "b", "ANNA": "a"},
            **three[1],
            "chapters": [
                *(
                    {
                        "title": title,
                        "parts": [{"speaker": "ANNA", "text": "So."}, *(one for part in parts for one in part)],
                    }
                    for title, parts in three[0]
                ),
                _LAST,
            ],
        },
        ensure_ascii=three[2],
    )
)
BROKEN = st.tuples(
    DOCUMENTS, st.integers(0, 400), st.sampled_from(["", "{", '"', "\\u12", "\\ud800", "NaN", ",", "\x00"])
).map(lambda three: three[0][: three[1]] + three[2] + three[0][three[1] + 1 :])


def read(source: str | bytes) -> Script | ScriptError:
    try:
        return parse_script(source)
    except ScriptError as error:
        return error


def adopted_or_error(kind: str, body: str) -> Adopted | ScriptError:
    try:
        return adopt(body, format=kind, usual_voices=["a", "b", "c"])
    except ScriptError as error:
        return error


def check(source: str, read_as: Script | ScriptError) -> None:
    if isinstance(read_as, ScriptError):
        lines = source.split("\n")
        assert 1 <= read_as.line <= len(lines)
        assert 1 <= read_as.column <= len(lines[read_as.line - 1]) + 1
        return
    script = read_as
    for utterance in script.utterances:
        assert 0 <= utterance.start < utterance.end <= len(source)
        assert utterance.text == " ".join(utterance.text.split())
        assert utterance.text.isprintable()
        assert any(character.isalnum() for character in utterance.text)
        assert not set("[]<>`{}\\|*_") & set(utterance.text)
        if utterance.places is not None:
            assert len(utterance.places) == len(utterance.text)
            assert all(utterance.start <= place < utterance.end for place in utterance.places)
    # What is screened holds every spoken word, and leads back into the author's text.
    manuscript = manuscript_of(script)
    if manuscript.origin is not None:
        assert [manuscript.text[turn.start : turn.end] for turn in manuscript.turns] == [
            utterance.text for utterance in script.utterances
        ]
        assert len(manuscript.origin.places) == len(manuscript.text)
        assert all(0 <= place < len(source) for place in manuscript.origin.places)
    # And it can be written down and read again, in both formats, as the same plan.
    for render in (render_json, render_markdown):
        again = parse_script(render(script))
        assert again.plan_digest() == script.plan_digest()
        assert [chapter.title for chapter in again.chapters] == [chapter.title for chapter in script.chapters]
        assert (again.title, again.show, again.author, again.explicit) == (
            script.title,
            script.show,
            script.author,
            script.explicit,
        )
        assert again.description == script.description
        assert again.cover is script.cover or (again.cover and script.cover and again.cover.name == script.cover.name)
        assert [one.digest("en") for one in again.lexicon] == [one.digest("en") for one in script.lexicon]
    assert render_text(script)


@settings(max_examples=500, deadline=None)
@given(HEADED)
@example(HEADS["ssml"] + "<speak>Fish &amp; chips.\r\n<s>A</s><break time='300ms'/><s>B</s></speak>")
@example(HEADS["fountain"] + "ANNA\n(x)\nHello /* no\n*/ there.\n\nIt rains. [[no]] Much.\n")
def test_a_body_in_any_format_is_read_exactly_or_refused_with_a_place_in_it(source: str) -> None:
    check(source, read(source))


@settings(max_examples=400, deadline=None)
@given(GOOD_DOCUMENTS | DOCUMENTS | BROKEN | VALUES.map(lambda value: json.dumps({"a": value})))
def test_a_json_script_is_read_exactly_or_refused_with_a_place_in_it(source: str) -> None:
    check(source, read(source))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["text", "podcastfy", "ssml", "fountain"]).flatmap(
        lambda k: (bodies(k) | READABLE[k]).map(lambda b: (k, b))
    )
)
def test_a_file_without_a_head_gets_one_and_its_errors_keep_their_lines(case: tuple[str, str]) -> None:
    kind, body = case
    adopted = adopted_or_error(kind, body)
    if isinstance(adopted, ScriptError):
        assert 1 <= adopted.line <= body.count("\n") + 1
        return
    assert adopted.text[adopted.head_characters :] == body
    found = read(adopted.text)
    if isinstance(found, ScriptError):
        assert 1 <= adopted.error(found).line <= body.count("\n") + 1
    else:
        check(adopted.text, found)
