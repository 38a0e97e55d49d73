"""`assay policy`: what a person or a script gets from each command, with packs that need no model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.app import build_screeners, screening
from gateway.cli import main
from gateway.cli.terminal import Exit
from gateway.pipeline import Pipeline
from gateway.settings import load_settings
from policies.assemble import Models
from policies.errors import InvalidPolicyError
from tests.gateway_chain import Chain, build_chain
from tests.packs import write_pack


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(screening, "build_models", lambda settings: Models())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def pack(home: Path, tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)], catch_exceptions=False)


def document(result: Result) -> Any:
    return json.loads(result.stdout)


def a_history(home: Path, *words: str, pack: Path | None = None) -> tuple[Chain, list[str]]:
    chain = build_chain(home)
    if pack is not None:
        _, shadows = build_screeners(
            load_settings(policy=write_pack(home / "live", ("A policy", "The policy")), shadow_policies=(pack,))
        )
        chain.tools = replace(chain.tools, shadows=shadows)
        chain.pipeline = Pipeline(toolchain=chain.tools)
    ids = [chain.submit(one) for one in words]
    for episode_id in ids:
        chain.run(episode_id)
    chain.database.dispose()
    return chain, ids


def test_show_prints_rules_and_guidance(pack: Path) -> None:
    shown = run("show", pack, "--guidance")
    assert "evasion" in shown.output
    assert "Words that are not kind." in shown.output
    assert document(run("show", pack, "--json"))["category_guidance"][0]["levels"][1]["code"] == "RU3"


def test_check_of_a_usable_pack_names_its_digest(pack: Path) -> None:
    result = run("check", pack)
    assert result.exit_code == Exit.DONE
    assert "small 2026-03-01 is usable: sha256:" in result.output


def test_check_of_a_contradiction_names_file_line_and_remedy(pack: Path) -> None:
    file = pack / "policy.toml"
    file.write_text(file.read_text().replace('"defamation"', '"slur"'))
    result = run("check", pack)
    assert result.exit_code == Exit.FAILED
    assert "policy.toml: line 9: not_evaluated.0: 'slur' is judged" in result.output


def test_check_for_live_runs_the_examples_and_lists_what_is_missing(tmp_path: Path, home: Path) -> None:
    draft = write_pack(tmp_path / "draft", ('status = "live"', 'status = "draft"'), ("You scoundrel.", "You friend."))
    result = run("check", draft, "--for", "live", "--json")
    assert result.exit_code == Exit.FAILED
    status, example = document(result)["missing"]
    assert 'status is "draft"' in status
    assert example.startswith("example 'rude: name': got allow, expected block")
    right = write_pack(tmp_path / "right")
    assert "ready to be in force" in run("check", right, "--for", "live").output


def test_test_passes_or_shows_the_words_that_failed(tmp_path: Path, pack: Path) -> None:
    passed = run("test", pack)
    assert passed.exit_code == Exit.DONE
    wrong = write_pack(tmp_path / "wrong", ("It stays dry", "Blimey, it stays dry"))
    result = run("test", wrong)
    assert result.exit_code == Exit.FAILED
    assert "calm: weather  got review, expected allow" in result.output
    assert "Blimey [1], it stays dry" in result.output
    assert "[1] review profanity" in result.output
    found = document(run("test", wrong, "--json"))
    assert (found["passed"], [one["name"] for one in found["failed"]]) == (1, ["calm: weather"])


def test_test_of_one_group_runs_that_group_and_an_unknown_one_is_refused(pack: Path) -> None:
    assert document(run("test", pack, "--group", "calm", "--json"))["passed"] == 1
    result = run("test", pack, "--group", "nothing")
    assert result.exit_code == Exit.FAILED
    assert "calm, rude" in result.output


def test_replay_says_what_changes_and_its_exit_code_says_whether(home: Path, pack: Path) -> None:
    _, ids = a_history(home, "Fine.", "You scoundrel.")
    result = run("replay", pack, "--json")
    assert result.exit_code == Exit.DIFFERS
    (change,) = document(result)["changes"]
    assert (change["episode"], change["old"], change["new"]) == (ids[1], "allow", "block")
    assert [(one["category"], one["words"]) for one in change["appeared"]] == [("slur", "scoundrel")]
    shown = run("replay", pack)
    assert ids[1] in shown.output
    assert "+ block slur:" in shown.output
    assert "2 compared: 1 with the same verdict, 1 stricter" in shown.output
    assert run("replay", pack, "--against", pack).exit_code == Exit.DONE
    assert run("replay", pack, "--since", "2027-01-01").exit_code == Exit.DONE


def test_replay_of_an_installation_that_does_not_exist_fails_and_makes_no_tables(home: Path, pack: Path) -> None:
    result = run("replay", pack)
    assert result.exit_code == Exit.FAILED
    assert "migrate" in result.output


def test_shadow_compares_with_what_counted(home: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", ('status = "live"', 'status = "shadow"'))
    _, ids = a_history(home, "Fine.", "You scoundrel.", pack=pack)
    (report,) = document(run("shadow", "--json"))
    assert (report["compared"], report["stricter"], report["failed"]) == (2, 1, 0)
    shown = run("shadow", "small")
    assert shown.exit_code == Exit.DONE
    assert ids[1] in shown.output
    assert run("shadow", "unknown").exit_code == Exit.FAILED


def test_diff_lists_differences_and_its_exit_code_says_whether(tmp_path: Path, pack: Path) -> None:
    other = write_pack(tmp_path / "other", ("blimey,profanity,review", "blimey,profanity,block"))
    result = run("diff", pack, other, "--json")
    assert result.exit_code == Exit.DIFFERS
    assert document(result)["changes"] == [
        {"part": "lexicon", "name": "blimey", "old": "profanity: review", "new": "profanity: block"}
    ]
    assert "blimey" in run("diff", pack, other).output
    assert run("diff", pack, pack).exit_code == Exit.DONE


def test_copy_makes_a_draft_and_refuses_to_overwrite(home: Path, tmp_path: Path) -> None:
    made = document(run("copy", tmp_path / "mine", "--json"))
    assert (made["id"], made["status"]) == ("mine", "draft")
    assert run("copy", tmp_path / "mine").exit_code == Exit.FAILED


@pytest.mark.parametrize("status", ["draft", "shadow"])
def test_a_pack_that_is_not_live_is_never_in_force(home: Path, tmp_path: Path, status: str) -> None:
    pack = write_pack(tmp_path / "pack", ('status = "live"', f'status = "{status}"'))
    with pytest.raises(InvalidPolicyError, match="only a pack whose status is 'live' may be in force"):
        build_screeners(load_settings(policy=pack))


def test_only_packs_in_shadow_run_in_shadow_and_none_twice(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicyError, match="only a pack whose status is 'shadow' may be in shadow"):
        build_screeners(load_settings(policy=pack, shadow_policies=(pack,)))
    shadow = write_pack(tmp_path / "shadow", ('status = "live"', 'status = "shadow"'))
    with pytest.raises(InvalidPolicyError, match="named twice"):
        build_screeners(load_settings(policy=pack, shadow_policies=(shadow, shadow)))
    live, shadows = build_screeners(load_settings(policy=pack, shadow_policies=(shadow,)))
    assert [live.policy.digest] != [one.policy.digest for one in shadows]
