"""Handing in scripts: what is accepted, what is refused and how, and who sees what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api_gate import Gate, a_script

FAST = a_script(sentences=2)


def problem(answer: Any, status: int, slug: str) -> dict[str, Any]:
    """Insist that the answer is this problem, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"].endswith(f"/problems/{slug}")
    assert body["trace_id"] == answer.headers["x-trace-id"]
    return body


def test_json_script_is_accepted_and_queued(gate: Gate) -> None:
    answer = gate.client("submitter").post("/v1/submissions", json={"script": FAST})
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/submissions/{body['id']}" == body["links"]["self"]
    assert (body["state"], body["title"], body["show"]) == ("received", "Morning briefing", "Harbour News")
    assert body["id"] in gate.chain.enqueued


def test_markdown_body_is_the_script_itself(gate: Gate) -> None:
    client = gate.client("submitter")
    answer = client.post("/v1/submissions", content=FAST, headers={"Content-Type": "text/markdown; charset=utf-8"})
    assert answer.status_code == 202
    assert client.get(answer.headers["location"]).json()["script"] == FAST


def test_same_idempotency_key_gives_the_same_submission(gate: Gate) -> None:
    first = gate.submit(FAST, **{"Idempotency-Key": "once"})
    assert gate.submit(FAST, **{"Idempotency-Key": "once"}) == first
    answer = gate.client("submitter").post(
        "/v1/submissions", json={"script": FAST + "\nANN: More."}, headers={"Idempotency-Key": "once"}
    )
    assert problem(answer, 422, "idempotency-key-reused")["episode_id"] == first


def test_idempotency_keys_of_two_submitters_are_apart(gate: Gate) -> None:
    mine = gate.submit(FAST, **{"Idempotency-Key": "shared"})
    answer = gate.client("other").post("/v1/submissions", json={"script": FAST}, headers={"Idempotency-Key": "shared"})
    assert answer.status_code == 202
    assert answer.json()["id"] != mine


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "tab\tkey"])
def test_unusable_idempotency_key_is_refused(gate: Gate, key: str) -> None:
    answer = gate.client("submitter").post("/v1/submissions", json={"script": FAST}, headers={"Idempotency-Key": key})
    problem(answer, 422, "invalid-request")


@pytest.mark.parametrize(
    ("script", "slug"),
    [
        ("", "invalid-script"),
        ("just words", "invalid-script"),
        (FAST.replace("hum-low", "not-a-voice"), "voice-not-allowed"),
        (FAST.replace("ANN: hum-low", "CID: hum-low"), "invalid-script"),
        (FAST.replace("show:", "language: xx\nshow:"), "voice-not-allowed"),
        (FAST + "\nANN: bell \x07 rings.", "invalid-script"),
        (FAST + "\nANN: [[həlˈoʊ]] there.", "invalid-script"),
        (FAST + "\nANN: nul \x00 byte.", "invalid-script"),
    ],
)
def test_script_that_cannot_be_made_is_refused_at_once(gate: Gate, script: str, slug: str) -> None:
    client = gate.client("submitter")
    before = client.get("/v1/submissions?limit=1").json()["items"][:1]
    body = problem(client.post("/v1/submissions", json={"script": script}), 422, slug)
    if slug == "invalid-script":
        assert body["line"] >= 1
    assert client.get("/v1/submissions?limit=1").json()["items"][:1] == before


def test_one_megabyte_script_is_too_large(gate: Gate) -> None:
    client = gate.client("submitter")
    huge = FAST + "ANN: word. " * 100_000
    problem(client.post("/v1/submissions", json={"script": huge}), 413, "too-large")
    markdown = client.post("/v1/submissions", content=huge, headers={"Content-Type": "text/markdown"})
    problem(markdown, 413, "too-large")


