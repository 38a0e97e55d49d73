"""Appeals over HTTP: the submitter's page and API, the reviewers' pages, and who may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.auth import Role, create_key
from gateway.intake import submit
from gateway.sequencing import settle
from tests.api_gate import Gate, a_script, build_gate
from tests.console_gate import Browser, make_account, signed_in

HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }}</textarea>"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("appeals"))


@pytest.fixture(scope="module")
def people(gate: Gate) -> dict[str, Browser]:
    return {role.value: signed_in(gate, role.value, role) for role in Role if role is not Role.SUBMITTER}


@pytest.fixture(scope="module")
def author(gate: Gate) -> tuple[Browser, str]:
    """A submitter's browser, and the id of a key that is theirs."""
    account, link = make_account(gate, "sue", Role.SUBMITTER)
    with gate.chain.database.write() as session:
        key = create_key(session, Role.SUBMITTER, "sue", gate.chain.clock(), account_id=account.id)
    browser = Browser(gate)
    browser.use_link(link)
    return browser, key.split("_")[1]


def refused_by_policy(gate: Gate, key_id: str) -> str:
    with gate.chain.database.write() as session:
        text = a_script("please block", sentences=2)
        row, _ = submit(session, toolchain=gate.chain.tools, api_key_id=key_id, text=text)
    settle(gate.chain.database, gate.chain.tools.log)
    assert gate.run(row.id) == "blocked"
    return row.id


def test_whole_way_on_the_console(gate: Gate, author: tuple[Browser, str], people: dict[str, Browser]) -> None:
    sue, key_id = author
    episode_id = refused_by_policy(gate, key_id)
    statement = f"/console/submissions/{episode_id}/statement"
    assert "You can appeal once, until" in sue.get(statement)
    kept = sue.send(f"/console/submissions/{episode_id}/appeal", page=statement, status=422, reason=" ")
    assert "needs a reason" in kept
    where = sue.send(f"/console/submissions/{episode_id}/appeal", page=statement, reason=HOSTILE)
    page = sue.get(where)
    assert "Your appeal is filed" in page
    assert "<script>alert(1)" not in page
    assert "You can appeal once" not in page

    listed = people["auditor"].get("/console/appeals")
    appeal = "/console/appeals/" + listed.partition("/console/appeals/ap_")[2].partition('"')[0].join(["ap_", ""])
    assert "Your role reads" in people["auditor"].get(appeal)
    assert "senior reviewer must decide" in people["reviewer"].get(appeal)
    assert people["reviewer"].get(f"/console/episodes/{episode_id}")
    for who in ("auditor", "admin", "reviewer"):
        people[who].send(f"{appeal}/decision", status=403, outcome="overturned", reason="x")
    senior = people["senior_reviewer"]
    senior.send(f"{appeal}/claim", page=appeal)
    shown = senior.get(appeal)
    assert "<script>alert(1)" not in shown
    assert " checked" not in shown
    for fields in ({"outcome": ""}, {"outcome": "partly"}, {"outcome": "overturned", "reason": ""}):
        answer = senior.send(f"{appeal}/decision", page=appeal, status=422, **{"reason": "Typed.", **fields})
        assert "What you typed is kept" in answer
    senior.send(f"{appeal}/decision", page=appeal, outcome="overturned", reason="It is a quotation.")
    assert "spoken and heard" not in senior.get(appeal)
    assert gate.run(episode_id) == "awaiting_review"
    trail = senior.get(f"/console/episodes/{episode_id}")
    assert "appeal: filed" in trail
    assert "appeal: decided" in trail
    assert "Two people must sign" in trail
    senior.send(f"{appeal}/decision", page=f"/console/episodes/{episode_id}", status=409, outcome="upheld", reason="x")


def test_api_from_refusal_to_answer(gate: Gate) -> None:
    episode_id = gate.make(a_script("please review", sentences=2))
    reviewer, second, author = gate.client("reviewer"), gate.client("second"), gate.client("submitter")
    reviewer.post(f"/v1/reviews/{episode_id}/claim")
    assert reviewer.post(f"/v1/reviews/{episode_id}/reject", json={"reason": "No."}).status_code == 204
    path = f"/v1/submissions/{episode_id}/appeals"
    assert gate.client("other").post(path, json={"reason": "x"}).status_code == 404
    assert author.post(path, json={"reason": "x", "outcome": "overturned"}).status_code == 422
    first = author.post(path, json={"reason": "It is refuted."})
    again = author.post(path, json={"reason": "It is refuted."})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert author.post(path, json={"reason": "Something else."}).status_code == 409
    decision = first.json()["links"]["decision"]
    ruling = {"outcome": "overturned", "reason": "It is."}
    assert reviewer.post(decision, json=ruling).status_code == 403
    assert reviewer.post(first.json()["links"]["claim"]).status_code == 403
    assert second.post(decision, json={**ruling, "outcome": "void"}).status_code == 422
    assert [one["id"] for one in gate.client("auditor").get("/v1/appeals").json()["items"]].count(
        first.json()["id"]
    ) == 1
    answer = second.post(decision, json=ruling)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "overturned")
    assert second.post(decision, json=ruling).status_code == 409
    told = author.get(path).json()["items"]
    assert [(one["outcome"], one["answer"]) for one in told] == [("overturned", "It is.")]
    assert "reviewer" not in str(told).replace("senior", "")
    assert author.get(f"/v1/submissions/{episode_id}").json()["state"] == "awaiting_review"
    assert reviewer.post(f"/v1/reviews/{episode_id}/claim").status_code == 403


def test_speech_on_request_has_no_episode_to_appeal_for(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    answer = gate.client("submitter").post(
        "/v1/audio/speech", json={"model": "assay", "input": "please block", "voice": "hum-low"}
    )
    assert answer.status_code == 400, answer.text
    episode_id = gate.client("submitter").get("/v1/submissions").json()["items"][0]["id"]
    found = gate.client("submitter").post(f"/v1/submissions/{episode_id}/appeals", json={"reason": "x"})
    assert found.status_code == 409
    assert "submit the script" in found.json()["detail"]
