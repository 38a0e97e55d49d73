"""The human step over HTTP: claim, decide with a reason, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api_gate import Gate, a_script


@pytest.fixture
def case(gate: Gate) -> str:
    return gate.make(a_script("please review", title="A case", sentences=2))


def test_case_is_listed_claimed_and_approved_and_goes_public(gate: Gate, case: str) -> None:
    reviewer = gate.client("reviewer")
    listed = {item["episode_id"]: item for item in reviewer.get("/v1/reviews").json()["items"]}
    assert listed[case]["claimed"] is False
    claimed = reviewer.post(f"/v1/reviews/{case}/claim").json()
    assert claimed["claimed_by_me"] is True
    assert claimed["claimed_until"] is not None
    answer = reviewer.post(f"/v1/reviews/{case}/approve", json={"reason": "Checked.", "version": claimed["version"]})
    assert answer.status_code == 200
    assert answer.json() == {"outcome": "approved"}
    assert case in gate.chain.enqueued
    assert gate.run(case) == "released"
    body = gate.client("submitter").get(f"/v1/submissions/{case}").json()
    assert body["review"]["verdict"] == "approve"
    assert body["review"]["reason"] == "Checked."


def test_rejected_case_never_goes_public(gate: Gate, case: str) -> None:
    reviewer = gate.client("reviewer")
    reviewer.post(f"/v1/reviews/{case}/claim")
    assert reviewer.post(f"/v1/reviews/{case}/reject", json={"reason": "Not true."}).status_code == 204
    assert gate.run(case) == "rejected"
    assert gate.client().get(f"/v1/episodes/{case}").status_code == 404
    clip = gate.client("submitter").get(f"/v1/submissions/{case}").json()["clips"][0]
    assert gate.client().get(clip["url"]).status_code == 404


def test_case_is_put_off_and_handed_over(gate: Gate, case: str) -> None:
    first, second = gate.client("reviewer"), gate.client("second")
    until = (gate.chain.clock.now + timedelta(hours=2)).isoformat()
    assert first.post(f"/v1/reviews/{case}/hold", json={"reason": "Later.", "until": until}).status_code == 409
    first.post(f"/v1/reviews/{case}/claim")
    for body in ({"reason": "Later."}, {"reason": "Later.", "until": until[:19]}, {"reason": "", "until": until}):
        assert first.post(f"/v1/reviews/{case}/hold", json=body).status_code == 422
    assert first.post(f"/v1/reviews/{case}/hold", json={"reason": "Later.", "until": until}).status_code == 204
    listed = {item["episode_id"]: item for item in first.get("/v1/reviews").json()["items"]}
    assert listed[case]["held_until"] is not None
    first.post(f"/v1/reviews/{case}/claim")
    for to in ("nobody", gate.keys["admin"].split("_")[1], gate.keys["reviewer"].split("_")[1]):
        assert first.post(f"/v1/reviews/{case}/hand-over", json={"to": to}).status_code == 422
    to = gate.keys["second"].split("_")[1]
    assert first.post(f"/v1/reviews/{case}/hand-over", json={"to": to}).status_code == 204
    assert first.post(f"/v1/reviews/{case}/claim").status_code == 403
    assert second.post(f"/v1/reviews/{case}/claim").status_code == 200


def test_decision_without_a_claim_is_refused(gate: Gate, case: str) -> None:
    answer = gate.client("reviewer").post(f"/v1/reviews/{case}/approve", json={"reason": "Looks fine."})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/problems/conflict")


def test_claimed_case_belongs_to_its_reviewer_until_the_lease_ends(gate: Gate, case: str) -> None:
    first, second = gate.client("reviewer"), gate.client("second")
    assert first.post(f"/v1/reviews/{case}/claim").status_code == 200
    assert second.post(f"/v1/reviews/{case}/claim").status_code == 409
    assert second.post(f"/v1/reviews/{case}/reject", json={"reason": "Mine."}).status_code == 409
    gate.chain.clock.now += timedelta(minutes=11)
    assert second.post(f"/v1/reviews/{case}/claim").status_code == 200
    assert first.post(f"/v1/reviews/{case}/approve", json={"reason": "Too late."}).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "   "},
        {"reason": "x" * 2001},
        {"reason": "a\x00b"},
        {"reason": "r", "verdict": "x"},
    ],
)
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_decision_needs_a_usable_reason(gate: Gate, waiting: str, verdict: str, body: dict[str, str]) -> None:
    gate.client("reviewer").post(f"/v1/reviews/{waiting}/claim")
    answer = gate.client("reviewer").post(f"/v1/reviews/{waiting}/{verdict}", json=body)
    assert answer.status_code == 422
    assert gate.chain.row(waiting).state == "awaiting_review"


def test_decision_on_what_was_not_read_is_refused(gate: Gate, case: str) -> None:
    reviewer = gate.client("reviewer")
    version = reviewer.post(f"/v1/reviews/{case}/claim").json()["version"]
    answer = reviewer.post(f"/v1/reviews/{case}/approve", json={"reason": "Fine.", "version": version + 1})
    assert answer.status_code == 409


def test_huge_or_wrong_decision_body_is_refused(gate: Gate, waiting: str) -> None:
    reviewer, path = gate.client("reviewer"), f"/v1/reviews/{waiting}/approve"
    assert reviewer.post(path, json={"reason": "x" * 100_000}).status_code == 413
    assert reviewer.post(path, content=b"reason=fine", headers={"Content-Type": "text/plain"}).status_code == 415


def test_reviewer_hears_the_marked_file_before_release(gate: Gate, waiting: str) -> None:
    reviewer = gate.client("reviewer")
    clip = reviewer.get(f"/v1/submissions/{waiting}").json()["clips"][0]
    answer = reviewer.get(clip["url"], headers={"Range": "bytes=0-9"})
    assert answer.status_code == 206
    assert answer.headers["cache-control"] == "no-store"
    assert gate.client("other").get(clip["url"]).status_code == 404
    assert gate.client().get(clip["url"]).status_code == 404


def test_deciding_nothing_is_not_found(gate: Gate, released: str) -> None:
    reviewer = gate.client("reviewer")
    assert reviewer.post(f"/v1/reviews/ep_{'0' * 20}/claim").status_code == 404
    assert reviewer.post(f"/v1/reviews/{released}/claim").status_code == 404
