"""Personal data in figures, in words and in disguise is held; numbers that identify nobody pass."""

from __future__ import annotations

import time
from typing import get_args

import pytest
from pydantic import ValidationError

from policies.decision import Finding, Verdict
from policies.errors import InvalidPolicyError
from policies.rule_settings import Datum, PersonalDataRule
from policies.rules.personal_data import PersonalData
from policies.views import build_views
from tests.manuscripts import spoken

KINDS = get_args(Datum)
RULE = PersonalData(settings=PersonalDataRule(kinds=KINDS))


def found(text: str, rule: PersonalData = RULE) -> list[Finding]:
    manuscript = spoken(text)
    return rule.check(manuscript, build_views(manuscript))


def kinds(text: str, rule: PersonalData = RULE) -> set[str]:
    return {finding.category for finding in found(text, rule)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # e-mail
        ("Write to jane.miller@gmail.com today.", "email"),
        ("That is john dot smith at example dot com.", "email"),
        ("It is jane miller at gmail dot com, she says.", "email"),
        ("Email me at bob at smithfamily dot co dot uk.", "email"),
        ("It is john underscore doe ninety nine at proton dot me.", "email"),
        ("Send it to j.smith (at) example (dot) org.", "email"),
        ("Send it to j.smith [at] example.org now.", "email"),
        ("Write to ｊａｎｅ＠gmail.com today.", "email"),
        # telephone
        ("Call +44 7911 123456 now.", "phone"),
        ("Call (212) 555-7788 now.", "phone"),
        ("Call 020 7946 0123 now.", "phone"),
        ("You can reach her on 07911 123456 after six.", "phone"),
        ("Rufen Sie an: 030 23125 200.", "phone"),
        ("Appelez le 01 42 68 53 00.", "phone"),
        ("His cell is 4155552671.", "phone"),
        ("My number is five five five, oh one two three.", "phone"),
        ("My number is five five five, oh one two three, nine eight seven six.", "phone"),
        ("Ring me on oh seven nine double one, one two three, four five six.", "phone"),
        ("Text her: four one five, five five five, twenty-six seventy-one.", "phone"),
        ("Here it comes: plus four four seven nine one one one two three four five six.", "phone"),
        ("My number is five five five... oh one two three.", "phone"),
        ("My number is five five five. Oh one two. Three nine eight.", "phone"),
        ("My number is 5 5 5 0 1 2 3 9 8 7.", "phone"),
        ("My number is ５５５-０１２３.", "phone"),
        # accounts
        ("Her card is 4539 1488 0343 6467.", "payment_card"),
        ("Her card is 4539-1488-0343-6467.", "payment_card"),
        (
            "It reads four five three nine, one four eight eight, zero three four three, six four six seven.",
            "payment_card",
        ),
        ("It reads 4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7.", "payment_card"),
        ("Pay to DE89 3704 0044 0532 0130 00 please.", "iban"),
        ("Pay to GB82WEST12345698765432 please.", "iban"),
        ("My account number is 31926819 and the sort code is 60-16-13.", "bank_account"),
        ("Send coins to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa.", "crypto_wallet"),
        ("Send coins to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq.", "crypto_wallet"),
        ("Send it to 0x52908400098527886E0F7030069857D2E4169EE7.", "crypto_wallet"),
        ("The token is ghp_0123456789abcdefghijklmnopqrstuvwxyz.", "secret"),
        ("Use AKIAIOSFODNN7EXAMPLE for it.", "secret"),
        ("My password is hunter2!x, do not tell.", "secret"),
        # identity
        ("His number is 536-90-4399.", "national_id"),
        ("Her social security number is five three six, nine zero, four three nine nine.", "national_id"),
        ("Her number is AB 12 34 56 C.", "national_id"),
        ("My NHS number is 943 476 5919.", "national_id"),
        ("Meine Steuer-ID ist 86095742719.", "national_id"),
        ("Son numéro est 1 84 12 76 451 089 46.", "national_id"),
        ("Su DNI es 12345678Z.", "national_id"),
        ("Il codice è RSSMRA85T10A562S.", "national_id"),
        ("His Aadhaar is 2341 2341 2346.", "national_id"),
        ("O CPF dele é 529.982.247-25.", "national_id"),
        ("Her passport number is 533401372.", "passport"),
        ("His driver's licence number is D1234562.", "passport"),
        ("Look out for his car, the licence plate is BD51 SMR.", "licence_plate"),
        ("Her date of birth is 3 May 1984.", "date_of_birth"),
        ("DOB: 1984-05-03.", "date_of_birth"),
        ("I was born on May 3rd, 1984.", "date_of_birth"),
        # places
        ("She lives at 14 Willow Lane with a cat.", "street_address"),
        ("He lives at fourteen Willow Lane now.", "street_address"),
        ("It is 4721 Maple Street, Springfield, IL 62704.", "street_address"),
        ("Er wohnt in der Lindenstraße 12, 10969 Berlin.", "street_address"),
        ("Anna Miller, SW4 9PQ, is the one.", "postcode"),
        ("The house stands at 51.50735, -0.12776.", "location"),
        # health
        ("My neighbour Karen has bipolar disorder.", "medical"),
        ("Peter Walsh is being treated for depression.", "medical"),
        ("I have seen the test results of Laura Benson.", "medical"),
    ],
)
def test_personal_data_is_held_for_a_person(text: str, kind: str) -> None:
    assert [(finding.category, finding.verdict) for finding in found(text) if finding.category == kind]
    assert kinds(text) == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "From 1939-1945, about 1 200 000 people moved, and 3,450,000 stayed.",
        "The index closed at 7412.55 after 1999-2000-2001.",
        "The number 4539 1488 0343 6468 has a wrong check digit.",
        "DE89 3704 0044 0532 0130 01 has a wrong check digit.",
        "Version 1.2.3.4567 and 999.1.1.1 and 192.168.0.1 are not public addresses.",
        "At 10 20 30 the bell rang, and 2026-11-22 was a Sunday.",
        "The museum on Willow Lane opens at 14.",
        "Call 0800 123 4567 or 1-800-273-8255 if you need help.",
        "If you are in danger call 112, 911 or 999; in the United States call or text 988.",
        "The Samaritans answer day and night on 116 123, Lifeline on 13 11 14.",
        "The book is ISBN 978-0-306-40615-7, or 0-306-40615-2 in the old form.",
        "He read John 3:16, then Genesis 1:1-31 and Psalm 119:105.",
        "They won 3-2, 6-4 and 7-6, after 21-19, 21-17.",
        "It cost $1,234,567.89, or 1 234 567,89 euros, up 12.5 per cent.",
        "Pi is three point one four one five nine two six five three five eight nine.",
        "Ten, nine, eight, seven, six, five, four, three, two, one, lift off!",
        "One two three four five six seven eight nine ten, ready or not.",
        "They won 6-4, 7-5. Ten, nine, eight, seven, six, five, four, three, two, one, lift off!",
        "The lottery numbers are four, eight, fifteen, sixteen, twenty three and forty two.",
        "In nineteen eighty four five hundred and six thousand people saw it.",
        "The population is 8804190 and the area 302.6 square miles.",
        "We bought it at amazon dot com, and met at noon.",
        "Look at example dot com for more.",
        "He sat at home, dot by dot, com or no com.",
        "Flight BA 2490 leaves at 14:35 from gate 22.",
        "Order number 4471-220-9981 was shipped.",
        "The prime minister works at 10 Downing Street in London.",
        "The shop at 221 King Street sells bread.",
        "Einstein was born on 14 March 1879 in Ulm.",
        "The code was CO2 and H2O, and the MP3 player of 2001.",
        "Cancer is a disease. Diabetes has many causes, and Depression Awareness Week has begun.",
        "My password is too long, and the PIN is always four digits.",
        "Highway 61 and Route 66 meet near Memphis.",
        "The Battle of Hastings, 14 October 1066, changed England.",
        "London lies at 51.5 N and 0.1 W.",
        "Invoice 20261122-0007 of 22.11.2026 was paid.",
        "About 536 90 4399 people were asked, in three groups.",
        "A car drove 120 km in 2 hours, its plates were dirty.",
        "The meeting is at ten at the dot on the map.",
        "The passport office opens at 9 and has served 4400 people since 2019.",
        "Our new album, 1989, has 13 tracks; 24601 is a number from a musical.",
        "He scored 501 at darts: one hundred and eighty, one hundred and forty, then one eighty one.",
    ],
)  # fmt: skip
def test_numbers_that_identify_nobody_pass(text: str) -> None:
    assert [(finding.category, text[finding.span.start : finding.span.end]) for finding in found(text)] == []


