"""The default pack does what its own examples ask, with the real models, and is fit to be in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from policies.adapters.detoxify import DetoxifyModel
from policies.adapters.minilm import MiniLmEncoder
from policies.adapters.packaged_encoder import PackagedEncoder
from policies.assemble import Models, build_screener
from policies.examples import Example, try_examples
from policies.pack_checks import missing_for_live
from policies.policy import DEFAULT_PACK, Policy
from policies.screen import Screener

POLICY = Policy.load(DEFAULT_PACK)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def screener(tmp_path_factory: pytest.TempPathFactory) -> Screener:
    packaged = PackagedEncoder()
    toxicity = DetoxifyModel.packaged(packaged=packaged, scratch=tmp_path_factory.mktemp("models"))
    return build_screener(POLICY, models=Models(toxicity=toxicity, encoder=MiniLmEncoder(packaged=packaged)))


@pytest.mark.parametrize("example", POLICY.examples, ids=lambda example: example.name)
def test_the_default_pack_does_what_its_example_asks(screener: Screener, example: Example) -> None:
    (trial,) = try_examples(screener, [example])
    findings = trial.decision.findings if trial.decision else ()
    assert {one.category for one in findings} <= {name for name, how in screener.coverage if how == "evaluated"}
    assert trial.passed, (trial.problem, [(one.rule, one.category, one.score) for one in findings])


def test_the_default_pack_lacks_nothing_for_being_in_force(screener: Screener) -> None:
    assert missing_for_live(POLICY, screener.rules) == []


def test_reviewers_are_told_what_the_finding_is_about(screener: Screener) -> None:
    (example,) = [one for one in POLICY.examples if one.name == "abuse: threat"]
    decision = screener.screen(example.manuscript)
    (guidance,) = [one for one in decision.guidance if "threat" in one.categories]
    assert guidance.refuse
    found = {finding.category for finding in decision.findings}
    assert all(found & set(one.categories) for one in decision.guidance)
