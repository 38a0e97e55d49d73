"""Changing the knowledge base of a pack: wholly or not at all, one at a time, never the one that ships."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from policies.claimreview import to_json_ld
from policies.errors import InvalidPolicyError, KnowledgeBaseError
from policies.importers import merge as merging
from policies.importers.found import Reason
from policies.importers.jsonld import reviews_in
from policies.importers.merge import Merge
from policies.knowledge import KnowledgeBase, Rating
from policies.knowledge_files import opened_for_change, to_bytes
from policies.policy import DEFAULT_PACK, Policy
from tests.claim_samples import SETTINGS, claim_review, record


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return shutil.copytree(DEFAULT_PACK, tmp_path / "pack")


def test_replacing_gives_the_pack_as_it_is_now_and_leaves_no_other_file(pack: Path) -> None:
    before = sorted(path.name for path in pack.iterdir())
    old = Policy.load(pack).digest
    with opened_for_change(pack) as opened:
        changed = opened.replace([record("moon")])
    assert [one.id for one in changed.knowledge.records] == ["moon"]
    assert changed.digest == Policy.load(pack).digest != old
    assert sorted(path.name for path in pack.iterdir()) == before


def test_a_crash_before_the_new_name_leaves_the_old_knowledge_base(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Policy.load(pack).digest

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with opened_for_change(pack) as opened:
        monkeypatch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            opened.replace([record("moon")])
    assert Policy.load(pack).digest == before
    assert not [path for path in pack.iterdir() if path.name.startswith("claims.json.")]


def test_a_full_disk_is_an_error_that_says_that_nothing_changed(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = Policy.load(pack).digest
    with opened_for_change(pack) as opened:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(KnowledgeBaseError, match="nothing was changed"):
            opened.replace([record("moon")])
    assert Policy.load(pack).digest == before


def test_an_empty_knowledge_base_is_never_written(pack: Path) -> None:
    before = Policy.load(pack).digest
    with opened_for_change(pack) as opened, pytest.raises(InvalidPolicyError, match="at least one"):
        opened.replace([])
    assert Policy.load(pack).digest == before


def test_a_second_process_has_to_wait(pack: Path) -> None:
    with opened_for_change(pack), pytest.raises(KnowledgeBaseError, match="another process"), opened_for_change(pack):
        pass
    with opened_for_change(pack):
        pass  # the lock was given back


@pytest.mark.parametrize("path", [DEFAULT_PACK, DEFAULT_PACK / "policy.toml"])
def test_the_pack_that_ships_is_never_changed(path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match="policy copy"), opened_for_change(path):
        pass


def test_the_pack_that_ships_is_never_changed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(DEFAULT_PACK)
    with pytest.raises(KnowledgeBaseError, match="policy copy"), opened_for_change(tmp_path / "link"):
        pass


def test_a_broken_pack_is_never_built_upon(pack: Path) -> None:
    (pack / "claims.json").write_text("[{}]")
    with pytest.raises(InvalidPolicyError), opened_for_change(pack):
        pass


def test_the_knowledge_base_that_ships_is_stored_as_we_store_it() -> None:
    content = (DEFAULT_PACK / "claims.json").read_bytes()
    assert to_bytes(KnowledgeBase.parse(content, source="claims.json").records) == content


def merged(*documents: object, onto: Merge | None = None, update: bool = False) -> Merge:
    merge = onto or Merge.onto(())
    for document in documents:
        merge.take(reviews_in(document), SETTINGS, update=update)
    return merge


def test_an_export_is_imported_as_the_same_records() -> None:
    records = (
        *Policy.load(DEFAULT_PACK).knowledge.records,
        record(
            "all-fields",
            reviewRating={"alternateName": "Misleading"},  # unknown on purpose, though the words are known
            datePublished="2024-02-03",
            itemReviewed={
                "author": {"name": "A blog"},
                "datePublished": "2024-02-01",
                "appearance": ["https://a.example.org/"],
            },
            valid_from="2024-01-01",
            valid_until="2030-01-01",
            title="No & never",
            paraphrases=["One two three.", "Four five six."],
            corrections=["Seven eight."],
            evidence=[{"text": "It is brick.", "url": "https://b.example.org/"}, {"text": "It is old."}],
            source={"name": "an-earlier.json", "imported_on": "2025-05-05"},
        ),
        record("without-a-review-day", reviewed_on=None, datePublished="2020-01-01"),
    )
    again = merged(json.loads(json.dumps(to_json_ld(records))))
    assert not again.skipped
    assert tuple(again.records.values()) == records


def test_the_knowledge_base_of_another_pack_is_imported_as_the_same_records() -> None:
    records = (record("one", reviewRating={"ratingValue": 2, "alternateName": "Wrong in a way"}), record("two"))
    assert tuple(merged(json.loads(to_bytes(records))).records.values()) == records


def test_a_second_import_changes_nothing() -> None:
    merge = merged(claim_review(), claim_review("It is butter."))
    again = merged(claim_review(), claim_review("It is butter."), onto=Merge.onto(tuple(merge.records.values())))
    assert (merge.new, again.new, again.known) == (2, 0, 2)


def test_the_same_review_twice_in_one_import_is_a_duplicate() -> None:
    merge = merged([claim_review(), claim_review("the town hall is made of cheese!")])
    assert (merge.new, merge.skipped) == (1, Counter({Reason.DUPLICATE: 1}))


def test_a_changed_rating_is_taken_over_only_when_asked_and_keeps_what_the_operator_decided() -> None:
    (known,) = merged(claim_review()).records.values()
    mine = known.model_copy(update={"harm": "high", "topic": "history", "corrections": ("It is brick.",)})
    changed = claim_review(reviewRating={"alternateName": "Mostly true"}, headline="We were wrong")

    left = merged(changed, onto=Merge.onto((mine,)))
    assert (left.changed_at_source, left.records[mine.id]) == (1, mine)

    taken = merged(changed, onto=Merge.onto((mine,)), update=True)
    record_now = taken.records[mine.id]
    assert (taken.updated, record_now.rating, record_now.title) == (1, Rating.MOSTLY_TRUE, "We were wrong")
    assert (record_now.harm, record_now.topic, record_now.corrections) == ("high", "history", ("It is brick.",))


def test_an_id_that_another_claim_has_is_not_taken_from_it() -> None:
    merge = merged(claim_review() | {"assay:id": "moon"}, onto=Merge.onto((record("moon"),)))
    assert merge.skipped == Counter({Reason.TAKEN_ID: 1})
    assert merge.records == {"moon": record("moon")}


def test_more_claims_than_a_process_can_hold_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_RECORDS", 2)
    with pytest.raises(KnowledgeBaseError, match="more than 2 records"):
        merged([claim_review(f"It is {name} cheese.") for name in ("old", "new", "blue")])


def test_skipped_items_are_counted_all_and_listed_up_to_a_limit() -> None:
    merge = merged([claim_review(url="") for _ in range(50)])
    assert merge.skipped[Reason.NO_ADDRESS] == 50
    assert len(merge.listed) == merging.LISTED
    assert {item.file for item in merge.listed} == {"feed.json"}
