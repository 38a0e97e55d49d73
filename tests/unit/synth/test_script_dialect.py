"""The Markdown dialect: what authors may write, and exactly what is made of it."""

from __future__ import annotations

import pytest

from synth.errors import ScriptError
from synth.formats import MAX_CHARACTERS, parse_script

HEAD = (
    "---\ntitle: Morning\nshow: Harbour Radio\nlanguage: en\nvoices:\n  ANNA: hibari-heart\n  BEN: hibari-birch\n---\n"
)
SOLO = "---\ntitle: A reading\nvoices:\n  READER: hibari-heart\n---\n"
PAIR = HEAD + "ANNA: Hello.\n\nBEN: Hello to you.\n"


def texts(source: str) -> list[tuple[str, str]]:
    return [(utterance.speaker, utterance.text) for utterance in parse_script(source).utterances]


def test_speakers_chapters_and_pauses_are_read_in_order() -> None:
    script = parse_script(
        HEAD
        + "# Opening\n\nANNA: Good *morning*,\nit is **half past six**.\n[pause 800ms]\nAnd grey.\n\n"
        + "BEN: Hello.\n\n# The end\nANNA: Bye.\n"
    )
    assert (script.title, script.show, script.language) == ("Morning", "Harbour Radio", "en")
    assert script.voices == (("ANNA", "hibari-heart"), ("BEN", "hibari-birch"))
    assert [chapter.title for chapter in script.chapters] == ["Opening", "The end"]
    assert [(u.speaker, u.text, u.pause_after) for u in script.utterances] == [
        ("ANNA", "Good morning, it is half past six.", 0.8),
        ("ANNA", "And grey.", 0.0),
        ("BEN", "Hello.", 0.0),
        ("ANNA", "Bye.", 0.0),
    ]
    assert script.words == 11


def test_every_range_points_at_the_words_in_the_authors_text() -> None:
    source = HEAD + "# The *old* one\r\nANNA:   Good *morning*,\r\n  to you.\r\n\r\nBEN:\r\nHello.\r\n"
    script = parse_script(source)
    assert [source[u.start : u.end] for u in script.utterances] == ["Good *morning*,\r\n  to you.", "Hello."]
    assert [u.text for u in script.utterances] == ["Good morning, to you.", "Hello."]
    chapter = script.chapters[0]
    assert source[chapter.title_start : chapter.title_end] == chapter.title == "The *old* one"
    assert source[script.title_start : script.title_end] == "Morning"


def test_a_single_speaker_needs_no_label() -> None:
    assert texts(SOLO + "Once upon a time.\n\nNote: it was dark.\n\nREADER: The end.") == [
        ("READER", "Once upon a time."),
        ("READER", "Note: it was dark."),
        ("READER", "The end."),
    ]


def test_quoted_title_is_read_without_its_quotes() -> None:
    source = '---\ntitle: "Morning: one"\nvoices:\n  A: b\n---\nHello.'
    script = parse_script(source)
    assert script.title == source[script.title_start : script.title_end] == "Morning: one"


def test_voices_come_in_the_order_of_their_first_words() -> None:
    assert parse_script(HEAD + "BEN: First.\n\nANNA: Second.").voices[0][0] == "BEN"


def test_pause_in_seconds_and_two_in_a_row_add_up() -> None:
    script = parse_script(SOLO + "One.\n[pause 1.5s]\n[pause 500ms]\nTwo.")
    assert script.utterances[0].pause_after == pytest.approx(2.0)


def test_words_before_the_first_heading_make_an_untitled_chapter() -> None:
    script = parse_script(SOLO + "Hello.\n# Next\nBye.")
    first = script.chapters[0]
    assert (first.title, first.title_start, first.title_end) == ("", 0, 0)


def test_times_addresses_and_web_addresses_are_not_taken_for_labels() -> None:
    assert texts(SOLO + "It is\n7:30 now.\nHTTPS://example.org is down.\nSunday: rain.") == [
        ("READER", "It is 7:30 now. HTTPS://example.org is down. Sunday: rain.")
    ]


def test_bytes_are_read_as_utf8() -> None:
    assert parse_script((SOLO + "Café.").encode()).utterances[0].text == "Café."


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("*one* two", "one two"),
        ("**one** _two_ __three__ ***four***", "one two three four"),
        ("(*one*), “_two_”!", "(one), “two”!"),
        ("**_one_ two**", "one two"),
        ("an *emphasis\nover lines*", "an emphasis over lines"),
        ("a—*b*—c", "a—b—c"),
        ("well-*known* things", "well-known things"),
    ],
)
def test_emphasis_around_whole_words_is_removed(text: str, spoken: str) -> None:
    assert texts(SOLO + text)[0][1] == spoken