def test_a_spelled_out_number_is_marked_from_its_first_word_to_its_last() -> None:
    text = "Well, my number is five five five, oh one two three, call me."
    (finding,) = found(text)
    assert text[finding.span.start : finding.span.end] == "five five five, oh one two three"
    assert finding.view == "spoken"


def test_the_explanation_never_repeats_the_datum() -> None:
    for text in ("Write to jane.miller@gmail.com.", "Call +44 7911 123456.", "Her card is 4539 1488 0343 6467."):
        (finding,) = found(text)
        assert text[finding.span.start : finding.span.end].strip(".") not in finding.explanation
        assert not any(character.isdigit() for character in finding.explanation)


def test_what_the_show_publishes_of_itself_is_allowed_in_every_form() -> None:
    rule = PersonalData(settings=PersonalDataRule(kinds=KINDS, allow=("Hello@Show.example", "+44 20 7946 0018")))
    for text in (
        "Write to hello@show.example.",
        "Email us: hello at show dot example.",
        "Call 020 7946 0018.",
        "Our number is oh two oh, seven nine four six, double oh one eight.",
    ):
        assert kinds(text), text
        assert kinds(text, rule) == set(), text
    assert kinds("Write to other@show.example or call 020 7946 0019.", rule) == {"email", "phone"}


