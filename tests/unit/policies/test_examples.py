"""A pack's examples: read, run, and honest about what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.assemble import Models, build_screener
from policies.decision import Verdict
from policies.errors import ScreeningError
from policies.examples import Purpose, try_examples
from policies.policy import DEFAULT_PACK, Policy
from policies.screen import Screener
from policies.text import Manuscript, Turn
from tests.packs import EXAMPLES, write_pack


def screener_of(folder: Path) -> Screener:
    return build_screener(Policy.load(folder), models=Models())


def test_an_example_of_turns_is_spoken_by_two(tmp_path: Path) -> None:
    examples = EXAMPLES + '\n[[must_pass]]\nname = "two: answer"\nturns = ["Is it dry?", "It is."]\nlanguage = "de"\n'
    policy = Policy.load(write_pack(tmp_path / "pack", examples=examples))
    (example,) = [one for one in policy.examples if one.group == "two"]
    assert example.manuscript == Manuscript(
        "FIRST: Is it dry?\n\nSECOND: It is.\n\n", "de", (Turn("FIRST", 7, 17), Turn("SECOND", 27, 33))
    )
    assert [example.manuscript.text[turn.start : turn.end] for turn in example.manuscript.turns] == [
        "Is it dry?",
        "It is.",
    ]


def test_expectations_follow_from_the_purpose(tmp_path: Path) -> None:
    policy = Policy.load(write_pack(tmp_path / "pack", ('expect = ["block"]\n', "")))
    assert {one.purpose: one.expect for one in policy.examples} == {
        Purpose.PASS: (Verdict.ALLOW,),
        Purpose.CATCH: (Verdict.REVIEW, Verdict.BLOCK),
    }


def test_examples_that_hold_pass(tmp_path: Path) -> None:
    screener = screener_of(write_pack(tmp_path / "pack"))
    assert [trial.passed for trial in try_examples(screener, screener.policy.examples)] == [True, True]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("You scoundrel.", "You are kind.", "got allow, expected block"),
        ("It stays dry", "Blimey, it stays dry", "got review, expected allow"),
        ('category = "slur"', 'category = "email"', "got block, but no finding of category email"),
    ],
)
def test_an_example_that_does_not_hold_says_why(tmp_path: Path, old: str, new: str, problem: str) -> None:
    screener = screener_of(write_pack(tmp_path / "pack", (old, new)))
    failed = [trial for trial in try_examples(screener, screener.policy.examples) if not trial.passed]
    assert [trial.problem for trial in failed] == [problem]


def test_an_example_that_cannot_be_screened_fails_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screener = screener_of(write_pack(tmp_path / "pack"))
    screen = Screener.screen

    def breaking(self: Screener, manuscript: Manuscript) -> object:
        if "dry" in manuscript.text:
            raise ScreeningError("rule 'lexicon' could not run")
        return screen(self, manuscript)

    monkeypatch.setattr(Screener, "screen", breaking)
    first, second = try_examples(screener, screener.policy.examples)
    assert first.problem.startswith("could not be screened: rule 'lexicon'")
    assert first.decision is None
    assert second.passed


def test_the_default_pack_has_both_kinds_of_examples_in_named_groups() -> None:
    examples = Policy.load(DEFAULT_PACK).examples
    assert len([one for one in examples if one.purpose is Purpose.PASS]) >= 90
    assert len([one for one in examples if one.purpose is Purpose.CATCH]) >= 90
    assert {one.group for one in examples} >= {"debunk", "asserted", "abuse", "evasion", "personal", "neutral"}
