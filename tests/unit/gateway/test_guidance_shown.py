"""What the policy tells reviewers about a category is shown with the findings of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.api.schemas import DecisionOut
from gateway.app import screening
from gateway.cli import main
from gateway.facts import decision_document, decision_facts
from policies.assemble import Models, build_screener
from policies.policy import Policy
from tests.manuscripts import spoken
from tests.packs import write_pack


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def test_the_api_shows_it_once_for_the_categories_that_were_found(pack: Path) -> None:
    screener = build_screener(Policy.load(pack), models=Models())
    stored = json.loads(json.dumps(decision_document(screener.screen(spoken("Blimey, you scoundrel.")))))
    (guidance,) = DecisionOut.model_validate(stored).guidance
    assert (guidance.goal, [level.code for level in guidance.levels]) == ("Be kind.", ["RU0", "RU3"])
    assert decision_document(screener.screen(spoken("Good morning.")))["guidance"] == ()


def test_a_decision_that_was_stored_before_there_was_guidance_is_still_shown(pack: Path) -> None:
    screener = build_screener(Policy.load(pack), models=Models())
    stored = json.loads(json.dumps(decision_document(screener.screen(spoken("Blimey.")))))
    del stored["guidance"]
    assert DecisionOut.model_validate(stored).guidance == []


def test_guidance_is_not_written_into_the_log(pack: Path) -> None:
    decision = build_screener(Policy.load(pack), models=Models()).screen(spoken("Blimey."))
    assert "Be kind" not in json.dumps(decision_facts(decision, b"secret"))


def test_the_command_line_shows_it_on_demand(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "build_models", lambda settings: Models())
    (tmp_path / "words.txt").write_text("Blimey.")
    arguments = ["screen", str(tmp_path / "words.txt"), "--policy", str(pack)]
    assert "Be kind." not in CliRunner().invoke(main, arguments, catch_exceptions=False).output
    shown = CliRunner().invoke(main, [*arguments, "--guidance"], catch_exceptions=False)
    assert "Be kind." in shown.output
    assert "RU3 block: Abuse." in shown.output