def test_two_data_in_one_sentence_are_two_findings() -> None:
    text = "Reach her on 07911 123456 or at jane@example.org, card 4539 1488 0343 6467."
    assert sorted(finding.category for finding in found(text)) == ["email", "payment_card", "phone"]


def test_kinds_that_the_policy_does_not_list_are_not_looked_for() -> None:
    only_cards = PersonalData(settings=PersonalDataRule(kinds=("payment_card",)))
    assert kinds("Write to jane@gmail.com or call +44 7911 123456.", only_cards) == set()


def test_the_policy_decides_that_personal_data_blocks() -> None:
    rule = PersonalData(settings=PersonalDataRule(kinds=KINDS, verdict=Verdict.BLOCK))
    assert [finding.verdict for finding in found("Call +44 7911 123456.", rule)] == [Verdict.BLOCK]


def test_an_unknown_region_or_an_empty_allowance_refuses_the_policy() -> None:
    with pytest.raises(InvalidPolicyError, match="ZZ"):
        PersonalData(settings=PersonalDataRule(kinds=KINDS, phone_regions=("ZZ",)))
    with pytest.raises(ValidationError, match="allow"):
        PersonalDataRule(kinds=KINDS, allow=("",))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "1" * 1_000_000,
        "1 " * 500_000,
        "1-" * 500_000,
        "a@" * 500_000,
        "a.b@c." * 160_000,
        "five " * 200_000,
        "a at b dot " * 90_000,
        "A " * 500_000,
        "AB12 " * 200_000,
        "0x" + "a" * 1_000_000,
        ":" * 1_000_000,
        "1:" * 500_000,
        "14 Willow " * 100_000,
        "password is " * 80_000,
        "(((" * 300_000,
        "\u0665" * 100_000,
    ],
    ids=lambda text: repr(text[:10]),
)  # fmt: skip
def test_hostile_text_costs_linear_time(text: str) -> None:
    from policies.personal.spoken import read_numbers
    from policies.views import ORIGINAL, View

    small = text[: len(text) // 10]
    started = time.perf_counter()
    for _, find in (*RULE._recognisers, *RULE._by_voice):  # the views have their own tests
        for datum in find(small):
            assert 0 <= datum.start < datum.end <= len(small)
    read_numbers(View(ORIGINAL, small, range(len(small))))
    assert time.perf_counter() - started < 3.0


def test_twenty_thousand_addresses_are_found_in_linear_time() -> None:
    manuscript = spoken("a@b.com " * 20_000)
    views = build_views(manuscript)
    started = time.perf_counter()
    assert len(RULE.check(manuscript, views)) == 20_000
    assert time.perf_counter() - started < 10.0