@pytest.mark.parametrize(
    "text", ["ex*am*ple", "snake_case", "5 * 3", "*open", "*a _b* c_", "****a****", "a*b*", "**a*"]
)
def test_marks_that_are_not_emphasis_around_words_are_refused(text: str) -> None:
    with pytest.raises(ScriptError, match="emphasis"):
        parse_script(SOLO + text)


REFUSED = [
    ("phoneme markup", "say [apples](/bənˈænəz/) now", "markup|directive"),
    ("stress markup", "say [apples](+1) now", "markup|directive"),
    ("link", "see [this](https://example.org)", "markup|directive"),
    ("piper phonemes", "say [[ h ə l ]] now", "phoneme"),
    ("voice directive", "[voice:other] hello", "directive"),
    ("pause inside a line", "one [pause 1s] two", "directive"),
    ("malformed pause", "one\n[pause 5 minutes]\ntwo", "directive"),
    ("pause without unit", "one\n[pause 800]\ntwo", "directive"),
    ("ssml", "<speak>hello</speak>", "SSML"),
    ("self-closing tag", "hello <break time='1s'/> you", "SSML"),
    ("comparison", "3 > 2", "SSML"),
    ("entity", "fish &amp; chips", "&amp;"),
    ("numeric entity", "fish &#38; chips", "&#38;"),
    ("code", "run `rm`", "`"),
    ("braces", "hello {name}", r"\{"),
    ("backslash", "hello \\*you", r"\\"),
    ("list", "- one\n- two", "lists"),
    ("quote", "> hello", "quotes"),
    ("table", "| a | b |", "tables"),
    ("rule", "one\n\n***\n\ntwo", "rules"),
    ("second-level heading", "## Hello", "chapter"),
    ("hashtag at the start", "#hello", "chapter"),
    ("empty heading", "# \nHello.", "chapter"),
    ("heading of symbols", "# ...\nHello.", "chapter"),
    ("chapter without words", "# One\n# Two\nHello.", "no words"),
    ("last chapter without words", "Hello.\n# Two\n", "no words"),
    ("only punctuation", "...", "no words"),
    ("label without words", "READER:\n\nHello.", "no words"),
    ("pause before any words", "[pause 1s]\nHello.", "pause"),
    ("pause of nothing", "Hello.\n[pause 0ms]", "pause"),
    ("pause of an hour", "Hello.\n[pause 3600s]", "pause"),
    ("many pauses in a row", "Hello.\n" + "[pause 30s]\n" * 2, "pauses in a row"),
    ("pauses without end", "Hello.\n[pause 30s]\n" * 21, "all pauses"),
    ("too many chapters", "# A\nHello.\n" * 201, "more than 200 chapters"),
    ("endless word", "a" * 61, "more than 60"),
    ("unknown loud speaker", "BOB: hello", "BOB.*declared: READER"),
    ("label in other case", "Reader: hello", "declared: READER"),
    ("no words at all", "", "no words"),
    ("nul", "hello\0", "binary"),
    ("control character", "hello\x07", r"U\+0007 is a control"),
    ("escape sequence", "hello\x1b[31m", r"U\+001B"),
    ("lone carriage return", "hello\rworld", r"U\+000D"),
    ("vertical tab", "hello\x0bworld", r"U\+000B"),
    ("next line", "hello\x85world", r"U\+0085"),
    ("line separator", "hello\u2028world", r"U\+2028"),
    ("right-to-left override", "hello \u202eolleh", r"U\+202E"),
    ("isolate", "hello \u2066x\u2069", r"U\+2066"),
    ("zero-width space", "kil\u200bl", r"U\+200B"),
    ("zero-width joiner", "kil\u200dl", r"U\+200D"),
    ("soft hyphen", "kil\u00adl", r"U\+00AD"),
    ("word joiner", "kil\u2060l", r"U\+2060"),
    ("byte order mark inside", "kil\ufeffl", r"U\+FEFF"),
    ("tag character", "hello \U000e0041", r"U\+E0041"),
    ("variation selector", "hello\ufe0f", r"U\+FE0F"),
    ("combining grapheme joiner", "kil\u034fl", r"U\+034F"),
    ("hangul filler", "kil\u3164l", r"U\+3164"),
    ("braille blank", "kil\u2800l", r"U\+2800"),
    ("private use", "hello \ue000", r"U\+E000"),
    ("unassigned", "hello \u0378", r"U\+0378"),
    ("surrogate", "hello \ud800", r"U\+D800"),
]


