"""Only the facts of its kind enter the log, and every one is of its type."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from audit_log import an_event, received

from audit.errors import EventError
from audit.event import EventKind, parse_event
from audit.facts import FORMS, LABEL, MAX_ITEMS, check_facts, list_of

HMAC, SHA = "hmac-sha256:" + "a" * 64, "sha256:" + "b" * 64
DECISION: dict[str, Any] = {
    "verdict": "allow",
    "script_commitment": HMAC,
    "policy_id": "p",
    "policy_version": "1",
    "policy_digest": SHA,
    "models": [["m", SHA]],
    "findings": [["rule", "category", "review", 2]],
    "coverage": [["category", "evaluated"]],
}


def test_every_kind_has_a_form() -> None:
    assert sorted(FORMS) == sorted(EventKind)


def test_no_key_is_both_required_and_optional() -> None:
    assert [kind for kind, form in FORMS.items() if form.required.keys() & form.optional.keys()] == []


def test_no_form_takes_the_bare_digest_of_what_a_person_wrote() -> None:
    keys = {key for form in FORMS.values() for key in {**form.required, **form.optional}}
    assert {"script_digest", "plan_digest", "transcript_digest", "reason_digest", "reason", "title"} & keys <= {
        "reason"
    }
    assert not FORMS[EventKind.SUBMISSION_FAILED].required["reason"].holds("What the script said.")


@pytest.mark.parametrize("key", sorted(received(0)))
def test_missing_fact_is_refused_by_name(key: str) -> None:
    facts = received(0)
    del facts[key]
    with pytest.raises(EventError, match=rf"lacks the facts \['{key}'\]"):
        an_event(facts=facts).canonical()


def test_unknown_fact_is_refused_although_its_value_is_harmless() -> None:
    with pytest.raises(EventError, match=r"unknown facts \['title'\]"):
        an_event(facts={**received(0), "title": "x"}).canonical()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bytes", -1),
        ("bytes", True),
        ("bytes", 1.0),
        ("bytes", 2**53),
        ("bytes", "1"),
        ("bytes", None),
        ("language", ""),
        ("language", "x" * 256),
        ("language", "two\nlines"),
        ("language", "half \ud800"),
        ("language", "nul\x00"),
        ("script_commitment", SHA),
        ("script_commitment", HMAC.upper()),
        ("script_commitment", HMAC + "\n"),
        ("script_commitment", "a" * 64),
        ("voices", "anna"),
        ("voices", ["anna", 1]),
        ("voices", [["anna"]]),
        ("voices", {"anna": "1"}),
        ("voices", ["v"] * (MAX_ITEMS + 1)),
    ],
)
def test_value_of_another_type_is_refused_and_the_message_says_what_it_must_be(key: str, value: Any) -> None:
    with pytest.raises(EventError, match=f"fact '{key}' of event submission.received must be "):
        an_event(facts={**received(0), key: value}).canonical()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "ALLOW"),
        ("verdict", "perhaps"),
        ("verdict", ["allow"]),
        ("findings", [["rule", "category", "review"]]),
        ("findings", [["rule", "category", "review", 2, 3]]),
        ("findings", [["rule", "category", "never", 2]]),
        ("models", [["m"]]),
        ("policy_digest", HMAC),
    ],
)
def test_decision_of_another_shape_is_refused(key: str, value: Any) -> None:
    check_facts(EventKind.SCREENING_DECIDED, DECISION)
    with pytest.raises(EventError, match=f"fact '{key}'"):
        check_facts(EventKind.SCREENING_DECIDED, {**DECISION, key: value})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), True, "1"])
def test_measure_that_is_no_finite_number_is_refused(number: Any) -> None:
    clip = {
        "sha256": "c" * 64,
        "media_type": "audio/mpeg",
        "size": 1,
        "duration": 1.5,
        "loudness": -16.0,
        "true_peak": -1,
        "manifest_label": "urn:c2pa:1",
        "manifest_sha256": "d" * 64,
        "marks": [["keyed", "1"]],
    }
    produced = {
        "plan_commitment": HMAC,
        "duration": 1.5,
        "clips": [clip],
        "fingerprint_sha256": "e" * 64,
        "voices": {"anna": "1"},
    }
    check_facts(EventKind.CLIP_PRODUCED, produced)
    for hostile in (
        {**produced, "duration": number},
        {**produced, "clips": [{**clip, "loudness": number}]},
        {**produced, "clips": [{**clip, "more": 1}]},
        {**produced, "voices": {"anna": 1}},
        {**produced, "voices": {"": "1"}},
    ):
        with pytest.raises(EventError):
            check_facts(EventKind.CLIP_PRODUCED, hostile)


def test_nesting_without_end_is_refused_without_following_it() -> None:
    deep: Any = []
    for _ in range(sys.getrecursionlimit() * 10):
        deep = [deep]
    with pytest.raises(EventError, match="fact 'voices'"):
        an_event(facts={**received(0), "voices": deep}).canonical()


def test_checked_entry_with_facts_of_another_kind_is_no_entry() -> None:
    leaf = an_event().canonical().replace(b"submission.received", b"submission.blocked")
    with pytest.raises(EventError, match=r"submission\.blocked"):
        parse_event(leaf)


def test_list_of_labels_counts_its_items() -> None:
    assert list_of(LABEL).holds(["a"] * MAX_ITEMS)
