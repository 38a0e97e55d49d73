"""Settings of a rule for one language: they override single keys, and everything else is inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from policies.assemble import Models, build_screener
from policies.decision import Verdict
from policies.errors import InvalidPolicyError
from policies.policy import Policy
from policies.rule_settings import ToxicityRule
from policies.text import primary_language
from tests.manuscripts import spoken
from tests.packs import EXAMPLES, GUIDANCE, HEAD, write_pack

TOXICITY = """
[rules.toxicity.review]
insult = 0.5
threat = 0.4
[rules.toxicity.block]
insult = 0.9
[rules.toxicity.languages.de.review]
insult = 0.7
"""


class HalfSure:
    """Finds an insult in everything, with a score of 0.6."""

    models = (("half-sure", "sha256:0"),)
    classes = ("insult", "threat")
    languages = ("en", "de")

    def __init__(self) -> None:
        self.calls = 0

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.calls += 1
        return [{"insult": 0.6, "threat": 0.0} for _ in texts]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    guidance = GUIDANCE.replace('"slur"', '"slur", "insult", "threat"')
    return write_pack(tmp_path / "pack", head=HEAD + TOXICITY, guidance=guidance, examples=EXAMPLES)


@pytest.mark.parametrize(
    ("language", "verdict"),
    [
        ("en", Verdict.REVIEW),
        ("de", Verdict.ALLOW),
        ("de-AT", Verdict.ALLOW),
        ("DE_ch", Verdict.ALLOW),
        ("fr", Verdict.REVIEW),
    ],
)
def test_a_script_is_judged_by_the_thresholds_of_its_language(pack: Path, language: str, verdict: Verdict) -> None:
    screener = build_screener(Policy.load(pack), models=Models(toxicity=HalfSure()))
    assert screener.screen(spoken("Guten Morgen.", language=language)).verdict is verdict


def test_what_is_not_overridden_is_inherited(pack: Path) -> None:
    rule = Policy.load(pack).rules.toxicity
    assert rule is not None
    german = rule.in_language("de")
    assert german.review == {"insult": 0.7, "threat": 0.4}
    assert german.block == {"insult": 0.9}
    assert rule.in_language("en") is rule


def test_rules_without_settings_for_the_language_are_shared_not_built_again(pack: Path) -> None:
    policy = Policy.load(pack)
    german = policy.in_language("de")
    assert german is not None
    assert [name for name, rule in german.rules if rule is not None] == ["toxicity"]
    assert policy.in_language("en") is None


def test_overrides_that_contradict_what_they_inherit_are_refused_with_their_line(pack: Path) -> None:
    file = pack / "policy.toml"
    file.write_text(file.read_text().replace("insult = 0.7", "insult = 0.95"))
    with pytest.raises(InvalidPolicyError, match=r"line 23: rules\.toxicity\.languages\.de: review\.insult is above"):
        Policy.load(pack)


def test_an_example_may_expect_what_only_one_language_can_give(tmp_path: Path) -> None:
    head = HEAD + '[rules.lexicon.languages.de]\nevasion = "block"\n'
    examples = '[[must_catch]]\nname = "de"\ntext = "Bl1mey."\nlanguage = "de"\nexpect = ["block"]\n'
    lexicon = "term,category,verdict\nblimey,slur,review\nblimey,profanity,review\n"
    policy = Policy.load(write_pack(tmp_path / "other", head=head, examples=examples, lexicon=lexicon))
    screener = build_screener(policy, models=Models())
    verdicts = [screener.screen(spoken("Bl1mey.", language=language)).verdict for language in ("en", "de")]
    assert verdicts == [Verdict.REVIEW, Verdict.BLOCK]


def test_an_override_counts_for_the_digest(pack: Path) -> None:
    before = Policy.load(pack).digest
    file = pack / "policy.toml"
    file.write_text(file.read_text().replace("insult = 0.7", "insult = 0.71"))
    assert Policy.load(pack).digest != before


def test_an_override_of_the_wrong_kind_is_refused() -> None:
    rule = ToxicityRule(review={"insult": 0.5}, languages={"de": {"review": 0.5}})
    with pytest.raises(ValidationError):
        rule.in_language("de")


@pytest.mark.parametrize(("tag", "language"), [("en", "en"), ("EN-gb", "en"), ("pt_BR", "pt"), ("", "")])
def test_the_language_of_a_tag(tag: str, language: str) -> None:
    assert primary_language(tag) == language
