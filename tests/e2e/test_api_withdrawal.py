"""What the public sees after an episode was taken back: a reason and 410, no bytes, and a verification that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.submissions import EpisodeWithdrawal, State, Submission
from synth.decode import decode
from tests.api_gate import Gate, a_script, build_gate
from tests.recoding import as_mp3

REASON = "The harbour was open after all."


@pytest.fixture(scope="module")
def own_gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gateway of its own: what is taken back there disturbs no other test."""
    return build_gate(tmp_path_factory.mktemp("withdrawals"))


@pytest.fixture(scope="module")
def right(own_gate: Gate) -> str:
    return own_gate.make(a_script(title="The right one", sentences=2))


@pytest.fixture(scope="module")
def wrong(own_gate: Gate, right: str) -> str:
    """Id of an episode that was replaced by `right`."""
    episode_id = own_gate.make(a_script(title="The wrong one", sentences=5))
    assert take_back(own_gate, episode_id, replacement=right).status_code == 200
    return episode_id


def take_back(gate: Gate, episode_id: str, who: str | None = "reviewer", **body: Any) -> Any:
    body.setdefault("reason", REASON)
    return gate.client(who).post(f"/v1/episodes/{episode_id}/withdrawal", json=body)


def clips(gate: Gate, episode_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = gate.client("auditor").get(f"/v1/submissions/{episode_id}").json()["clips"]
    return listed


def verify(gate: Gate, data: bytes) -> dict[str, Any]:
    answer = gate.client().post("/v1/verifications", content=data, headers={"Content-Type": "audio/mpeg"})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def test_public_addresses_answer_gone_with_the_reason(own_gate: Gate, wrong: str, right: str) -> None:
    public = own_gate.client()
    paths = [f"/v1/episodes/{wrong}", f"/v1/episodes/{wrong}/transcript.vtt", f"/v1/episodes/{wrong}/chapters.json"]
    for path in [*paths, *(clip["url"] for clip in clips(own_gate, wrong))]:
        answer = public.get(path)
        assert answer.status_code == 410, path
        assert answer.json()["reason"] == REASON
        assert answer.json()["replacement"] == right
        assert answer.json()["type"].endswith("/problems/withdrawn")
        assert answer.headers["cache-control"] == "no-store"
    assert public.head(clips(own_gate, wrong)[0]["url"]).status_code == 410


def test_staff_may_still_hear_what_was_taken_back(own_gate: Gate, wrong: str) -> None:
    answer = own_gate.client("auditor").get(clips(own_gate, wrong)[0]["url"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


def test_feed_drops_it_also_for_a_reader_who_asks_by_date_alone(own_gate: Gate, right: str) -> None:
    clock, public = own_gate.chain.clock, own_gate.client()
    episode_id = own_gate.make(a_script(title="Soon gone", sentences=2))
    clock.now = clock.now.replace(microsecond=0).replace(minute=(clock.now.minute + 1) % 60)
    before = public.get("/feed.xml")
    assert episode_id in before.text
    since = {"If-Modified-Since": before.headers["last-modified"]}
    assert public.get("/feed.xml", headers=since).status_code == 304
    assert take_back(own_gate, episode_id).status_code == 200
    after = public.get("/feed.xml", headers=since)
    assert after.status_code == 200
    assert episode_id not in after.text
    assert right in after.text


def test_verification_of_the_exact_file_says_that_it_was_taken_back(own_gate: Gate, wrong: str, right: str) -> None:
    sha256 = next(clip["sha256"] for clip in clips(own_gate, wrong) if clip["media_type"] == "audio/mpeg")
    report = verify(own_gate, own_gate.chain.tools.blobs.read(sha256))
    assert report["conclusion"] == "withdrawn"
    assert report["episode"]["state"] == "superseded"
    assert report["episode"]["withdrawal"]["reason"] == REASON
    assert report["episode"]["withdrawal"]["replacement"] == right
    release = report["checks"][6]
    assert (release["outcome"], release["details"]["state"]) == ("fail", "superseded")
    assert REASON in release["explanation"]
    assert report["checks"][5]["outcome"] == "pass"


def test_verification_of_a_copy_says_so_too(own_gate: Gate, wrong: str) -> None:
    sha256 = next(clip["sha256"] for clip in clips(own_gate, wrong) if clip["media_type"] == "audio/mpeg")
    sound = decode(own_gate.chain.tools.blobs.read(sha256))
    report = verify(own_gate, as_mp3(sound.samples, sound.sample_rate))
    assert report["conclusion"] == "withdrawn"
    assert report["episode"]["id"] == wrong


def test_proof_of_the_release_stays(own_gate: Gate, wrong: str) -> None:
    assert own_gate.client().get(f"/v1/log/proof/{wrong}").status_code == 200


@pytest.mark.parametrize(
    ("who", "status"), [(None, 401), ("other", 404), ("auditor", 403), ("submitter", 410), ("admin", 410)]
)
def test_only_who_answers_for_it_or_submitted_it_may_take_it_back(
    own_gate: Gate, wrong: str, who: str | None, status: int
) -> None:
    assert take_back(own_gate, wrong, who).status_code == status


def test_submitter_takes_back_its_own_and_replaces_it_by_its_own(own_gate: Gate) -> None:
    mine = own_gate.make(a_script(title="Mine", sentences=2))
    answer = own_gate.client("other").post("/v1/submissions", json={"script": a_script(title="Theirs", sentences=2)})
    theirs = answer.json()["id"]
    own_gate.run(theirs)
    assert own_gate.chain.row(theirs).state == State.RELEASED
    assert take_back(own_gate, theirs, "submitter").status_code == 404
    assert take_back(own_gate, mine, "submitter", replacement=theirs).status_code == 404
    assert own_gate.chain.row(mine).state == own_gate.chain.row(theirs).state == State.RELEASED
    assert take_back(own_gate, mine, "submitter").status_code == 200
    assert own_gate.chain.row(mine).state == State.WITHDRAWN


@pytest.mark.parametrize(
    "body",
    [
        {"reason": ""},
        {"reason": "x" * 501},
        {"reason": "why", "replacement": "../../etc/passwd"},
        {"reason": "why", "unknown": 1},
        {"reason": "\u0007"},
    ],
)
def test_malformed_request_is_refused(own_gate: Gate, right: str, body: dict[str, Any]) -> None:
    assert take_back(own_gate, right, **body).status_code == 422
    assert own_gate.chain.row(right).state == State.RELEASED


def test_database_that_forgot_the_withdrawal_does_not_make_the_file_genuine(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    episode_id = gate.make(a_script(sentences=2))
    data = gate.chain.tools.blobs.read(clips(gate, episode_id)[0]["sha256"])
    assert take_back(gate, episode_id).status_code == 200
    with gate.chain.database.write() as session:
        session.delete(session.get(EpisodeWithdrawal, episode_id))
        row = session.get(Submission, episode_id)
        assert row is not None
        row.state = State.RELEASED.value
    report = verify(gate, data)
    assert report["conclusion"] == "unconfirmed"
    assert "log last says" in report["checks"][5]["explanation"]
