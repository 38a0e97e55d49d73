"""`assay golden` from the command line, with the policy in force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.cli.terminal import Exit

TICKETS = """---
title: Tickets
show: Harbour News
voices:
  ANNA: hibari-heart
---
ANNA: Call Anna Example at +49 30 1234567 for tickets.
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def test_item_is_added_listed_and_retired(tmp_path: Path) -> None:
    assert run("keygen").exit_code == Exit.DONE
    key = json.loads(run("apikey", "create", "--role", "submitter", "--name", "newsroom", "--json").stdout)["key"]
    (tmp_path / "tickets.md").write_text(TICKETS)
    options = ("--key", key.split("_")[1], "--expect", "request_changes", "--because", "It names a private number.")
    added = run("golden", "add", "tickets.md", *options)
    assert added.exit_code == Exit.DONE, added.output
    golden_id = added.stdout.strip().splitlines()[-1]
    (listed,) = json.loads(run("golden", "list", "--json").stdout)
    assert (listed["id"], listed["title"], listed["shown"]) == (golden_id, "Tickets", 0)
    assert golden_id in run("golden", "list").stdout
    assert "is retired" in run("golden", "retire", golden_id).stdout
    assert json.loads(run("golden", "list", "--json").stdout)[0]["retired_at"]
    assert run("golden", "retire", "gold_none").exit_code == Exit.FAILED
