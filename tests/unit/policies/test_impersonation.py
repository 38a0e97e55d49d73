"""Speaking as somebody else: claims, labels, voices and calls; news, warnings and satire are no impersonation."""

from __future__ import annotations

import time

import pytest

from policies.decision import Finding, Verdict
from policies.rule_settings import ImpersonationRule
from policies.rules.impersonation import Impersonation
from policies.text import Manuscript, Turn
from policies.views import build_views
from tests.manuscripts import dialogue, spoken

RULE = Impersonation(settings=ImpersonationRule())


def found(text: str | Manuscript, rule: Impersonation = RULE) -> list[Finding]:
    manuscript = spoken(text) if isinstance(text, str) else text
    return rule.check(manuscript, build_views(manuscript))


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("This is President Marchetti. I have ordered the banks to close.", "impersonation"),
        ("I am Elon Musk and I will double your coins.", "impersonation"),
        ("Hi, I’m Taylor Swift.", "impersonation"),
        ("My name is Joe Biden and I approve this message.", "impersonation"),
        ("As your president, I ask you to stay at home.", "impersonation"),
        ("I am the Pope.", "impersonation"),
        ("In the voice of Morgan Freeman, we begin.", "impersonation"),
        ("A cloned voice of Donald Trump reads the weather.", "impersonation"),
        ("Make it sound like my boss.", "impersonation"),
        ("This is your bank calling. Please read me the six digit code.", "scam"),
        ("This is Anna from the fraud department. Your card was used. Quickly, tell me your PIN.", "scam"),
        ("I'm calling from Microsoft. Please install TeamViewer so that we can help.", "scam"),
        ("This is the tax office. Pay with gift cards or you will be arrested.", "scam"),
    ],
)
def test_a_voice_that_poses_as_somebody_is_held(text: str, category: str) -> None:
    assert {(finding.category, finding.verdict) for finding in found(text)} == {(category, Verdict.REVIEW)}


@pytest.mark.parametrize(
    "text",
    [
        "President Marchetti said today that taxes will fall.",
        "This is President Lincoln's house.",
        "This is King Street.",
        "I am a fan of Elon Musk.",
        "I am with Taylor Swift on this.",
        'He said: "I am Elon Musk."',
        "Your bank will never ask for your PIN.",
        "If someone says this is your bank calling and asks for your PIN, hang up.",
        "I work at a bank. Tell me your name.",
        "Prince Harry and Meghan moved.",
        "I am president of the chess club.",
        "We are from a small bank in Leeds. You can pay bills with our app.",
    ],
)
def test_talk_about_people_and_warnings_are_no_impersonation(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Welcome to our satire hour. I am Donald Trump and I love gold.",
        "Scammers used a cloned voice of Joe Biden, police say.",
    ],
)
def test_announced_satire_and_reports_are_noted_only(text: str) -> None:
    assert [finding.verdict for finding in found(text)] == [Verdict.ALLOW]


@pytest.mark.parametrize("label", ["DONALD TRUMP", "PRESIDENT MARCHETTI", "Taylor Swift", "TAYLOR_SWIFT"])
def test_a_part_labelled_as_a_real_person_is_held(label: str) -> None:
    words = "Good evening to all of you."
    text = f"{label}: {words}"
    manuscript = Manuscript(text, "en", (Turn(label, len(label) + 2, len(text)),))
    (finding,) = found(manuscript)
    assert text[finding.span.start : finding.span.end] == words
    assert finding.verdict is Verdict.REVIEW


def test_ordinary_labels_are_nobody() -> None:
    assert found(dialogue("Good evening.", "Good evening, Anna.")) == []


def test_a_pack_protects_its_own_people() -> None:
    rule = Impersonation(settings=ImpersonationRule(people=("Mirela Vantongeren",)))
    assert found("I am Mirela Vantongeren, and this is the news.", rule)
    assert found("I am Mirela Vantongeren, and this is the news.") == []


@pytest.mark.parametrize(
    "text", ["this is " * 15_000, "I am from the the the " * 6_000, "Pay. " * 20_000, "a" * 150_000]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    manuscript = spoken(text)
    views = build_views(manuscript)
    before = time.process_time()
    RULE.check(manuscript, views)
    assert time.process_time() - before < 6.0
