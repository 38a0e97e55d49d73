"""Plain text, Podcastfy, SSML and Fountain: what is spoken, what is refused, and where it says so."""

from __future__ import annotations

import time

import pytest

from synth.adapters.hibari import hibari_catalogue
from synth.adopting import USUAL_VOICES, adopt, guess_format, has_head
from synth.errors import ScriptError
from synth.formats import parse_script
from synth.script import Script

PAIR = "voices:\n  ANNA: hibari-heart\n  BEN: hibari-birch\n---\n"


def text(body: str, voices: str = "voices:\n  ANNA: hibari-heart\n---\n") -> str:
    return f"---\ntitle: T\nformat: text\n{voices}{body}"


def podcastfy(body: str) -> str:
    return f"---\ntitle: T\nformat: podcastfy\nvoices:\n  Person1: hibari-heart\n  Person2: hibari-birch\n---\n{body}"


def ssml(body: str, voices: str = "voices:\n  ANNA: hibari-heart\n---\n") -> str:
    return f"---\ntitle: T\nformat: ssml\n{voices}<speak>{body}</speak>"


def fountain(body: str, voices: str = PAIR) -> str:
    return f"---\ntitle: T\nformat: fountain\n{voices}{body}"


def said(script: Script) -> list[tuple[str, str]]:
    return [(utterance.speaker, utterance.text) for utterance in script.utterances]


def written_at(script: Script, number: int = 0) -> str:
    """Return the characters of the author's text that an utterance leads back to."""
    places = script.utterances[number].places
    assert places is not None
    return "".join(script.source[place] for place in places)


def test_plain_text_is_spoken_word_for_word_with_its_speakers() -> None:
    body = "ANNA: Good\n  evening.\nBen: Yes: 7:30.\n\nanna: Bye, http://example.org.\n"
    script = parse_script(text(body, PAIR))
    assert said(script) == [("ANNA", "Good evening."), ("BEN", "Yes: 7:30."), ("ANNA", "Bye, http://example.org.")]
    assert written_at(script, 1) == "Yes: 7:30."


def test_plain_text_of_one_voice_needs_no_names() -> None:
    assert said(parse_script(text("One.\nTwo.\n\nWARNING: three."))) == [
        ("ANNA", "One. Two."),
        ("ANNA", "WARNING: three."),
    ]


def test_podcastfy_turns_are_spoken_and_lead_back_to_their_words() -> None:
    script = parse_script(
        podcastfy("<Person1>\nHello\nthere. </Person1>\n <person2>Hi.</PERSON2><Person2>So.</Person2>")
    )
    assert said(script) == [("Person1", "Hello there."), ("Person2", "Hi."), ("Person2", "So.")]
    assert written_at(script) == "Hello\nthere."


def test_ssml_is_spoken_as_an_engine_would_hear_it() -> None:
    script = parse_script(
        ssml(
            "<p><s>Fish &amp; ch<emphasis>ip</emphasis>s.</s><s>Two</s> <s>three</s></p><break time='1.5s'/>"
            "<p>The <sub alias='World Wide Web'>WWW</sub>, room <say-as interpret-as='characters'>b12</say-as>, "
            "the <say-as interpret-as='ordinal'>3</say-as> of <say-as interpret-as='cardinal'>11</say-as>.</p>"
        )
    )
    assert [(u.text, u.pause_after) for u in script.utterances] == [
        ("Fish & chips. Two", 0.0),
        ("three", 1.5),
        ("The World Wide Web, room B 1 2, the 3rd of 11.", 0.0),
    ]
    assert written_at(script).startswith("Fish & chips.")


def test_ssml_voices_are_the_declared_speakers() -> None:
    body = '<voice name="anna">Hello.</voice><voice name="BEN">Hi <break strength="strong"/> you.</voice>'
    script = parse_script(ssml(body, PAIR))
    assert said(script) == [("ANNA", "Hello."), ("BEN", "Hi"), ("BEN", "you.")]
    assert script.utterances[1].pause_after == pytest.approx(1.0)


def test_prosody_is_left_out_with_a_note_and_its_words_are_spoken() -> None:
    script = parse_script(ssml("<break/>One <prosody volume='silent' rate='x-fast'>two</prosody> three."))
    assert said(script) == [("ANNA", "One two three.")]
    assert [note.message.split(" (")[0] for note in script.notes] == [
        "a break before the first words is left out",
        "'<prosody>' is not followed",
    ]


def test_words_that_only_references_hide_are_the_words_that_are_screened() -> None:
    script = parse_script(ssml("b&#111;mb <![CDATA[now & here]]><!-- aside --> yes"))
    assert script.utterances[0].text == "bomb now & here yes"
    assert written_at(script).startswith("b&mb now & here")


