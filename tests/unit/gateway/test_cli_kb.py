"""`assay policy kb`: what an operator sees when fact-checks come and go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import gateway.app
from gateway.cli import main
from gateway.cli.terminal import Exit
from policies.policy import DEFAULT_PACK, Policy
from policies.vectors import VectorCache
from tests.claim_samples import WordEncoder, claim_review


@pytest.fixture(autouse=True)
def word_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compare by shared words: the encoder has tests of its own."""

    def build(
        settings: object, *, progress: Callable[[int, int], None] | None = None
    ) -> tuple[WordEncoder, VectorCache]:
        return WordEncoder(), VectorCache(folder=tmp_path / "vectors", progress=progress)

    monkeypatch.setattr(gateway.app, "build_claim_encoder", build)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return shutil.copytree(DEFAULT_PACK, tmp_path / "pack")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    items = [
        claim_review("The Springfield bridge is made of sugar."),
        claim_review("The Springfield bridge was sold.", url="javascript:1"),
        {"@type": "MediaReview"},
    ]
    path = tmp_path / "feed.json"
    path.write_text(json.dumps({"@graph": items}))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", "kb", *map(str, arguments)], catch_exceptions=False)


def test_import_search_show_export_and_remove(pack: Path, feed: Path, tmp_path: Path) -> None:
    before = Policy.load(pack)
    result = run("import", feed, "--pack", pack)
    assert result.exit_code == Exit.DONE
    assert "left out: unsafe_address" in result.stdout
    assert "media_review: feed.json, item 3" in result.stdout
    after = Policy.load(pack)
    assert after.digest in result.stdout
    assert len(after.knowledge.records) == len(before.knowledge.records) + 1
    assert (tmp_path / "vectors").is_dir()

    hits = json.loads(run("search", "Is the Springfield bridge made of sugar?", "--pack", pack, "--json").stdout)
    identifier = hits[0]["id"]
    assert hits[0]["claim"] == "The Springfield bridge is made of sugar."
    assert identifier in run("list", "--pack", pack, "--json").stdout
    assert json.loads(run("show", identifier, "--pack", pack).stdout)["source"]["name"] == "feed.json"

    assert run("export", "--pack", pack, "--output", tmp_path / "out.json").exit_code == Exit.DONE
    other = shutil.copytree(DEFAULT_PACK, tmp_path / "other")
    assert run("import", tmp_path / "out.json", "--pack", other, "--replace").exit_code == Exit.DONE
    assert Policy.load(other).digest == after.digest

    assert run("remove", identifier, "--pack", pack).exit_code == Exit.DONE
    assert Policy.load(pack).knowledge == before.knowledge


def test_a_dry_run_tells_the_same_and_changes_nothing(pack: Path, feed: Path) -> None:
    before = Policy.load(pack).digest
    document = json.loads(run("import", feed, "--pack", pack, "--dry-run", "--json").stdout)
    assert (document["read"], document["new"], document["digest"]) == (3, 1, before)
    assert Policy.load(pack).digest == before


def test_one_unreadable_file_leaves_the_pack_as_it_was(pack: Path, feed: Path, tmp_path: Path) -> None:
    before = Policy.load(pack).digest
    (tmp_path / "broken.json").write_text('{"claims": [')
    result = run("import", feed, tmp_path / "broken.json", "--pack", pack)
    assert result.exit_code == Exit.FAILED
    assert "broken.json: is not valid JSON" in result.stderr
    assert Policy.load(pack).digest == before


def test_an_import_of_which_nothing_is_usable_fails(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")
    assert run("import", tmp_path / "empty.json", "--pack", pack).exit_code == Exit.FAILED


def test_the_pack_that_ships_is_refused_with_the_way_out(feed: Path, tmp_path: Path) -> None:
    result = run("import", feed)
    assert result.exit_code == Exit.FAILED
    assert "assay policy copy" in result.stderr
    CliRunner().invoke(main, ["policy", "copy", str(tmp_path / "mine")], catch_exceptions=False)
    assert run("import", feed, "--pack", tmp_path / "mine").exit_code == Exit.DONE


def test_text_of_a_claim_cannot_draw_on_the_terminal(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_text(json.dumps(claim_review("The [red]bridge[/red] is \x1b[31msugar")))
    run("import", tmp_path / "feed.json", "--pack", pack)
    output = run("list", "--pack", pack).stdout
    assert "\x1b" not in output
    assert "[red]" in output


def test_removing_an_unknown_claim_removes_none(pack: Path) -> None:
    before = Policy.load(pack)
    known = before.knowledge.records[0].id
    result = run("remove", known, "no-such-claim", "--pack", pack)
    assert result.exit_code == Exit.FAILED
    assert "no-such-claim" in result.stderr
    assert Policy.load(pack).digest == before.digest


def test_check_names_contradictions_and_every_broken_record(pack: Path, tmp_path: Path) -> None:
    opposite = claim_review("Vaccines cause autism.", reviewRating={"alternateName": "True"})
    (tmp_path / "feed.json").write_text(json.dumps(opposite))
    run("import", tmp_path / "feed.json", "--pack", pack)
    result = run("check", "--pack", pack)
    assert result.exit_code == Exit.FAILED
    assert "contradiction: vaccines-autism" in result.stdout

    claims = json.loads((pack / "claims.json").read_text())
    claims[3]["harm"], claims[5]["topic"] = "enormous", "gossip"
    (pack / "claims.json").write_text(json.dumps(claims))
    result = run("check", "--pack", pack, "--json")
    assert result.exit_code == Exit.FAILED
    assert len(json.loads(result.stdout)["broken"]) == 2


def test_the_knowledge_base_that_ships_has_no_faults() -> None:
    result = run("check", "--without-encoder")
    assert result.exit_code == Exit.DONE
    assert "nothing that has to be changed" in result.stdout
