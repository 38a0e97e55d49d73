"""Defects of knowledge bases that load, and searching them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from policies import knowledge_checks
from policies.knowledge import ClaimRecord, KnowledgeBase, Rating
from policies.knowledge_checks import Kind, defects_between, defects_of
from policies.knowledge_files import to_bytes
from policies.knowledge_search import ClaimSearch
from policies.vectors import VectorCache
from tests.claim_samples import TODAY, WordEncoder, record

TRUE = {"ratingValue": 5, "alternateName": "True"}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"valid_until": "2026-11-24"}, Kind.EXPIRED),
        ({"valid_from": "2026-11-26"}, Kind.NOT_YET_VALID),
        ({"reviewRating": {"alternateName": "Three lemons"}}, Kind.UNKNOWN_RATING),
        ({"reviewed_on": "2020-01-01"}, Kind.OLD),
        ({"corrections": []}, Kind.NO_CORRECTIONS),
    ],
)
def test_a_records_own_defect_is_named(changes: dict[str, Any], kind: Kind) -> None:
    sound = {"corrections": ["It is brick."]}
    assert [defect.kind for defect in defects_of([record(**sound)], today=TODAY)] == []
    assert [defect.kind for defect in defects_of([record(**sound | changes)], today=TODAY)] == [kind]


def between(*records: ClaimRecord) -> list[tuple[Kind, tuple[str, ...]]]:
    matrix = WordEncoder().encode([one.claimReviewed for one in records])
    return [(defect.kind, defect.ids) for defect in defects_between(records, matrix)]


def test_the_same_claim_rated_true_and_false_is_a_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge_checks, "_BLOCK", 1)
    one = record("one", claimReviewed="The hall is cheese.")
    two = record("two", claimReviewed="The hall is cheese!", reviewRating=TRUE)
    three = record("three", claimReviewed="the hall is cheese")
    assert between(one, two, three, record("moon")) == [
        (Kind.CONTRADICTION, ("one", "two")),
        (Kind.DUPLICATE, ("one", "three")),
        (Kind.CONTRADICTION, ("two", "three")),
    ]


def test_search_gives_the_closest_wording_of_each_record() -> None:
    records = [
        record("moon", paraphrases=["The moon is blue cheese."], corrections=["The moon is rock."]),
        record("hall", claimReviewed="Nobody counted the votes."),
    ]
    search = ClaimSearch(records=records, encoder=WordEncoder(), vectors=VectorCache(folder=None))
    first, second = search.nearest("The moon is rock.", limit=5)
    assert (first.record.id, first.matched, first.is_correction) == ("moon", "The moon is rock.", True)
    assert first.similarity == pytest.approx(1.0, abs=1e-3)
    assert second.record.id == "hall"
    assert len(search.nearest("The moon is blue.", limit=1)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"reviewed_on": None},  # no date at all
        {"valid_from": "2026-02-01", "valid_until": "2026-01-01"},
        {"claimReviewed": "It is \x1b[31mcheese."},
        {"title": "two\nlines"},
        {"url": "javascript:alert(1)"},
        {"url": "https://example.org/\nx"},
        {"reviewRating": {"ratingValue": 6, "alternateName": "x"}},
        {"harm": "enormous"},
        {"paraphrases": [""]},
        {"unknown": 1},
    ],
)
def test_a_record_that_says_something_impossible_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        record(**changes)


def test_a_record_needs_no_wordings_and_no_rating_value() -> None:
    bare = record(reviewRating={"alternateName": "Three lemons"}, url="http://example.org/x")
    assert bare.rating is Rating.UNKNOWN
    assert bare.wordings == (bare.claimReviewed,)
    assert KnowledgeBase.parse(to_bytes([bare]), source="claims.json").records == (bare,)


@pytest.mark.parametrize(
    ("day", "current"), [("2026-01-31", False), ("2026-02-01", True), ("2026-03-01", True), ("2026-03-02", False)]
)
def test_a_record_is_current_from_its_first_to_its_last_day(day: str, current: bool) -> None:
    limited = record(valid_from="2026-02-01", valid_until="2026-03-01")
    assert limited.is_current(date.fromisoformat(day)) == current