def test_dialogue_is_spoken_and_directions_are_not() -> None:
    body = (
        "Title: The Fog\nAuthor: X\n\nINT. HARBOUR - NIGHT #1#\n\nFog.\n\nANNA (V.O.)\n(softly)\nGood *evening*,\n"
        "Ben. /* cut\nthis */ So.\n\n@Ben ^\nYes. [[check]]\n\nCUT TO:\n\n.PIER\n\n= They part.\n\nBEN\nBye.\n"
    )
    script = parse_script(fountain(body))
    assert [chapter.title for chapter in script.chapters] == ["HARBOUR - NIGHT", "PIER"]
    assert said(script) == [("ANNA", "Good evening, Ben. So."), ("BEN", "Yes."), ("BEN", "Bye.")]
    assert written_at(script) == "Good evening,\nBen. So."
    messages = [note.message for note in script.notes]
    assert "action is not spoken; declare a speaker NARRATOR to have it read" in messages
    assert "a transition or centred line is not spoken" in messages


def test_a_declared_narrator_reads_the_action() -> None:
    voices = "voices:\n  ANNA: hibari-heart\n  NARRATOR: hibari-birch\n---\n"
    script = parse_script(fountain("Fog rolls in.\n\nANNA\nSo.\n\n!BANG\nSilence.\n", voices))
    assert said(script) == [("NARRATOR", "Fog rolls in."), ("ANNA", "So."), ("NARRATOR", "BANG Silence.")]


REFUSED = [
    ("text: who speaks", text("Hello.", PAIR), r"line 8, column 1: who speaks here\?"),
    ("text: phoneme markup", text("say [apples](/bənˈænəz/)"), r"line 7, column 5: .*markup|directive"),
    ("text: emphasis", text("an *old* friend"), "line 7, column 4: .* is a mark"),
    ("text: tag", text("<b>x</b>"), "tags"),
    ("text: endless word", text("x" * 61), "more than 60"),
    ("podcastfy: words between", podcastfy("<Person1>A.</Person1> and <Person2>B.</Person2>"), "line 8, column 23"),
    ("podcastfy: unknown person", podcastfy("<Person3>A.</Person3>"), "'Person3' is not declared"),
    ("podcastfy: open", podcastfy("<Person1>A."), "not closed"),
    ("podcastfy: tag inside", podcastfy("<Person1>A <b>x</b>.</Person1>"), "line 8, column 12: tags"),
    ("podcastfy: nested", podcastfy("<Person1>A <Person2>B.</Person2></Person1>"), "tags"),
    ("podcastfy: empty", podcastfy("<Person1> </Person1>"), "no words"),
    ("ssml: phoneme", ssml("<phoneme alphabet='ipa' ph='bəˈnænəz'>apples</phoneme>"), "line 7, column 8: phonemes"),
    ("ssml: audio", ssml("<audio src='http://x/y.mp3'/>"), "not read from addresses"),
    ("ssml: lexicon", ssml("<lexicon uri='http://x/y.pls'/>"), "dictionaries are not loaded"),
    ("ssml: other language", ssml("<lang xml:lang='fr'>bonjour</lang>"), "one language"),
    ("ssml: language of a paragraph", ssml("<p xml:lang='fr'>bonjour</p>"), "this is 'fr'"),
    ("ssml: vendor's", ssml("<amazon:effect name='whispered'>x</amazon:effect>"), "'<amazon:effect>' is not read"),
    ("ssml: unknown attribute", ssml("<sub alias='a' onset='b'>c</sub>"), "'onset' of '<sub>'"),
    ("ssml: no speak", text("").replace("format: text", "format: ssml") + "<p>Hello.</p>", "begins with '<speak>'"),
    ("ssml: speak twice", ssml("<speak>x</speak>"), "'<speak>' is not read here"),
    ("ssml: not closed", ssml("<p>One"), "no XML: mismatched tag"),
    ("ssml: bare ampersand", ssml("Fish & chips"), "line 7, column 14: this is no XML"),
    ("ssml: alias of nothing", ssml("<sub alias=' '>WWW</sub>"), "what is spoken"),
    ("ssml: alias with a tag", ssml("<sub alias='&lt;b&gt;'>WWW</sub>"), "tags"),
    ("ssml: alias with phonemes", ssml("<sub alias='[apples](/x/)'>WWW</sub>"), "markup|directive"),
    ("ssml: hidden by a reference", ssml("kil&#x200b;l"), r"U\+200B"),
    ("ssml: hidden in an alias", ssml("<sub alias='kil&#xAD;l'>x</sub>"), r"U\+00AD"),
    ("ssml: marks by reference", ssml("an &#42;old&#42; friend"), "is a mark"),
    ("ssml: entity by reference", ssml("&amp;amp;"), "&amp;"),
    ("ssml: date", ssml("<say-as interpret-as='date'>1/2/3</say-as>"), "'interpret-as' is one of"),
    ("ssml: spelled phrase", ssml("<say-as interpret-as='characters'>a/b</say-as>"), "does not fit"),
    ("ssml: tag in say-as", ssml("<say-as interpret-as='characters'><s>a</s></say-as>"), "no tags"),
    ("ssml: break of an hour", ssml("One.<break time='3600s'/>Two."), "at most 30 seconds"),
    ("ssml: break in words", ssml("One.<break time='long'/>Two."), "'800ms'"),
    ("ssml: break in strength", ssml("One.<break strength='big'/>Two."), "strength is one of"),
    ("ssml: undeclared voice", ssml("<voice name='/etc/passwd'>x</voice>"), "voice '/etc/passwd' is not declared"),
    ("ssml: nobody speaks", ssml("Hello.", PAIR), "who speaks here"),
    ("ssml: instruction", ssml("<?php x ?>hello"), "processing instructions"),
    ("ssml: too deep", ssml("<p>" * 40 + "x" + "</p>" * 40), "more than 32 levels"),
    ("ssml: too many tags", ssml("<s/>" * 20_001), "more than 20000 tags"),
    ("fountain: unknown speaker", fountain("CARL\nHello.\n"), "line 8, column 1: speaker 'CARL' is not declared"),
    ("fountain: lyrics", fountain("ANNA\n~La la\n"), "line 9, column 1: lyrics"),
    ("fountain: no words", fountain("ANNA\n(waits)\n\nBEN\nYes.\n"), "no words"),
    ("fountain: phonemes", fountain("ANNA\nsay [a](/b/)\n\nBEN\nYes.\n"), "markup|directive"),
    (
        "fountain: scene without words",
        fountain("INT. A\n\nINT. B\n\nANNA\nYes.\n\nBEN\nYes.\n"),
        "'A' has no words",
    ),
    ("unknown format", text("x").replace("format: text", "format: docx"), "line 3, column 9: the body is in one of"),
]


