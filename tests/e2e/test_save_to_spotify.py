"""The interface of save-to-spotify, with requests as version 0.2.0 of the tool sends them.

`tests/outside/test_save_to_spotify_cli.py` runs the tool itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.auth import Role, create_key, revoke_key
from gateway.saved import ADDRESS_LIFETIME
from tests.api_gate import PUBLIC_URL, Gate, build_app, build_gate
from tests.e2e.test_api_intakes import SAID, hum, wav

API = "/save-to-spotify/api/v1"


class Tool:
    """Sends what the tool sends."""

    def __init__(self, gate: Gate, key: str) -> None:
        self.gate = gate
        self.app = build_app(replace(gate.backend, enqueue=gate.run))  # works at once, in the calling thread
        self.client = TestClient(self.app, headers={"Authorization": f"Bearer {key}"}, raise_server_exceptions=False)
        self.nobody = TestClient(self.app, raise_server_exceptions=False)

    def show(self, title: str = "My Personal Podcast") -> str:
        body = {"title": title, "summary": "(no description)", "language": "en"}
        answer = self.client.post(f"{API}/shows", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["show_uri"]).removeprefix("spotify:show:")

    def episode(self, show: str, title: str = "Today") -> tuple[str, str]:
        """Return the episode's id, and the path to put the file at."""
        body = {"title": title, "summary": "", "language": "en", "media_type": "EPISODE_AUDIO"}
        answer = self.client.post(f"{API}/shows/{show}/episodes", json=body)
        assert answer.status_code == 201, answer.text
        (part,) = answer.json()["multipart_upload_urls"]
        assert part["part_number"] == 1
        episode = answer.json()["episode_uri"].removeprefix("spotify:episode:")
        return episode, part["signed_url"].removeprefix(PUBLIC_URL)

    def put(self, path: str, data: bytes, media_type: str = "audio/wav") -> Any:
        return self.nobody.put(path, content=data, headers={"Content-Type": media_type})

    def readiness(self, episode: str) -> str:
        answer = self.client.get(f"{API}/episodes/{episode}/readiness")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["readiness"])


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("saving"))


@pytest.fixture
def tool(gate: Gate) -> Iterator[Tool]:
    yield Tool(gate, gate.keys["submitter"])
    gate.ears.says, gate.ears.sure = SAID, 0.9


