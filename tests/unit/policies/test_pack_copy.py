"""A copy of a pack is the operator's own draft, and nothing is ever overwritten."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policies.errors import InvalidPolicyError
from policies.pack_copy import copy_pack
from policies.pack_difference import pack_changes
from policies.policy import DEFAULT_PACK, Policy, Status
from tests.packs import HEAD, write_pack

TODAY = date(2026, 12, 24)


def test_the_copy_is_a_draft_of_today_and_differs_in_nothing_else(tmp_path: Path) -> None:
    copy = copy_pack(DEFAULT_PACK, tmp_path / "House Rules", today=TODAY)
    assert (copy.id, copy.version, copy.status) == ("house-rules", "2026-12-24", Status.DRAFT)
    changes = pack_changes(Policy.load(DEFAULT_PACK), copy)
    assert {(change.part, change.name) for change in changes} == {
        ("head", "id"),
        ("head", "version"),
        ("head", "status"),
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["House Rules"]


def test_comments_stay(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", head="# Why we do this.\n" + HEAD.replace('"live"', '"live"  # since spring'))
    copy_pack(pack, tmp_path / "copy", name="other", today=TODAY)
    text = (tmp_path / "copy" / "policy.toml").read_text()
    assert text.startswith('# Why we do this.\nid = "other"\n')
    assert 'status = "draft"  # since spring\n' in text


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidPolicyError, match="exists already"):
        copy_pack(DEFAULT_PACK, tmp_path / "mine", today=TODAY)
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["Not an id", "x" * 65, 'a"b', ""])
def test_a_name_that_is_no_id_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    if not name:  # an empty name means: take the folder's
        assert copy_pack(DEFAULT_PACK, tmp_path / "copy", name=name, today=TODAY).id == "copy"
        return
    with pytest.raises(InvalidPolicyError):
        copy_pack(DEFAULT_PACK, tmp_path / "copy", name=name, today=TODAY)
    assert list(tmp_path.iterdir()) == []


def test_a_pack_that_is_not_usable_is_not_copied(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", ("review\n", "revue\n"))
    with pytest.raises(InvalidPolicyError, match=r"lexicon\.csv: line 2"):
        copy_pack(pack, tmp_path / "copy", today=TODAY)
    assert not (tmp_path / "copy").exists()