@pytest.mark.parametrize(("text", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(SOLO + text)


HEADS = [
    ("no head", "Hello.", "begins with a line"),
    ("byte order mark", "\ufeff" + PAIR, "byte order mark"),
    ("open head", "---\ntitle: x\n", "does not end"),
    ("no title", PAIR.replace("title: Morning\n", ""), "no title"),
    ("empty title", PAIR.replace("Morning", ""), "no title"),
    ("title of symbols", PAIR.replace("Morning", "?!"), "no title"),
    ("long title", PAIR.replace("Morning", "x" * 201), "201|longer than 200"),
    ("title with a tag", PAIR.replace("Morning", "<b>x</b>"), "plain text"),
    ("title twice", PAIR.replace("show: Harbour Radio", "title: Again"), "twice"),
    ("unknown key", PAIR.replace("show:", "mood:"), "unknown key 'mood'"),
    ("no colon", PAIR.replace("show: Harbour Radio", "Harbour Radio"), "key: value"),
    ("no voices", "---\ntitle: x\n---\nHello.", "declares no voices"),
    ("voices inline", "---\ntitle: x\nvoices: {A: b}\n---\nHello.", "own indented line"),
    ("indent without voices", "---\n  title: x\n---\nHello.", "key: value"),
    ("speaker twice", PAIR.replace("BEN: hibari", "anna: hibari"), "declared twice"),
    ("speaker with brackets", PAIR.replace("  BEN:", "  [BEN]:"), "name is"),
    ("voice id as path", PAIR.replace("hibari-birch", "../../etc/passwd"), "voice id"),
    ("voice id empty", PAIR.replace(" hibari-birch", ""), "voice id"),
    ("silent speaker", HEAD + "ANNA: Hello.", "'BEN' is declared but never speaks"),
    ("language in words", PAIR.replace("language: en", "language: English"), "primary tag"),
    ("language with region", PAIR.replace("language: en", "language: en-US"), "primary tag"),
    (
        "too many speakers",
        "---\nvoices:\n" + "".join(f"  S{n}: v\n" for n in range(21)),
        "20 speakers",
    ),
    ("endless line", "---\ntitle: " + " " * 4_200 + "x\n---\n", "exceeds 4100"),
]


@pytest.mark.parametrize(("source", "reason"), [case[1:] for case in HEADS], ids=[case[0] for case in HEADS])
def test_bad_head_is_refused_with_its_reason(source: str, reason: str) -> None:
    with pytest.raises(ScriptError, match=reason):
        parse_script(source)


@pytest.mark.parametrize("source", ["", " \n\n ", b""])
def test_empty_script_is_refused(source: str | bytes) -> None:
    with pytest.raises(ScriptError, match="empty"):
        parse_script(source)


def test_script_over_the_limit_is_refused_at_once() -> None:
    with pytest.raises(ScriptError, match="split the script"):
        parse_script(SOLO + "a " * MAX_CHARACTERS)


def test_binary_bytes_are_refused() -> None:
    with pytest.raises(ScriptError, match="binary"):
        parse_script(b"\x89PNG\r\n\x1a\n\x00\x00\xff")
    with pytest.raises(ScriptError, match=r"line 2.*UTF-8"):
        parse_script("---\ntitle: caf\xe9\n".encode("latin-1"))


def test_a_paragraph_without_label_is_refused_when_several_speak() -> None:
    with pytest.raises(ScriptError, match=r"line 11, column 1: who speaks here\?.*ANNA, BEN"):
        parse_script(HEAD + "ANNA: Hello.\n\nAnd on we go.\n\nBEN: Yes.")


def test_an_undeclared_speaker_is_named_with_its_place() -> None:
    with pytest.raises(ScriptError, match=r"line 11, column 1: speaker 'Charlie'.*declared: ANNA, BEN") as caught:
        parse_script(PAIR.replace("BEN: Hello", "Charlie: Hello"))
    assert (caught.value.line, caught.value.column) == (11, 1)


def test_an_undeclared_loud_speaker_inside_a_turn_is_not_spoken_by_somebody_else() -> None:
    with pytest.raises(ScriptError, match="speaker 'DR SMITH'"):
        parse_script(PAIR.replace("Hello.\n", "Hello.\nDR SMITH: I agree.\n"))


def test_place_of_a_refused_character_is_exact() -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(SOLO + "One.\n\nTwo thr\u200bee.")
    assert (caught.value.line, caught.value.column) == (8, 8)


def test_plan_digest_follows_the_words_and_not_the_markup() -> None:
    plain = parse_script(SOLO + "Hello there.").plan_digest()
    assert parse_script(SOLO + "Hello\n*there*.").plan_digest() == plain
    assert parse_script(SOLO + "Hello there!").plan_digest() != plain
