"""Screening as a whole: strictest verdict, complete or an error, and everything recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from policies import screen
from policies.assemble import Models, build_rules
from policies.decision import Finding, Span, Verdict
from policies.errors import InvalidPolicyError, ModelUnavailableError, ScreeningError
from policies.policy import DEFAULT_PACK, Policy
from policies.rule_settings import RuleSettings
from policies.screen import MAX_CHARACTERS, Screener
from policies.text import Manuscript, Turn
from policies.views import Views
from tests.manuscripts import spoken

POLICY = Policy.load(DEFAULT_PACK)


class Fixed:
    """A rule that always finds the same."""

    def __init__(self, name: str, *verdicts: Verdict, models: tuple[tuple[str, str], ...] = ()) -> None:
        self.id = name
        self.categories: tuple[str, ...] = (f"{name}-category",)
        self.models = models
        self._verdicts: Sequence[Verdict] = verdicts

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        return [
            Finding(self.id, self.categories[0], verdict, Span(0, len(manuscript.text)), 1.0, "fixed")
            for verdict in self._verdicts
        ]


class Broken(Fixed):
    """A rule that cannot run."""

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        raise MemoryError("a detail with the script's text")


def test_the_strictest_finding_decides_and_comes_first() -> None:
    rules = (Fixed("a", Verdict.ALLOW, Verdict.REVIEW), Fixed("b", Verdict.BLOCK), Fixed("c"))
    decision = Screener(policy=POLICY, rules=rules).screen(spoken("Hello there."))
    assert decision.verdict is Verdict.BLOCK
    assert [finding.verdict for finding in decision.findings] == [Verdict.BLOCK, Verdict.REVIEW, Verdict.ALLOW]


def test_nothing_found_is_allowed() -> None:
    assert Screener(policy=POLICY, rules=(Fixed("a"),)).screen(spoken("Hello.")).verdict is Verdict.ALLOW


def test_one_broken_rule_stops_the_screening_and_is_named_without_the_text() -> None:
    screener = Screener(policy=POLICY, rules=(Fixed("good", Verdict.ALLOW), Broken("bad")))
    with pytest.raises(ScreeningError, match="rule 'bad' could not run") as caught:
        screener.screen(spoken("Hello."))
    assert "script's text" not in str(caught.value)


@pytest.mark.parametrize(
    ("span", "score"),
    [(Span(-1, 2), 1.0), (Span(3, 2), 1.0), (Span(0, 99), 1.0), (Span(0, 1), math.nan), (Span(0, 1), 1.1)],
)
def test_a_rule_that_points_nowhere_or_scores_nonsense_is_not_believed(span: Span, score: float) -> None:
    class Confused(Fixed):
        def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
            return [Finding(self.id, self.categories[0], Verdict.ALLOW, span, score, "confused")]

    with pytest.raises(ScreeningError, match="rule 'confused' could not run"):
        Screener(policy=POLICY, rules=(Confused("confused"),)).screen(spoken("Hello."))


def test_a_text_that_cannot_be_read_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RecursionError("with the script's text")

    monkeypatch.setattr(screen, "build_views", broken)
    with pytest.raises(ScreeningError, match=r"could not be read \(RecursionError\)") as caught:
        Screener(policy=POLICY, rules=(Fixed("a"),)).screen(spoken("Hello."))
    assert "script's text" not in str(caught.value)


def test_no_rules_is_an_error() -> None:
    with pytest.raises(InvalidPolicyError, match="no rules"):
        Screener(policy=POLICY, rules=())


def test_two_rules_of_one_name_are_an_error() -> None:
    with pytest.raises(InvalidPolicyError, match="same id"):
        Screener(policy=POLICY, rules=(Fixed("a"), Fixed("a")))


def test_the_decision_records_what_made_it() -> None:
    rules = (Fixed("b", models=(("z", "sha256:2"), ("y", "sha256:1"))), Fixed("a", models=(("y", "sha256:1"),)))
    manuscript = spoken("Hello.")
    decision = Screener(policy=POLICY, rules=rules).screen(manuscript)
    assert decision.models == (("y", "sha256:1"), ("z", "sha256:2"))
    assert (decision.policy_digest, decision.script_digest) == (POLICY.digest, manuscript.digest)
    coverage = dict(decision.coverage)
    assert coverage["a-category"] == "evaluated"
    assert coverage["defamation"] == "not_evaluated"
    assert list(coverage) == sorted(coverage)


@pytest.mark.parametrize(
    ("manuscript", "told"),
    [
        (spoken("a" * (MAX_CHARACTERS + 1)), "split it into episodes"),
        (Manuscript("short", "en", (Turn("A", 0, 99),)), "read wrongly"),
        (Manuscript("short", "en", (Turn("A", -1, 2),)), "read wrongly"),
        (Manuscript("half \ud800 pair", "en", ()), "surrogate"),
    ],
    ids=["too long", "turn past the end", "turn before the start", "lone surrogate"],
)
def test_a_manuscript_that_cannot_be_judged_is_an_error(manuscript: Manuscript, told: str) -> None:
    with pytest.raises(ScreeningError, match=told):
        Screener(policy=POLICY, rules=(Fixed("a"),)).screen(manuscript)


def test_a_rule_is_never_left_out_because_its_model_is_missing() -> None:
    with pytest.raises(InvalidPolicyError, match="no toxicity model"):
        build_rules(POLICY, models=Models())


class FewClasses:
    models = (("small", "sha256:0"),)
    classes = ("toxicity",)

    def score(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return [{"toxicity": 0.0} for _ in texts]


def test_a_model_without_the_policys_classes_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="has no class"):
        build_rules(POLICY, models=Models(toxicity=FewClasses()))


LENGTH = 60_000
HOSTILE = {
    "one word": "a" * LENGTH,
    "one threat": "kill " * (LENGTH // 5),
    "emoji": "😀" * LENGTH,
    "open brackets": "[" * LENGTH,
    "empty pairs": "[]" * (LENGTH // 2),
    "open tags": "<" * LENGTH,
    "spelled out": "k i " * (LENGTH // 4),
    "dotted": "k." * (LENGTH // 2),
    "quotes": '"' * LENGTH,
    "open quotes": "“a " * (LENGTH // 3),
    "digits": "1 " * (LENGTH // 2),
    "addresses": "a.b@c." * (LENGTH // 6),
    "stacked marks": "a" + "\u0301" * LENGTH,
    "look-alikes": "кі" * (LENGTH // 2),
    "disguises": "1l|!" * (LENGTH // 4),
    "masks": "*" * LENGTH,
    "line breaks": "\n" * LENGTH,
    "tag characters": "\U000e0061" * LENGTH,
    "directions": "\u202e" * LENGTH,
    "streets": "lives 1 Aa " * (LENGTH // 11),
    "accounts": "AA11 AAAA " * (LENGTH // 10),
}


@pytest.fixture(scope="module")
def without_models() -> Screener:
    rules = []
    for name, settings in POLICY.rules:
        alone = replace(POLICY, rules=RuleSettings.model_construct(**{name: settings}))
        with suppress(InvalidPolicyError):  # it needs a model, and is tried where the models are
            rules += build_rules(alone, models=Models())
    assert len(rules) >= 5
    return Screener(policy=POLICY, rules=rules)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_longer_than_an_honest_one(without_models: Screener, name: str) -> None:
    """Every rule that needs no model, in processor time: quadratic work on so much text takes minutes."""
    began = time.process_time()
    without_models.screen(spoken(HOSTILE[name]))
    assert time.process_time() - began < 10.0
