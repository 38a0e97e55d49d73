"""The interface over PostgreSQL: the same answers as over the embedded database."""

from __future__ import annotations

from pathlib import Path

from tests.api_gate import a_script, build_gate


def test_script_becomes_an_episode_that_verifies(tmp_path: Path, postgres_url: str) -> None:
    gate = build_gate(tmp_path, database_url=postgres_url)
    assert gate.client("auditor").get("/v1/submissions").json() == {"items": [], "next_cursor": None}
    assert "<item>" not in gate.client().get("/feed.xml").text
    episode_id = gate.make(a_script(sentences=2))
    again = [gate.submit(a_script(sentences=2), **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert len(set(again)) == 1
    first = gate.client("auditor").get("/v1/submissions?limit=1").json()
    second = gate.client("auditor").get(f"/v1/submissions?limit=1&cursor={first['next_cursor']}").json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [again[0], episode_id]
    assert second["items"][0]["state"] == "released"
    assert gate.client("other").get(f"/v1/submissions/{episode_id}").status_code == 404
    assert episode_id in gate.client().get("/feed.xml").text
    clip = gate.client().get(f"/v1/episodes/{episode_id}").json()["clips"][0]
    content = gate.client().get(clip["url"]).content
    answer = gate.client().post("/v1/verifications", content=content, headers={"Content-Type": "audio/mpeg"})
    assert answer.json()["conclusion"] == "genuine"
    assert gate.client().get("/readyz").json()["status"] == "ready"
    assert gate.client().get(f"/v1/log/proof/{episode_id}").status_code == 200
    assert gate.client().get("/v1/submissions/ep_%00").status_code == 401
    assert gate.client("auditor").get("/v1/submissions/ep_%00").status_code == 404
    gate.chain.database.dispose()
