"""Erasing through the interface: only administrators, and what is left can still be asked for."""

from __future__ import annotations

from gateway.submissions import State
from tests.api_gate import Gate, a_script


def test_administrator_erases_and_the_status_says_so(gate: Gate) -> None:
    episode_id = gate.make(a_script("please block", title="Private letter", sentences=2))
    path = f"/v1/submissions/{episode_id}"
    assert gate.client("admin").delete(path).status_code == 422  # no reason
    assert gate.client("admin").delete(f"{path}?reason=because").status_code == 422
    answer = gate.client("admin").delete(f"{path}?reason=request&audio=true")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["reason"], answer.json()["audio"]) == ("request", True)
    assert answer.json()["done_at"]
    seen = gate.client("submitter").get(path).json()
    assert (seen["script"], seen["title"], seen["decision"], seen["script_digest"]) == ("", "erased", None, "")
    assert seen["erased"]["reason"] == "request"
    assert [event["kind"] for event in seen["events"]][-2:] == ["erasure.requested", "erasure.done"]
    assert "Private letter" not in gate.client("admin").get("/v1/submissions?limit=100").text


def test_sound_of_a_public_episode_is_not_erased_and_its_page_stays(gate: Gate) -> None:
    episode_id = gate.make(a_script(title="Still public", sentences=3))
    refused = gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=request&audio=true")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "conflict")
    assert gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=request").status_code == 200
    page = gate.client().get(f"/v1/episodes/{episode_id}")
    assert (page.status_code, page.json()["title"]) == (200, "Still public")
    assert gate.client().get(f"/v1/log/proof/{episode_id}").status_code == 200
    assert gate.client().get(f"/v1/episodes/{episode_id}/transcript.vtt").status_code == 200


def test_what_is_being_worked_on_is_not_erased(gate: Gate) -> None:
    episode_id = gate.submit(a_script(title="Half way", sentences=2))
    answer = gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=mistake")
    assert answer.status_code == 409
    assert gate.chain.row(episode_id).state == State.RECEIVED


def test_copy_of_an_erased_episode_is_still_told_to_be_withdrawn(gate: Gate) -> None:
    episode_id = gate.make(a_script(title="Taken back", sentences=4))
    clip = gate.client().get(f"/v1/episodes/{episode_id}").json()["clips"][0]
    kept = gate.client().get(clip["url"]).content
    taken = gate.client("reviewer").post(f"/v1/episodes/{episode_id}/withdrawal", json={"reason": "Names somebody."})
    assert taken.status_code < 300, taken.text
    assert gate.client("admin").delete(f"/v1/submissions/{episode_id}?reason=request&audio=true").status_code == 200
    gone = gate.client().get(f"/v1/episodes/{episode_id}")
    assert gone.status_code == 410
    assert "erased" in gone.json()["detail"]
    assert "Names somebody" not in gone.text
    assert gate.client("admin").get(clip["url"]).status_code in {404, 410, 503}
    report = gate.client().post("/v1/verifications", content=kept, headers={"Content-Type": "audio/mpeg"})
    assert report.status_code == 200, report.text
    assert (report.json()["episode"]["id"], report.json()["episode"]["title"]) == (episode_id, "erased")
    assert report.json()["episode"]["state"] == "withdrawn"
    assert "Taken back" not in report.text
    assert gate.client().get(f"/v1/log/proof/{episode_id}").status_code == 200