def refused(answer: Any, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


def test_file_is_taken_in_and_ready_and_not_for_everybody(tool: Tool) -> None:
    show = tool.show()
    episode, address = tool.episode(show)
    assert tool.readiness(episode) == "PROCESSING"
    assert tool.put(address, wav(hum(seed=31))).status_code == 200
    assert tool.readiness(episode) == "READY"
    (listed,) = tool.client.get(f"{API}/shows/{show}/episodes").json()["episodes"]
    assert (listed["title"], listed["status"], listed["media_type"]) == ("Today", "READY", "EPISODE_AUDIO")
    released = next(one for one in tool.client.get("/v1/submissions").json()["items"] if one["title"] == "Today")
    assert released["state"] == "released"
    assert released["show"] == "My Personal Podcast"
    assert released["id"] not in tool.nobody.get("/feed.xml").text
    assert tool.nobody.get(f"/v1/episodes/{released['id']}").status_code == 404
    feed = tool.gate.client("admin").post("/v1/feeds", json={"name": "me", "show": "My Personal Podcast"}).json()["url"]
    assert released["id"] in tool.nobody.get(feed.removeprefix(PUBLIC_URL)).text


def test_refusal_reaches_whoever_uploads(tool: Tool) -> None:
    tool.gate.ears.says = "twenty harmless words " * 5 + "and then please block"
    episode, address = tool.episode(tool.show())
    words = refused(tool.put(address, wav(hum(seed=32))))
    assert "The content policy refuses this file" in words
    assert "The script asked for it." in words
    assert tool.readiness(episode) == "FAILED"


def test_what_a_person_must_decide_is_still_processed(tool: Tool) -> None:
    tool.gate.ears.says = "please review this"
    episode, address = tool.episode(tool.show())
    assert tool.put(address, wav(hum(seed=33))).status_code == 200
    assert tool.readiness(episode) == "PROCESSING"


def test_words_that_listeners_would_read_are_screened(tool: Tool) -> None:
    body = {"title": "please block", "summary": "", "language": "en"}
    assert "content policy" in refused(tool.client.post(f"{API}/shows", json=body))
    show = tool.show()
    for title, summary in (("please review", ""), ("Fine", "please block")):
        body = {"title": title, "summary": summary, "language": "en", "media_type": "EPISODE_AUDIO"}
        assert "content policy" in refused(tool.client.post(f"{API}/shows/{show}/episodes", json=body))
    episode, _ = tool.episode(show)
    items = [
        {"chapter": {"title": "A", "start_time_ms": 0}},
        {"chapter": {"title": "please block", "start_time_ms": 9000}},
    ]
    answer = tool.client.put(f"{API}/shows/{show}/episodes/{episode}/timeline", json={"items": items})
    assert "content policy" in refused(answer)


def test_file_of_ours_is_accepted_as_it_is(tool: Tool) -> None:
    from tests.api_gate import a_script

    made = tool.gate.make(a_script(title="Of ours", sentences=5))
    url = tool.gate.client().get(f"/v1/episodes/{made}").json()["clips"][0]["url"]
    episode, address = tool.episode(tool.show(), "Of ours")
    before = len(tool.client.get("/v1/submissions?limit=100").json()["items"])
    assert tool.put(address, tool.nobody.get(url).content, "audio/mpeg").status_code == 200
    assert tool.readiness(episode) == "READY"
    assert len(tool.client.get("/v1/submissions?limit=100").json()["items"]) == before
    assert tool.client.delete(f"{API}/episodes/{episode}").status_code == 204
    assert tool.nobody.get(f"/v1/episodes/{made}").status_code == 200  # it was not this caller's to take back


def test_address_works_once_and_for_its_time_and_with_its_key(tool: Tool) -> None:
    _, address = tool.episode(tool.show())
    assert tool.put(address, b"").status_code == 422
    assert "was used" in refused(tool.put(address, wav(hum(seed=34))), 404)
    assert "never was" in refused(tool.put("/save-to-spotify/uploads/guessed", wav(hum())), 404)
    clock = tool.gate.chain.clock
    _, late = tool.episode(tool.show())
    clock.now += ADDRESS_LIFETIME + timedelta(seconds=1)
    assert "is over" in refused(tool.put(late, wav(hum())), 404)
    with tool.gate.chain.database.write() as session:
        key = create_key(session, Role.SUBMITTER, "stolen", clock())
    thief = Tool(tool.gate, key)
    _, address = thief.episode(thief.show())
    with tool.gate.chain.database.write() as session:
        revoke_key(session, key.split("_")[1], clock())
    assert "key" in refused(thief.put(address, wav(hum(seed=35))), 404)
    assert refused(thief.client.get(f"{API}/shows"), 401)


def test_what_one_caller_made_does_not_exist_for_another(tool: Tool) -> None:
    other = Tool(tool.gate, tool.gate.keys["other"])
    show = tool.show()
    episode, _ = tool.episode(show)
    for path in (f"/shows/{show}", f"/shows/{show}/episodes", f"/episodes/{episode}/readiness"):
        refused(other.client.get(API + path), 404)
    refused(other.client.delete(f"{API}/shows/{show}"), 404)
    refused(other.client.delete(f"{API}/episodes/{episode}"), 404)
    assert show not in other.client.get(f"{API}/shows").text
    for role in (None, "reviewer", "auditor", "admin"):
        headers = {"Authorization": f"Bearer {tool.gate.keys[role]}"} if role else {}
        assert tool.nobody.get(f"{API}/shows", headers=headers).status_code in (401, 403)


def test_default_show_is_the_last(tool: Tool) -> None:
    first, last = tool.show("First"), tool.show("Last")
    uris = [one["show_uri"] for one in tool.client.get(f"{API}/shows").json()["shows"]]
    assert uris.index(f"spotify:show:{first}") < uris.index(f"spotify:show:{last}") == len(uris) - 1
    shown = tool.client.get(f"{API}/shows/{last}")
    assert (shown.status_code, shown.json()["title"], shown.json()["total_episodes"]) == (200, "Last", 0)


def test_deleting_takes_back_what_became_public(tool: Tool) -> None:
    show = tool.show("To go")
    _, address = tool.episode(show, "To go too")
    assert tool.put(address, wav(hum(seed=36))).status_code == 200
    row = next(one for one in tool.client.get("/v1/submissions").json()["items"] if one["title"] == "To go too")
    assert row["state"] == "released"
    assert tool.client.delete(f"{API}/shows/{show}").status_code == 204
    assert tool.client.get(f"/v1/submissions/{row['id']}").json()["state"] == "withdrawn"
    refused(tool.client.get(f"{API}/shows/{show}"), 404)


@pytest.mark.parametrize("media_type", ["video/mp4", "text/plain", ""])
def test_what_is_no_sound_is_refused_before_the_address_is_used(tool: Tool, media_type: str) -> None:
    _, address = tool.episode(tool.show())
    refused(tool.put(address, b"x", media_type), 415)
    assert tool.put(address, wav(hum(seed=37))).status_code == 200


def test_video_that_calls_itself_sound_is_refused(tool: Tool) -> None:
    episode, address = tool.episode(tool.show())
    refused(tool.put(address, bytes(4) + b"ftypisom" + bytes(400), "audio/mp4"))
    assert tool.readiness(episode) == "FAILED"
    body = {"title": "Film", "summary": "", "language": "en", "media_type": "EPISODE_VIDEO"}
    assert "only audio" in refused(tool.client.post(f"{API}/shows/{tool.show()}/episodes", json=body))


def test_more_than_may_be_sent_is_stopped_while_it_arrives(tmp_path: Path) -> None:
    gate = build_gate(tmp_path, max_upload_bytes=100_000)
    tool = Tool(gate, gate.keys["submitter"])
    _, address = tool.episode(tool.show())

    def body() -> Iterator[bytes]:
        for _ in range(1_000):
            yield bytes(100_000)

    answer = tool.nobody.put(address, content=body(), headers={"Content-Type": "audio/wav"})
    refused(answer, 413)


def test_timeline_is_kept_and_read_back_without_addresses(tool: Tool) -> None:
    show = tool.show()
    episode, address = tool.episode(show)
    assert tool.put(address, wav(hum(seed=38))).status_code == 200
    path = f"{API}/shows/{show}/episodes/{episode}/timeline"
    items: list[dict[str, Any]] = [
        {"chapter": {"title": "One", "start_time_ms": 0}},
        {"chapter": {"title": "Two", "start_time_ms": 6_000}},
        {"link": {"start_time_ms": 100, "duration_ms": 500, "url": "https://example.org/a"}},
    ]
    assert tool.client.put(path, json={"items": items}).status_code == 200
    got = tool.client.get(path).json()["items"]
    assert [list(one) for one in got] == [["chapter"], ["chapter"], ["link"]]
    assert got[0]["chapter"]["chapter_uri"].startswith("spotify:chapter:")
    assert "url" not in got[2]["link"]
    assert tool.client.delete(path).status_code == 204
    assert tool.client.get(path).json() == {"items": []}


LINK = {"start_time_ms": 0, "duration_ms": 1_000, "url": "https://example.org"}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{}],
        [{"chapter": {"title": "A", "start_time_ms": 0}}],
        [{"chapter": {"title": "A", "start_time_ms": 1}}, {"chapter": {"title": "B", "start_time_ms": 9_000}}],
        [{"chapter": {"title": "A", "start_time_ms": 0}}, {"chapter": {"title": "B", "start_time_ms": 4_000}}],
        [{"chapter": {"title": "", "start_time_ms": 0}}, {"chapter": {"title": "B", "start_time_ms": 9_000}}],
        [{"link": LINK, "chapter": {"title": "A", "start_time_ms": 0}}],
        [{"link": {**LINK, "url": "javascript:alert(1)"}}],
        [{"link": {**LINK, "url": "https://user:secret@example.org"}}],
        [{"link": {**LINK, "duration_ms": 0}}],
        [{"link": {**LINK, "start_time_ms": -1}}],
        [{"link": LINK}, {"link": {**LINK, "start_time_ms": 500}}],
        [{"spotify_entity": {"start_time_ms": 0, "uri": "https://example.org"}}],
        [{"image": {"start_time_ms": 0, "duration_ms": 1, "image_token": "x", "width": 5_000, "height": 1}}],
        [{"link": LINK, "unknown": 1}],
    ],
)
def test_timeline_that_makes_no_sense_is_refused(tool: Tool, items: Any) -> None:
    show = tool.show()
    episode, _ = tool.episode(show)
    refused(tool.client.put(f"{API}/shows/{show}/episodes/{episode}/timeline", json={"items": items}))


def test_picture_must_be_one(tool: Tool) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    answer = tool.client.post(f"{API}/images", content=png, headers={"Content-Type": "image/png"})
    assert answer.json()["upload_token"]
    refused(tool.client.post(f"{API}/images", content=png, headers={"Content-Type": "image/jpeg"}))
    refused(tool.client.post(f"{API}/images", content=png, headers={"Content-Type": "image/gif"}), 415)
    big = png + bytes(1 << 20)
    refused(tool.client.post(f"{API}/images", content=big, headers={"Content-Type": "image/png"}), 413)


def test_no_programs_are_served_and_the_tool_is_never_told_to_stop(tool: Tool) -> None:
    answer = tool.nobody.get(f"{API}/cli/releases/latest?os=linux&arch=amd64")
    refused(answer, 404)
    assert "x-min-cli-version" not in answer.headers


def test_upload_address_is_stored_nowhere(tool: Tool) -> None:
    _, address = tool.episode(tool.show())
    token = address.rpartition("/")[2]
    database = tool.gate.chain.database
    assert database.url.database is not None
    database.dispose()
    for path in Path(database.url.database).parent.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes()