def test_endless_body_without_length_is_cut_off(gate: Gate) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 64 << 20:
            sent += 1 << 20
            yield b"a" * (1 << 20)

    answer = gate.client("submitter").post(
        "/v1/submissions", content=endless(), headers={"Content-Type": "text/markdown"}
    )
    problem(answer, 413, "too-large")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"\xff\xfe\x00binary", "text/markdown", 422, "invalid-request"),
        (b"\xff\xfe\x00binary", "application/json", 422, "invalid-request"),
        (b"{", "application/json", 422, "invalid-request"),
        (b"[]", "application/json", 422, "invalid-request"),
        (b"{}", "application/json", 422, "invalid-request"),
        (b'{"script": 5}', "application/json", 422, "invalid-request"),
        (b'{"script": "x", "state": "released"}', "application/json", 422, "invalid-request"),
        (b'{"script": "\\ud800"}', "application/json", 422, "invalid-request"),
        (b"[" * 100_000, "application/json", 422, "invalid-request"),
        (b"x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"x", "", 415, "unsupported-media-type"),
        (b"x", "text/html", 415, "unsupported-media-type"),
    ],
)
def test_body_of_the_wrong_kind(gate: Gate, content: bytes, media_type: str, status: int, slug: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    problem(gate.client("submitter").post("/v1/submissions", content=content, headers=headers), status, slug)


def test_unknown_member_is_named_and_its_value_is_not(gate: Gate) -> None:
    answer = gate.client("submitter").post("/v1/submissions", json={"script": FAST, "approver": "me-myself"})
    body = problem(answer, 422, "invalid-request")
    assert body["errors"][0]["pointer"] == "#/approver"
    assert "me-myself" not in answer.text


def test_released_submission_shows_decision_clips_and_events(gate: Gate, released: str) -> None:
    body = gate.client("submitter").get(f"/v1/submissions/{released}").json()
    assert body["state"] == "released"
    assert body["decision"]["verdict"] == "allow"
    assert [clip["media_type"] for clip in body["clips"]] == ["audio/mpeg", "audio/wav"]
    kinds = [event["kind"] for event in body["events"]]
    assert kinds[0] == "submission.received"
    assert kinds[-1] == "episode.released"
    assert body["links"]["episode"] == f"/v1/episodes/{released}"


def test_blocked_submission_shows_its_findings_with_spans(gate: Gate) -> None:
    script = a_script("please block", sentences=2)
    body = gate.client("submitter").get(f"/v1/submissions/{gate.make(script)}").json()
    assert body["state"] == "blocked"
    (finding,) = body["decision"]["findings"]
    assert finding["verdict"] == "block"
    assert 0 <= finding["span"]["start"] < finding["span"]["end"] <= len(body["script"])
    assert finding["evidence"] == []
    assert body["clips"] == []


def test_failed_submission_names_its_reason(gate: Gate) -> None:
    body = gate.client("submitter").get(f"/v1/submissions/{gate.make(a_script('please break', sentences=2))}").json()
    assert body["state"] == "failed"
    assert body["failure"]["reason"] == "screening-failed"
    assert body["events"][-1]["kind"] == "submission.failed"


def test_submission_of_another_does_not_exist(gate: Gate, released: str, waiting: str) -> None:
    for episode_id in (released, waiting):
        problem(gate.client("other").get(f"/v1/submissions/{episode_id}"), 404, "not-found")
        listed = gate.client("other").get("/v1/submissions?limit=100").json()["items"]
        assert episode_id not in [item["id"] for item in listed]


def test_reviewer_sees_what_came_to_review_and_nothing_else(gate: Gate, released: str, waiting: str) -> None:
    assert gate.client("reviewer").get(f"/v1/submissions/{waiting}").status_code == 200
    problem(gate.client("reviewer").get(f"/v1/submissions/{released}"), 404, "not-found")


def test_pages_cover_everything_once(gate: Gate) -> None:
    made = {gate.submit(FAST) for _ in range(5)}
    client, seen, cursor = gate.client("auditor"), [], None
    while True:
        page = client.get("/v1/submissions", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_list_can_be_narrowed_to_a_state(gate: Gate, waiting: str) -> None:
    items = gate.client("submitter").get("/v1/submissions?state=awaiting_review").json()["items"]
    assert waiting in [item["id"] for item in items]
    assert {item["state"] for item in items} == {"awaiting_review"}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "state=done", "cursor=%00", "cursor=bm9wZQ=="])
def test_bad_query_is_refused(gate: Gate, query: str) -> None:
    problem(gate.client("submitter").get(f"/v1/submissions?{query}"), 422, "invalid-request")


