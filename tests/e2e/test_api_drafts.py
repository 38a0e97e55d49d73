"""Drafts over HTTP: who may ask for one, and that nothing is kept of it."""

from __future__ import annotations

from dataclasses import replace

from starlette.testclient import TestClient

from gateway.drafting import Drafter
from tests.api_gate import Gate, build_app
from tests.judge_endpoint import serve
from tests.unit.gateway.test_drafting import QUOTED, says

BODY = {"topic": "The bridge", "sources": [{"title": "News", "text": "The bridge opens at 9 on Monday."}]}


def test_draft_comes_with_its_evidence_and_leaves_nothing_behind(gate: Gate) -> None:
    with serve(says(QUOTED)) as endpoint:
        drafter = Drafter(url=endpoint.url, model="writer", api_key="", timeout_seconds=5.0)
        app = build_app(replace(gate.backend, drafter=drafter))
        client = TestClient(app, headers={"Authorization": f"Bearer {gate.keys['submitter']}"})
        before = len(client.get("/v1/submissions?limit=100").json()["items"])
        answer = client.post("/v1/drafts", json=BODY)
        assert answer.status_code == 200, answer.text
        assert answer.json()["citations"][0]["supported"] is True
        assert answer.json()["decision"]["verdict"] == "allow"
        assert client.post("/v1/submissions", json={"script": answer.json()["script"]}).status_code == 202
        assert len(client.get("/v1/submissions?limit=100").json()["items"]) == before + 1


def test_gate_without_a_model_says_what_to_set(gate: Gate) -> None:
    answer = gate.client("submitter").post("/v1/drafts", json=BODY)
    assert (answer.status_code, "ASSAY_DRAFT_URL" in answer.json()["detail"]) == (409, True)
    assert gate.client("reviewer").post("/v1/drafts", json=BODY).status_code == 403
    assert gate.client("submitter").post("/v1/drafts", json={**BODY, "sources": []}).status_code == 422
