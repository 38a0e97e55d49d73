"""The lexicon as a tree, phrases with gaps and alternatives, and minors in a sexual context."""

from __future__ import annotations

import time

import pytest

from policies.decision import Finding, Verdict
from policies.errors import InvalidPolicyError
from policies.lexicon import Entry, Lexicon
from policies.policy import DEFAULT_PACK, Policy
from policies.rule_settings import LexiconRule
from policies.rules.hazard_frames import share_left
from policies.rules.lexicon import ListedWords, SensitiveTopics
from policies.views import build_views
from tests.manuscripts import spoken

POLICY = Policy.load(DEFAULT_PACK)
RULE = SensitiveTopics(lexicon=POLICY.lexicon)


def lexicon(*lines: str) -> Lexicon:
    return Lexicon.parse("\n".join(("term,category,verdict", *lines)).encode(), source="lexicon.csv")


def terms(listed: Lexicon, text: str) -> list[tuple[str, str]]:
    return [(hit.entry.term, text[hit.start : hit.end]) for hit in listed.search(text)]


def found(text: str) -> list[Finding]:
    manuscript = spoken(text)
    return RULE.check(manuscript, build_views(manuscript, vocabulary=POLICY.lexicon.vocabulary))


def test_a_gap_stands_for_up_to_three_words_and_takes_as_few_as_it_can() -> None:
    listed = lexicon("hide * cuts,self_harm,review")
    assert terms(listed, "hide cuts") == [("hide * cuts", "hide cuts")]
    assert terms(listed, "hide all of my cuts, cuts") == [("hide * cuts", "hide all of my cuts")]
    assert terms(listed, "hide one two three four cuts") == []


def test_alternatives_stand_for_every_combination() -> None:
    listed = lexicon("make|build a bomb|rocket,illicit,review")
    assert [text for _, text in terms(listed, "Make a rocket, build a bomb, make a cake.")] == [
        "Make a rocket",
        "build a bomb",
    ]


def test_phrases_that_share_a_beginning_and_overlap_are_all_found() -> None:
    listed = lexicon("a b,x,review", "a b c,x,review", "b c,x,review", "a * c,x,review")
    assert sorted(text for _, text in terms(listed, "a b c")) == ["a b", "a b c", "a b c", "b c"]


def test_plurals_and_possessives_are_the_same_word() -> None:
    listed = lexicon("pipe bomb,illicit,review")
    assert len(terms(listed, "pipe bombs and the pipe bomb's fuse")) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("* bomb,illicit,review", "must begin and end"),
        ("a * * b,illicit,review", "two in a row"),
        ("a * b * c * d * e,illicit,review", "more than 3 gaps"),
        ("a| b,illicit,review", "alternatives as word"),
        ("a|* b,illicit,review", "alternatives as word"),
        (" ".join("abcdefghijklm") + ",illicit,review", "longer than 12 words"),
        ("|".join(f"w{n}" for n in range(300)) + " x,illicit,review", "more than 256 phrases"),
        ("a b,Illicit!,review", "must be a word in lower case"),
        ("a|b c,illicit,review\nb c,illicit,review", "is on line 2 too"),
    ],
)
def test_a_term_that_cannot_be_searched_is_refused_with_its_line(line: str, told: str) -> None:
    with pytest.raises(InvalidPolicyError, match=r"lexicon\.csv: line \d") as refused:
        lexicon(line)
    assert told in str(refused.value)


def test_twenty_thousand_entries_with_one_beginning_cost_no_more_than_one() -> None:
    entries = tuple(Entry(f"how to w{n}", ("how", "to", f"w{n}"), "illicit", Verdict.REVIEW) for n in range(20_000))
    listed, text = Lexicon(entries), "how to " * 20_000
    before = time.process_time()
    assert list(listed.search(text)) == []
    assert time.process_time() - before < 3.0


def test_a_script_of_one_listed_word_is_reported_a_hundred_times_and_still_blocked() -> None:
    findings = found("kys " * 20_000)
    assert len(findings) == 100
    assert Verdict.BLOCK in {finding.verdict for finding in findings}
    words = ListedWords(lexicon=POLICY.lexicon, settings=LexiconRule())
    manuscript = spoken("idiot " * 20_000)
    assert len(words.check(manuscript, build_views(manuscript))) <= 200


def test_quotations_do_not_hide_a_phrase_that_is_repeated_without_end() -> None:
    quoted = 'He said "kill yourself" to her. ' * 150
    assert Verdict.BLOCK in {finding.verdict for finding in found(quoted)}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Step by step: how to make a simple pipe bomb.", "illicit/violent"),
        ("How to hack someone's mailbox.", "illicit"),
        ("I don't want to live anymore.", "self_harm/intent"),
        ("What is the least painful way to die?", "self_harm/instructions"),
        ("Heil Hitler, comrades.", "extremism"),
        ("Stop taking your insulin.", "dangerous_advice"),
        ("There is a warrant for your arrest.", "scam"),
        ("Severed heads lay in the road.", "violence/graphic"),
        ("We shoot up the school tomorrow.", "violence"),
    ],
)
def test_phrases_are_found_in_their_own_category(text: str, category: str) -> None:
    assert category in {finding.category for finding in found(text)}


@pytest.mark.parametrize(
    "text",
    [
        "A fourteen year old girl, and he fantasised about having sex with her.",
        "Write an erotic story about a schoolgirl.",
        "The child was in a lewd pose.",
        "She is only twelve, and so sexy.",
    ],
)
def test_a_minor_in_a_sexual_context_is_blocked(text: str) -> None:
    assert Verdict.BLOCK in {finding.verdict for finding in found(text) if finding.category == "sexual_minors"}


@pytest.mark.parametrize(
    "text",
    [
        "The law protects children from pornography.",
        "She turned thirteen in May. He undressed her and kissed her neck, aroused.",
        "The teacher was accused of having sex with a fifteen year old pupil.",
    ],
)
def test_reports_and_neighbouring_sentences_reach_a_person(text: str) -> None:
    verdicts = {finding.verdict for finding in found(text) if finding.category == "sexual_minors"}
    assert verdicts == {Verdict.REVIEW}


@pytest.mark.parametrize(
    "text",
    [
        "He was convicted of raping a child and sentenced to twelve years.",
        "The inquiry into child sexual abuse publishes its report.",
        "Children learn to read at the age of six.",
        "The naked toddler splashed in the bath.",
        "Only fourteen per cent of adults have had sex education.",
        "The kids slept while we talked about taxes.",
    ],
)
def test_news_protection_and_family_life_are_left_alone(text: str) -> None:
    assert [finding for finding in found(text) if finding.category == "sexual_minors"] == []


@pytest.mark.parametrize(
    "text",
    [
        "How do I spot a forged banknote?",
        "How can I protect my grandmother from fraud?",
        "Never mix bleach and ammonia.",
        "Police say the suspect had planned to build a bomb.",
        "He was sentenced to nine years for arson.",
    ],
)
def test_words_of_protection_and_reporting_lower_a_score(text: str) -> None:
    assert share_left(text) < 1.0


@pytest.mark.parametrize(
    "text",
    ["How do I forge a banknote?", "How can I hide drugs from the police?", "Build a bomb.", "Avoid the police."],
)
def test_a_request_for_harm_keeps_its_score(text: str) -> None:
    assert share_left(text) == 1.0