@pytest.mark.parametrize(
    "name",
    [
        "ep_",
        "ep_" + "u" * 20,
        "..",
        "%2e%2e%2fsecret",
        "ep_9m3kq7xv2c8r4t6w1b5n%00",
        "ep_9m3kq7xv2c8r4t6w1b5n%0d%0aX: y",
    ],
)
def test_name_that_nothing_can_have_is_not_found(gate: Gate, name: str) -> None:
    answer = gate.client("auditor").get(f"/v1/submissions/{name}")
    assert answer.status_code == 404
    assert "X" not in answer.headers


def test_no_script_text_is_logged(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    gate.submit(a_script("Xylophonic.", sentences=2))
    gate.client("submitter").post("/v1/submissions", json={"script": "Xylophonic"})
    assert "Xylophonic" not in caplog.text


def test_events_say_who_did_what_only_by_kind(gate: Gate, released: str) -> None:
    events = gate.client("submitter").get(f"/v1/submissions/{released}").json()["events"]
    assert all(set(event) == {"index", "kind", "at"} for event in events)
    assert json.dumps(events).count("actor") == 0


CANONICAL = json.dumps(
    {
        "format": "assay-script",
        "version": 1,
        "title": "Canonical",
        "voices": {"ANN": "hum-low"},
        "chapters": [{"parts": [{"speaker": "ANN", "text": "Hello."}]}],
    }
)


def test_canonical_json_is_a_script_bare_and_inside(gate: Gate) -> None:
    client = gate.client("submitter")
    headers = {"Content-Type": "application/vnd.assay.script+json"}
    bare = client.post("/v1/submissions", content=CANONICAL, headers=headers)
    inside = client.post("/v1/submissions", json={"script": CANONICAL})
    assert (bare.status_code, bare.json()["title"]) == (202, "Canonical")
    assert inside.json()["title"] == "Canonical"
    assert client.get(bare.headers["location"]).json()["script"] == CANONICAL


def test_a_file_without_a_head_gets_one(gate: Gate) -> None:
    client = gate.client("submitter")
    body = "<Person1>Hello.</Person1>\n<Person2>Hi.</Person2>"
    voices = {"Person1": "hum-low", "Person2": "hum-low"}
    sent = {"script": body, "format": "podcastfy", "title": "A talk", "voices": voices}
    answer = client.post("/v1/submissions", json=sent)
    assert (answer.status_code, answer.json()["title"]) == (202, "A talk")
    stored = client.get(answer.headers["location"]).json()["script"]
    assert stored.endswith(body)
    assert "format: podcastfy" in stored
    bare = client.post(
        "/v1/submissions?title=A+talk&voice=Person1=hum-low&voice=Person2=hum-low",
        content=body,
        headers={"Content-Type": "text/plain"},
    )
    assert client.get(bare.headers["location"]).json()["script"] == stored


@pytest.mark.parametrize(
    ("body", "media_type", "line"),
    [
        ("<speak>Hello.\n\n<audio src='http://127.0.0.1/x'/></speak>", "application/ssml+xml", 3),
        ("<!DOCTYPE speak [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><speak>&a;</speak>", "application/ssml+xml", 1),
        ("One.\nkil\u200bl", "text/plain", 2),
        ("<Person1>Hello.</Person1>\nlost words", "text/plain", 2),
        ('{"format": "assay-script",\n"version": 2}', "application/vnd.assay.script+json", 2),
    ],
)
def test_an_error_points_at_the_line_that_was_sent(gate: Gate, body: str, media_type: str, line: int) -> None:
    answer = gate.client("submitter").post(
        "/v1/submissions?voice=Narrator=hum-low&voice=Person1=hum-low"
        if "json" not in media_type
        else "/v1/submissions",
        content=body.encode(),
        headers={"Content-Type": media_type},
    )
    assert problem(answer, 422, "invalid-script")["line"] == line


def test_a_whole_script_takes_no_title_or_voices_from_elsewhere(gate: Gate) -> None:
    answer = gate.client("submitter").post("/v1/submissions", json={"script": FAST, "title": "Other"})
    problem(answer, 422, "invalid-request")
    answer = gate.client("submitter").post(
        "/v1/submissions?voice=oops", content=b"Hello.", headers={"Content-Type": "text/plain"}
    )
    problem(answer, 422, "invalid-request")
