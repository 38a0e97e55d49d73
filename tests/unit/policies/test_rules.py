"""Rules without models: what each catches, what each must leave alone."""

from __future__ import annotations

import pytest

from policies.decision import Finding, Verdict
from policies.policy import DEFAULT_PACK, Policy
from policies.rule_settings import LanguageRule, LexiconRule, MarkupRule, PersonalDataRule
from policies.rules.language import UnsupportedLanguage
from policies.rules.lexicon import ListedWords, SensitiveTopics
from policies.rules.markup_injection import MarkupInjection
from policies.rules.personal_data import PersonalData
from policies.text import Manuscript
from policies.views import build_views
from tests.manuscripts import spoken

POLICY = Policy.load(DEFAULT_PACK)
WORDS = ListedWords(lexicon=POLICY.lexicon, settings=LexiconRule())
TOPICS = SensitiveTopics(lexicon=POLICY.lexicon)
MARKUP = MarkupInjection(settings=MarkupRule())
LANGUAGE = UnsupportedLanguage(languages=("en",), settings=LanguageRule())
PERSONAL = PersonalData(
    settings=PersonalDataRule(
        kinds=("email", "phone", "payment_card", "iban", "ip_address", "national_id", "street_address")
    )
)


def findings(
    rule: ListedWords | SensitiveTopics | MarkupInjection | UnsupportedLanguage | PersonalData, text: str | Manuscript
) -> list[Finding]:
    manuscript = spoken(text) if isinstance(text, str) else text
    return rule.check(manuscript, build_views(manuscript, vocabulary=POLICY.lexicon.vocabulary))


def categories(
    rule: ListedWords | SensitiveTopics | MarkupInjection | UnsupportedLanguage | PersonalData, text: str
) -> set[str]:
    return {finding.category for finding in findings(rule, text)}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("You are a [friend](/ˈɪdiət/) of mine.", "phoneme"),
        ("Thank you, [[ˈɪdiət]].", "phoneme"),
        ("A <phoneme ph='x'>word</phoneme>.", "ssml"),
        ('A <sub alias="idiot">friend</sub>.', "ssml"),
        ("He is ＜b＞here＜/b＞.", "ssml"),  # full-width brackets become tags when normalised
        ("Say <say-as interpret-as='characters'", "ssml"),
        ("[voice: whisper] Come closer.", "directive"),
        ("It is &#107;ill.", "entity"),
        ("Read \u202ekcab\u202c this.", "bidi"),
        ("ki\u200bll", "invisible"),
        ("a\U000e006b\U000e0069", "invisible"),
        ("bad\x07bell", "control"),
        ("z\u0301\u0302\u0303\u0304algo", "stacked_marks"),
    ],
)
def test_markup_that_changes_the_voice_is_blocked(text: str, category: str) -> None:
    found = findings(MARKUP, text)
    assert category in {finding.category for finding in found}
    assert {finding.verdict for finding in found} == {Verdict.BLOCK}
    assert all(0 <= finding.span.start < finding.span.end <= len(text) for finding in found)


@pytest.mark.parametrize(
    "text",
    [
        "Prices rose 3 < 5 per cent, and 7 > 4.",
        "He laughed (quietly) and left [aside].",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 emoji and a café in Kraków.",
        'Salt & pepper; R&D; he said: "go".',
        "Line one.\n\nLine two.\tTab.",
    ],
)
def test_ordinary_punctuation_is_no_markup(text: str) -> None:
    assert findings(MARKUP, text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.miller@gmail.com today.", "email"),
        ("It is jane dot miller at gmail dot com, she says.", "email"),
        ("Call +44 7911 123456 now.", "phone"),
        ("Call (212) 555-7788 now.", "phone"),
        ("Call 020 7946 0123 now.", "phone"),
        ("Her card is 4539 1488 0343 6467.", "payment_card"),
        ("Pay to DE89 3704 0044 0532 0130 00 please.", "iban"),
        ("The server 8.8.8.8 answered.", "ip_address"),
        ("His number is 536-90-4399.", "national_id"),
        ("She lives at 14 Willow Lane with a cat.", "street_address"),
        ("Write to ｊａｎｅ＠gmail.com today.", "email"),
    ],
)
def test_personal_data_is_held_for_a_person(text: str, kind: str) -> None:
    found = findings(PERSONAL, text)
    assert [(finding.category, finding.verdict) for finding in found] == [(kind, Verdict.REVIEW)]


