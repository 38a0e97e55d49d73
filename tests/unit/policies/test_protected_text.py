"""Passages of registered texts are found in any dress; quotations and common phrases are not."""

from __future__ import annotations

import random
import time
from datetime import date

import pytest

from policies.decision import Finding, Verdict
from policies.errors import InvalidPolicyError, ScreeningError
from policies.protected import registry as registries
from policies.protected.registry import ProtectedText, TextIndex, TextRegistry, protect
from policies.rules.protected_text import ProtectedPassages
from policies.views import build_views
from tests.manuscripts import dialogue, spoken

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
# Written for this test.
SONG = """
The harbour lights are counting down the evening, one by one,
and every boat that left at dawn is waiting for the sun.
I kept your letter in the drawer beside the broken clock,
and learned the weather of your voice, the key, the door, the lock.
So sing it slow, the river said, and sing it to the shore,
for nobody who hears it once will ask to hear it more.
The winter walked across the bay in borrowed leather shoes,
and left a trail of silver salt for anyone to use.
"""
WORDS = SONG.split()
PASSAGE = " ".join(WORDS[20:60])


def entry(
    content: str = SONG, *, quote_words: int = 15, title: str = "Harbour Lights", verdict: Verdict = Verdict.REVIEW
) -> ProtectedText:
    return protect(
        content, title=title, owner="Tidewater Music", key=KEY, at=date(2026, 11, 25), verdict=verdict,
        quote_words=quote_words,
    )  # fmt: skip


RULE = ProtectedPassages(registry=TextRegistry((entry(),), KEY))


def found(text: str, rule: ProtectedPassages = RULE) -> list[Finding]:
    manuscript = spoken(text)
    return rule.check(manuscript, build_views(manuscript))


def test_a_copied_passage_is_held_with_its_place_title_and_owner() -> None:
    text = f"Welcome to the show, here is a poem of mine. {PASSAGE} What do you think of that?"
    (finding,) = found(text)
    assert finding.verdict is Verdict.REVIEW
    assert text[finding.span.start : finding.span.end] == PASSAGE.rstrip(",")
    assert (finding.evidence[0].claim, finding.evidence[0].publisher) == ("Harbour Lights", "Tidewater Music")
    assert finding.score == 1.0
    assert "boat" not in finding.explanation


@pytest.mark.parametrize(
    "changed",
    [
        PASSAGE.upper(),
        PASSAGE.replace(",", " --").replace(".", "\n\n"),
        PASSAGE.replace("the", "ｔｈｅ").replace("e", "е"),  # full width; Cyrillic
        PASSAGE.replace("boat", "ship").replace("broken", "silent"),
        PASSAGE.replace("night", "nite").replace("your", "ur").replace("beside", "beeside").replace("clock", "clok"),
        PASSAGE.replace(" kept ", " k e p t "),
        "\u200b".join(PASSAGE),
    ],
    ids=["case", "punctuation", "look-alikes", "two words changed", "respelled", "spaced out", "invisible characters"],
)
def test_a_passage_is_found_in_disguise(changed: str) -> None:
    assert [finding.category for finding in found(f"Listen. {changed} Nice.")] == ["protected_text"]


def test_a_passage_is_found_across_two_speakers() -> None:
    manuscript = dialogue(" ".join(WORDS[10:30]), " ".join(WORDS[30:50]))
    assert len(RULE.check(manuscript, build_views(manuscript))) == 1


def test_a_quotation_within_the_limit_passes() -> None:
    assert found(f"He quoted it: {' '.join(WORDS[20:35])} and then he went on to talk of other things.") == []
    assert found(f"He quoted it: {' '.join(WORDS[20:37])} and then he went on to talk of other things.") != []


def test_ordinary_talk_about_the_same_things_passes() -> None:
    text = (
        "The harbour lights were bright, and one boat after the other left at dawn. I kept a letter in a drawer. "
        "At the end of the day it is what it is, and nobody who hears it once will forget it."
    )
    assert found(text) == []