@pytest.mark.parametrize(("source", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_its_reason_and_place(source: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(source)


BOMBS = {
    "entities": "<!DOCTYPE speak [<!ENTITY a 'ha'>"
    + "".join(
        f"<!ENTITY {chr(98 + n)} '&{chr(97 + n)};&{chr(97 + n)};&{chr(97 + n)};&{chr(97 + n)};'>" for n in range(20)
    )
    + "]><speak>&u;</speak>",
    "external entity": "<!DOCTYPE speak [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><speak>&a;</speak>",
    "external subset": "<!DOCTYPE speak SYSTEM 'http://127.0.0.1:9/x.dtd'><speak>a</speak>",
    "parameter entity": "<!DOCTYPE speak [<!ENTITY % a SYSTEM 'file:///etc/passwd'> %a;]><speak>a</speak>",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_what_expands_or_loads_is_refused_before_it_is_read(bomb: str) -> None:
    began = time.monotonic()
    with pytest.raises(ScriptError, match="line 7, column 1: document types and entities are not read"):
        parse_script(ssml("").partition("<speak>")[0] + bomb)
    assert time.monotonic() - began < 2.0


def test_a_file_without_head_gets_one_with_the_usual_voices() -> None:
    adopted = adopt(
        "<Person1>Hello.</Person1><Person2>Hi.</Person2>",
        format="podcastfy",
        usual_voices=["v-one", "v-two"],
        title="A",
    )
    script = parse_script(adopted.text)
    assert (script.title, script.voices) == ("A", (("Person1", "v-one"), ("Person2", "v-two")))


def test_a_chosen_voice_stays_and_the_others_get_different_ones() -> None:
    adopted = adopt("ANNA\nA.\n\nBEN\nB.\n", format="fountain", usual_voices=["one", "two"], voices={"Ben": "one"})
    assert dict(parse_script(adopted.text).voices) == {"ANNA": "two", "Ben": "one"}


def test_a_screenplay_brings_its_title() -> None:
    adopted = adopt("Title:\n    The Fog\n\nANNA\nA.\n", format="fountain", usual_voices=["one"])
    assert parse_script(adopted.text).title == "The Fog"


def test_an_error_in_a_file_without_head_is_told_in_its_own_lines() -> None:
    adopted = adopt("<speak>One.\n\n<audio src='x'/></speak>", format="ssml", usual_voices=["one"])
    with pytest.raises(ScriptError) as caught:
        parse_script(adopted.text)
    assert (adopted.error(caught.value).line, adopted.error(caught.value).column) == (3, 1)


def test_what_a_file_is_shows_in_its_name_or_its_first_characters() -> None:
    names = ("a.SSML", "b.fountain", "c.txt", "d.md")
    assert [guess_format("Hello.", name=name) for name in names] == ["ssml", "fountain", "text", None]
    beginnings = ("<Person1>x", " <speak>x", "<?xml version='1.0'?><speak/>", "Hello.", "<speaker>")
    assert [guess_format(text) for text in beginnings] == ["podcastfy", "ssml", "ssml", None, None]
    assert has_head('\n{"format": 1}')
    assert not has_head("<speak/>")


def test_speakers_that_nobody_chose_a_voice_for_get_embedded_ones() -> None:
    voices = dict(parse_script(adopt("ANNA\nA.\n\nBEN\nB.\n", format="fountain").text).voices)
    assert voices == {"ANNA": "hibari-heart", "BEN": "hibari-cedar"}
    assert set(USUAL_VOICES["en"]) == set(hibari_catalogue().voices)
    with pytest.raises(ScriptError, match="speaker 'Narrator' has no voice in 'de'"):
        adopt("Guten Morgen.", format="text", language="de")
