"""`assay policy texts`: what is registered is found, and the text itself is kept nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.app import registered_texts
from gateway.cli import main
from gateway.cli.terminal import Exit
from gateway.errors import KeyMaterialError
from gateway.settings import load_settings
from policies.errors import InvalidPolicyError
from policies.rules.protected_text import ProtectedPassages
from policies.views import build_views
from tests.manuscripts import spoken

STORY = " ".join(f"the heron{number} stood beside the water{number} and waited" for number in range(12))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.txt").write_text(STORY, encoding="utf-8")
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", "texts", *arguments], catch_exceptions=False)


def add(*options: str) -> Result:
    return run("add", "story.txt", "--title", "The Heron", "--owner", "Reed Press", "--json", *options)


def test_an_added_text_is_listed_found_and_removed(home: Path) -> None:
    identifier = json.loads(add().stdout)["id"]
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["id"], listed["title"], listed["owner"]) == (identifier, "The Heron", "Reed Press")
    registry = registered_texts(load_settings())
    assert registry is not None
    manuscript = spoken(STORY)
    assert ProtectedPassages(registry=registry).check(manuscript, build_views(manuscript))
    assert run("remove", identifier).exit_code == Exit.DONE
    assert json.loads(run("list", "--json").stdout) == []


def test_neither_registry_nor_key_holds_the_text_or_is_open_to_others(home: Path) -> None:
    add()
    for path in (home / "protected-texts.ndjson", home / "keys" / "protected-texts.key"):
        assert b"stood" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_a_text_that_is_not_utf8_or_too_short_is_refused_with_a_reason(home: Path) -> None:
    Path("latin.txt").write_bytes(b"caf\xe9 " * 100)
    Path("short.txt").write_text("Only five words are here.", encoding="utf-8")
    for name, reason in (("latin.txt", "UTF-8"), ("short.txt", "never match")):
        result = run("add", name, "--title", "x", "--owner", "y")
        assert result.exit_code == Exit.FAILED
        assert reason in result.output
    assert not (home / "protected-texts.ndjson").exists()


def test_the_same_text_twice_and_an_unknown_id_are_refused(home: Path) -> None:
    assert run("remove", "nothing").exit_code == Exit.FAILED
    assert add().exit_code == Exit.DONE
    assert add().exit_code == Exit.FAILED
    assert run("remove", "nothing").exit_code == Exit.FAILED


def test_a_lost_key_or_a_damaged_registry_stops_the_process(home: Path) -> None:
    add()
    key = home / "keys" / "protected-texts.key"
    key.rename(key.with_suffix(".away"))
    with pytest.raises(KeyMaterialError):
        registered_texts(load_settings())
    key.with_suffix(".away").rename(key)
    registry = home / "protected-texts.ndjson"
    registry.write_bytes(registry.read_bytes()[:-50])
    with pytest.raises(InvalidPolicyError):
        registered_texts(load_settings())