def test_each_text_has_its_own_quotation_length_and_verdict() -> None:
    secret = " ".join(f"clause{number} binds party{number} until" for number in range(30))
    registry = TextRegistry((entry(), entry(secret, quote_words=8, title="Merger", verdict=Verdict.BLOCK)), KEY)
    rule = ProtectedPassages(registry=registry)
    text = " ".join(secret.split()[8:20])
    assert [finding.verdict for finding in found(text, rule)] == [Verdict.BLOCK]


def test_the_registry_survives_its_file_and_does_not_hold_the_text() -> None:
    registry = TextRegistry((entry(),), KEY)
    content = registry.dump()
    assert TextRegistry.parse(content, key=KEY, source="texts") == registry
    for word in ("harbour", "letter", "winter"):
        assert word.encode() not in content.split(b'"shingles"')[1]
    assert TextRegistry.parse(content, key=KEY, source="texts").digest == registry.digest


def test_without_the_key_guesses_cannot_be_tested_and_another_key_is_refused() -> None:
    assert set(entry().hashes().tolist()).isdisjoint(
        protect(SONG, title="x", owner="y", key=OTHER_KEY, at=date(2026, 1, 1)).hashes().tolist()
    )
    with pytest.raises(InvalidPolicyError, match="another key"):
        TextRegistry.parse(TextRegistry((entry(),), KEY).dump(), key=OTHER_KEY, source="texts")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"review", b"allow"),
        lambda content: content.replace(b'"quote_words":15', b'"quote_words":1'),
        lambda content: content.replace(b'"shingles":"', b'"shingles":"!'),
        lambda content: content + content.splitlines()[1] + b"\n",
        lambda content: content.replace(b'"title"', b'"tilte"'),
        lambda content: b"[" * 100_000 + content,
    ],
)
def test_a_damaged_registry_is_refused_as_a_whole(damage: object) -> None:
    content = damage(TextRegistry((entry(),), KEY).dump())  # type: ignore[operator]
    with pytest.raises(InvalidPolicyError):
        TextIndex(TextRegistry.parse(content, key=KEY, source="texts"))


def test_a_text_that_could_never_match_is_refused() -> None:
    with pytest.raises(InvalidPolicyError, match="never match"):
        entry("Only these nine words are in it, no more.", quote_words=15)


def test_a_rule_without_texts_is_refused() -> None:
    with pytest.raises(InvalidPolicyError, match="texts add"):
        ProtectedPassages(registry=TextRegistry((), KEY))


def test_the_same_text_is_registered_once_and_removed_by_its_id() -> None:
    registry = TextRegistry((), KEY).with_text(entry())
    with pytest.raises(InvalidPolicyError, match="already"):
        registry.with_text(entry())
    assert registry.without_text(entry().id).texts == ()
    with pytest.raises(InvalidPolicyError, match="no protected text"):
        registry.without_text("nothing")


def test_a_thousand_texts_are_searched_in_milliseconds() -> None:
    draw = random.Random(7)
    vocabulary = [f"word{number}" for number in range(4000)]
    texts = tuple(entry(" ".join(draw.choices(vocabulary, k=120)), title=f"Text {number}") for number in range(1000))
    index = TextIndex(TextRegistry((*texts, entry()), KEY))
    script = " ".join(draw.choices(vocabulary, k=2000)) + " " + PASSAGE
    started = time.perf_counter()
    _, passages = index.search(script)
    assert time.perf_counter() - started < 0.5
    assert [index.texts[passage.text].title for passage in passages] == ["Harbour Lights"]


def test_too_many_matches_are_an_error_and_not_a_silent_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "MAXIMUM_MATCHES", 10)
    with pytest.raises(ScreeningError, match="registered many times"):
        found(PASSAGE)


@pytest.mark.parametrize("text", ["", "a" * 300_000, "a " * 100_000, "é" * 100_000, "👍 " * 50_000, "!" * 100_000])
def test_hostile_text_gives_no_finding(text: str) -> None:
    assert found(text) == []
