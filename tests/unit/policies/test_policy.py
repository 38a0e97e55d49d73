"""Policy packs: whole or refused, and identified by their content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from policies.errors import InvalidPolicyError
from policies.policy import DEFAULT_PACK, Policy


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_PACK, tmp_path / "pack"))


def edit(pack: Path, old: str, new: str, *, file: str = "policy.toml") -> None:
    text = (pack / file).read_text()
    assert old in text
    (pack / file).write_text(text.replace(old, new, 1))


def test_the_default_pack_loads_and_names_itself() -> None:
    policy = Policy.load(DEFAULT_PACK)
    assert (policy.id, policy.version, policy.languages) == ("default", "2026-11-25", ("en",))
    assert policy.digest.startswith("sha256:")
    assert len(policy.knowledge.records) >= 60
    assert policy.disclosures


def test_folder_and_file_name_the_same_policy(pack: Path) -> None:
    assert Policy.load(pack).digest == Policy.load(pack / "policy.toml").digest == Policy.load(DEFAULT_PACK).digest


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("policy.toml", "candidate = 0.65", "candidate = 0.66"),
        ("lexicon.csv", "\n", "\nzounds,profanity,allow\n"),
        ("claims.json", "Vaccines cause autism.", "Vaccines make children autistic."),
    ],
)
def test_any_change_of_content_changes_the_digest(pack: Path, file: str, old: str, new: str) -> None:
    edit(pack, old, new, file=file)
    assert Policy.load(pack).digest != Policy.load(DEFAULT_PACK).digest


def test_a_comment_does_not_change_the_digest(pack: Path) -> None:
    edit(pack, "id = ", "# a remark\nid = ")
    assert Policy.load(pack).digest == Policy.load(DEFAULT_PACK).digest


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("policy.toml", "candidate = 0.65", "candidat = 0.65", "rules.misinformation.candidat: unknown key"),
        ("policy.toml", "candidate = 0.65", "candidate = 1.65", "rules.misinformation.candidate"),
        ("policy.toml", "candidate = 0.65", "candidate = nan", "rules.misinformation.candidate"),
        ("policy.toml", "candidate = 0.65", "candidate = 0.99", "not in this order"),
        ("policy.toml", 'unverified = "review"', 'unverified = "block"', "without evidence nothing is blocked"),
        ("policy.toml", "insult = 0.70", "insult = 0.99", "review.insult is above block.insult"),
        ("policy.toml", 'version = "2026-11-25"', 'version = "2026-13-25"', "does not begin with a date"),
        ("policy.toml", 'languages = ["en"]', "languages = []", "languages"),
        ("policy.toml", 'lexicon = "lexicon.csv"', 'lexicon = "../lexicon.csv"', "own folder"),
        ("policy.toml", 'lexicon = "lexicon.csv"', 'lexicon = "absent.csv"', "absent.csv cannot be read"),
        ("policy.toml", "id = ", "id = = ", "not valid TOML"),
        ("lexicon.csv", "term,category,verdict", "term,verdict", "line 1"),
        ("lexicon.csv", "slur,review", "slur,forbid", "line 2: verdict 'forbid'"),
        ("claims.json", '"harm": "high"', '"harm": "enormous"', "record vaccines-autism: harm"),
        ("claims.json", '"id": "vaccines-microchips"', '"id": "vaccines-autism"', "used twice"),
        ("claims.json", "[", "[[", "claims.json"),
    ],
)
def test_a_mistake_is_refused_with_its_place(pack: Path, file: str, old: str, new: str, told: str) -> None:
    edit(pack, old, new, file=file)
    with pytest.raises(InvalidPolicyError, match=told.replace("[", r"\[")):
        Policy.load(pack)


@pytest.mark.parametrize("content", ["", "# nothing\n"])
def test_an_empty_policy_is_an_error(pack: Path, content: str) -> None:
    (pack / "policy.toml").write_text(content)
    with pytest.raises(InvalidPolicyError, match="is empty"):
        Policy.load(pack)


def test_a_policy_without_an_enabled_rule_is_an_error(pack: Path) -> None:
    text = (pack / "policy.toml").read_text()
    (pack / "policy.toml").write_text(text[: text.index("[rules.toxicity]")] + "[rules.sensitive]\nenabled = false\n")
    with pytest.raises(InvalidPolicyError, match="no rule is enabled"):
        Policy.load(pack)


def test_a_binary_file_is_refused(pack: Path) -> None:
    (pack / "policy.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidPolicyError, match="not UTF-8"):
        Policy.load(pack)


def test_a_missing_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicyError, match="cannot be read"):
        Policy.load(tmp_path / "nowhere")
