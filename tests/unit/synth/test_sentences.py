"""Sentences and pieces: nothing is lost, and cuts are where a speaker would breathe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.sentences import split_sentences, split_words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met Mrs. J. K. Jones. They spoke.", ["Dr. Smith met Mrs. J. K. Jones.", "They spoke."]),
        ("It is No. 5 of 3.5 million. Yes.", ["It is No. 5 of 3.5 million.", "Yes."]),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ('"Really?" she said. "Yes." He left.', ['"Really?" she said.', '"Yes."', "He left."]),
        ("So am I. Good.", ["So am I.", "Good."]),
        ("Wait... what? No!", ["Wait... what?", "No!"]),
        ("Hm … … Yes. … No.", ["Hm …", "… Yes.", "… No."]),
    ],
)
def test_sentences_end_where_a_speaker_would_breathe(text: str, parts: list[str]) -> None:
    assert list(split_sentences(text)) == parts


def test_long_text_is_cut_at_the_last_clause_that_fits() -> None:
    assert split_words("a b c, d e f g", 5) == ("a b c,", "d e f g")


def test_text_without_punctuation_is_cut_between_words() -> None:
    pieces = split_words(" ".join(["word"] * 10_600), 60)
    assert max(piece.count(" ") + 1 for piece in pieces) == 60
    assert sum(piece.count(" ") + 1 for piece in pieces) == 10_600


TEXTS = st.lists(
    st.sampled_from(["a", "Word", "Dr.", "no.", "5", "I.", "end.", "so,", "…", "?!", '"Yes."', "—"]), min_size=1
)


@given(TEXTS.map(" ".join), st.integers(1, 7))
def test_parts_joined_give_the_text_back(text: str, limit: int) -> None:
    assert " ".join(split_sentences(text)) == text
    pieces = split_words(text, limit)
    assert " ".join(pieces) == text
    assert all(1 <= len(piece.split(" ")) <= limit for piece in pieces)
    if any(character.isalnum() for character in text):
        assert all(any(character.isalnum() for character in part) for part in split_sentences(text))
