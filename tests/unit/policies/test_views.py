"""The author's text as rules read it: disguises undone, places kept, time bounded."""

from __future__ import annotations

import time

import pytest

from policies.sentences import MAX_SENTENCE_CHARACTERS, split_sentences
from policies.text import Manuscript, Turn
from policies.views import Views, build_views
from tests.manuscripts import dialogue, spoken

WORDS = ("kill", "yourself", "stupid", "idiot", "fuck", "asshole", "hate")


def reading(text: str, view: str) -> str:
    return next(found.text for found in build_views(spoken(text), vocabulary=WORDS).all if found.name == view)


def sentences(text: str) -> list[str]:
    manuscript = spoken(text)
    return [text[found.start : found.end] for found in split_sentences(manuscript)]


@pytest.mark.parametrize(
    ("written", "view", "read"),
    [
        ("you іdіоt", "normalised", "you idiot"),  # Cyrillic letters in a Latin word
        ("Ｋｉｌｌ it", "normalised", "Kill it"),
        ("𝐤𝐢𝐥𝐥 it", "normalised", "kill it"),
        ("ki\u200bll", "normalised", "kill"),
        ("k\u0336i\u0336l\u0336l", "normalised", "kill"),
        ("ᴋɪʟʟ", "normalised", "kill"),
        ("go \U000e006b\U000e0069\U000e006c\U000e006c", "normalised", "go kill"),  # tag characters
        ("k i l l yourself", "joined", "kill yourself"),
        ("k.i.l.l it", "joined", "kill it"),
        ("k1ll y0urself", "decoded", "kill yourself"),
        ("stup1d", "decoded", "stupid"),
        ("you stuuuupid", "decoded", "you stupid"),
        ("f**k it", "decoded", "fuck it"),
        ("a$$hole!", "decoded", "asshole!"),
        ("id-iot", "decoded", "idiot"),
    ],
)
def test_disguise_is_undone_in_its_view(written: str, view: str, read: str) -> None:
    assert reading(written, view) == read


@pytest.mark.parametrize(
    "written",
    ["H1N1 and IPv4", "Привет, мир и дружба", "B12, K9 and 3M", "C. S. Lewis", "assess the classics", "東京は雨です"],
)
def test_honest_text_stays_as_it_is_in_every_view(written: str) -> None:
    for view in build_views(spoken(written), vocabulary=WORDS).all:
        if view.name != "joined":
            assert view.text == written


def test_every_view_leads_back_to_the_place_in_the_authors_text() -> None:
    text = "Hello. You should k1ll y0urself, you ｉｄіоt, k i l l it."
    views: Views = build_views(spoken(text), vocabulary=WORDS)
    for view in views.all:
        assert len(view.text) == len(view.offsets)
        assert list(view.offsets) == sorted(view.offsets)
    decoded = views.all[-1]
    at = decoded.text.index("kill yourself")
    span = decoded.span(at, at + len("kill yourself"))
    assert text[span.start : span.end] == "k1ll y0urself"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith paid 3.5 dollars. He left.", ["Mr. Smith paid 3.5 dollars.", "He left."]),
        ('"Stop!" she cried. He did.', ['"Stop!" she cried.', "He did."]),
        ("It costs $5 in the U.S. today. Fine.", ["It costs $5 in the U.S. today.", "Fine."]),
        ("J. R. Tolkien wrote it. Why? Because.", ["J. R. Tolkien wrote it.", "Why?", "Because."]),
        ("First line\n\nSecond line", ["First line", "Second line"]),
        ("Wait... what? No!", ["Wait... what?", "No!"]),
        ("   ", []),
    ],
)
def test_sentences_end_where_a_listener_hears_them_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_sentences_never_cross_turns_and_cover_text_outside_them() -> None:
    manuscript = dialogue("It spreads", "through radio waves. No.")
    found = [(manuscript.text[s.start : s.end], s.spoken) for s in split_sentences(manuscript)]
    assert found == [
        ("ANNA:", False),
        ("It spreads", True),
        ("BEN:", False),
        ("through radio waves.", True),
        ("No.", True),
    ]


def test_overlapping_turns_are_each_read_once() -> None:
    manuscript = Manuscript("One two three.", "en", (Turn("A", 0, 8), Turn("B", 4, 14)))
    assert [manuscript.text[s.start : s.end] for s in split_sentences(manuscript)] == ["One two", "three."]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "a " * 500_000,
        "k1ll іdіоt " * 90_000,
        "1.!" * 330_000,
        "f*" * 500_000,
        "🙂" * 300_000,
        "\u0301" * 300_000,
    ],
    ids=["one word", "one letter", "disguises", "marks", "masks", "emoji", "combining marks"],
)
def test_a_megabyte_of_anything_is_read_in_bounded_time_and_pieces(text: str) -> None:
    began = time.perf_counter()
    views = build_views(spoken(text), vocabulary=WORDS)
    assert time.perf_counter() - began < 20.0  # about 1 s alone; generous for a crowded machine
    assert all(found.end - found.start <= MAX_SENTENCE_CHARACTERS for found in views.sentences)


def test_a_megabyte_of_marks_is_cut_in_linear_time() -> None:
    started = time.perf_counter()
    for mark in ("!", "?!", "…", '."'):
        split_sentences(spoken(mark * (500_000 // len(mark))))
    assert time.perf_counter() - started < 5.0