@pytest.mark.parametrize(
    "text",
    [
        "From 1939-1945, about 1 200 000 people moved, and 3,450,000 stayed.",
        "The index closed at 7412.55 after 1999-2000-2001.",
        "The number 4539 1488 0343 6468 has a wrong check digit.",
        "DE89 3704 0044 0532 0130 01 has a wrong check digit.",
        "Version 1.2.3.4567 and 999.1.1.1 and 192.168.0.1 are not public addresses.",
        "Call 0800 123 4567 or 1-800-273-8255 if you need help.",
        "At 10 20 30 the bell rang, and 2026-11-22 was a Sunday.",
        "The museum on Willow Lane opens at 14.",
    ],
)
def test_numbers_that_identify_nobody_pass(text: str) -> None:
    assert findings(PERSONAL, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Go k1ll y0urself.", {"evasion"}),
        ("You 1diot.", {"evasion"}),
        ("He is a fag-got.", {"evasion", "slur"}),
        ("I will kill you.", {"threat"}),
        ("What a clusterfuck.", {"profanity"}),
        ("We met who're kind, and she'll stay.", set()),
        ("The killer whale is stupid, he said, and I hate rain.", set()),
        ("Sooooo stuuupid.", set()),
        ("In Scunthorpe a cockatoo assessed the classic peacock.", set()),
    ],
)
def test_listed_words_and_their_disguises(text: str, expected: set[str]) -> None:
    assert categories(WORDS, text) == expected


def test_a_threat_that_is_reported_is_held_instead_of_blocked() -> None:
    plain = findings(WORDS, "I will kill you.")
    reported = findings(WORDS, "The court heard that he had shouted 'I will kill you' at the driver.")
    assert [finding.verdict for finding in plain] == [Verdict.BLOCK]
    assert [finding.verdict for finding in reported] == [Verdict.REVIEW]


def test_evasion_points_at_the_disguise_and_names_its_view() -> None:
    text = "Please go k i l l yourself."
    (finding,) = (found for found in findings(TOPICS, text) if found.category == "self_harm")
    assert (finding.verdict, finding.view) == (Verdict.BLOCK, "joined")
    assert text[finding.span.start : finding.span.end] == "k i l l yourself"


@pytest.mark.parametrize(
    ("text", "category", "verdict"),
    [
        ("I explain how to make a bomb at home.", "illicit/violent", Verdict.REVIEW),
        ("This is a painless way to die.", "self_harm/instructions", Verdict.REVIEW),
        ("Just kill yourself.", "self_harm", Verdict.BLOCK),
    ],
)
def test_sensitive_topics_are_never_simply_allowed(text: str, category: str, verdict: Verdict) -> None:
    assert [(finding.category, finding.verdict) for finding in findings(TOPICS, text)] == [(category, verdict)]


@pytest.mark.parametrize(
    "text",
    [
        "Guten Morgen, heute sprechen wir über das Wetter und die neue Brücke am Fluss.",
        "Bonjour, nous parlons de la météo et du nouveau pont sur la rivière dans une minute.",
        "Доброе утро, сегодня мы говорим о погоде.",
        "おはようございます。今日は天気について話します。",
    ],
)
def test_another_language_under_an_english_label_is_held(text: str) -> None:
    assert {finding.verdict for finding in findings(LANGUAGE, text)} == {Verdict.REVIEW}


def test_a_declared_language_that_no_rule_knows_is_held_as_a_whole() -> None:
    manuscript = spoken("Good morning.", language="de-CH")
    (finding,) = findings(LANGUAGE, manuscript)
    assert (finding.verdict, finding.span.start, finding.span.end) == (Verdict.REVIEW, 0, len(manuscript.text))


@pytest.mark.parametrize(
    "text",
    ["The word мир means peace in Russian.", "They ate crème brûlée at the Café de la Paix.", "Yоu idіot.", "🎉🎉🎉"],
)
def test_a_foreign_word_in_an_english_sentence_passes(text: str) -> None:
    assert findings(LANGUAGE, text) == []
