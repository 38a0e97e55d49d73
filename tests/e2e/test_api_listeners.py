"""Feeds for single listeners: what a token opens, what it does not, and that nothing is said to whoever has none."""

from __future__ import annotations

import io
import logging
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import podcastparser
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from gateway.feed import ITUNES, PODCAST
from gateway.listeners import ListenerFeed
from tests.api_gate import PUBLIC_URL, Gate, a_script, build_gate

BOARD = "Board Briefing"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("listeners"), private_shows=(BOARD,))


@pytest.fixture(scope="module")
def public(gate: Gate) -> str:
    return gate.make(a_script(title="For everybody", sentences=3))


@pytest.fixture(scope="module")
def private(gate: Gate) -> str:
    return gate.make(a_script(title="For the board", sentences=3).replace("Harbour News", f" {BOARD.lower()} "))


def new_feed(gate: Gate, **members: Any) -> tuple[str, str]:
    answer = gate.client("admin").post("/v1/feeds", json={"name": "A. Diaz", **members})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["url"].removeprefix(PUBLIC_URL)


def addresses_in(content: bytes) -> list[str]:
    tree = ET.fromstring(content)
    found = [element.get(name) or "" for element in tree.iter() for name in ("url", "uri")]
    return [address.removeprefix(PUBLIC_URL) for address in found if address]


def test_private_show_is_nowhere_in_public(gate: Gate, public: str, private: str) -> None:
    feed = gate.client().get("/feed.xml").text
    assert public in feed
    assert private not in feed
    assert "For the board" not in feed
    clip = gate.client("submitter").get(f"/v1/submissions/{private}").json()["clips"][0]["url"]
    page = f"/v1/episodes/{private}"
    for path in (page, f"{page}/transcript.vtt", f"{page}/transcript.json", f"{page}/chapters.json", clip):
        assert gate.client().get(path).status_code == 404
        assert gate.client("other").get(path).status_code == 404
    assert gate.client("submitter").get(clip).status_code == 200


def test_listener_hears_everything_that_the_feed_names(gate: Gate, public: str, private: str) -> None:
    _, feed_path = new_feed(gate)
    root = feed_path.removesuffix("feed.xml")
    answer = gate.client().get(feed_path)
    assert answer.headers["content-type"].startswith("application/rss+xml")
    assert {public, private} <= {item.findtext("guid") for item in ET.fromstring(answer.content).iter("item")}
    named = addresses_in(answer.content)
    assert len(named) >= 12
    for address in named:
        assert address.startswith(root)
        served = gate.client().get(address)
        assert served.status_code == 200
        assert served.headers["cache-control"] == "private, no-cache"
        assert "access-control-allow-origin" not in served.headers
    assert gate.client().head(feed_path).status_code == 200
    assert gate.client().get(feed_path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_sound_is_served_in_ranges(gate: Gate, private: str) -> None:
    _, feed_path = new_feed(gate)
    (sound, *_) = [path for path in addresses_in(gate.client().get(feed_path).content) if f"{private}/audio" in path]
    part = gate.client().get(sound, headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert gate.client().head(sound).headers["content-length"] == part.headers["content-range"].split("/")[1]


def test_feed_of_one_show_opens_no_other(gate: Gate, public: str, private: str) -> None:
    _, feed_path = new_feed(gate, show=BOARD)
    root = feed_path.removesuffix("feed.xml")
    guids = [item.findtext("guid") for item in ET.fromstring(gate.client().get(feed_path).content).iter("item")]
    assert guids == [private]
    for name in ("transcript.vtt", "chapters.json"):
        assert gate.client().get(f"{root}episodes/{public}/{name}").status_code == 404
        assert gate.client().get(f"{root}episodes/{private}/{name}").status_code == 200


def test_whoever_has_no_token_learns_nothing(gate: Gate, private: str) -> None:
    feed_id, feed_path = new_feed(gate)
    token = feed_path.split("/")[2]
    clip = gate.client("submitter").get(f"/v1/submissions/{private}").json()["clips"][0]["url"].rpartition("/")[2]
    swapped = token[:-1] + ("a" if token[-1] != "a" else "b")
    for wrong in ("x", "0" * 43, swapped, feed_id, "é" * 43, "..%2f..", token + "0", token.swapcase()):
        for path in ("feed.xml", f"episodes/{private}/audio/{clip}", f"episodes/{private}/chapters.json"):
            answer = gate.client().get(f"/listen/{wrong}/{path}")
            assert answer.status_code == 404
            assert "board" not in answer.text.lower()


def test_revoked_feed_ends_at_once_with_all_its_addresses(gate: Gate, private: str) -> None:
    feed_id, feed_path = new_feed(gate)
    named = [feed_path, *addresses_in(gate.client().get(feed_path).content)]
    assert gate.client("admin").delete(f"/v1/feeds/{feed_id}").status_code == 204
    assert {gate.client().get(path).status_code for path in named} == {404}
    assert gate.client("admin").delete(f"/v1/feeds/{feed_id}").status_code == 204
    (listed,) = [one for one in gate.client("admin").get("/v1/feeds").json()["feeds"] if one["id"] == feed_id]
    assert listed["name"] == ""
    assert listed["revoked_at"]
    log = gate.chain.tools.log
    with gate.chain.database.read() as session:
        kinds = [one.event.kind.value for one in log.events_for(session, feed_id)]
    assert kinds == ["feed.created", "feed.revoked"]
    assert gate.client("admin").delete("/v1/feeds/lf_nothing").status_code == 404


def test_feed_ends_by_its_date(gate: Gate, private: str) -> None:
    _, feed_path = new_feed(gate, days=1)
    assert gate.client().get(feed_path).status_code == 200
    with gate.chain.database.write() as session:
        for row in session.exec(select(ListenerFeed)):
            if row.expires_at is not None:
                row.expires_at -= timedelta(days=2)
    assert gate.client().get(feed_path).status_code == 404


def test_token_is_stored_and_logged_nowhere(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    _, feed_path = new_feed(gate)
    token = feed_path.split("/")[2]
    with caplog.at_level(logging.DEBUG):
        client = TestClient(gate.app, raise_server_exceptions=False)
        assert client.get(feed_path).status_code == 200
        assert client.get(f"/listen/{token}/episodes/nothing/chapters.json").status_code == 404
    ours = [record for record in caplog.records if record.name.startswith(("gateway", "uvicorn"))]
    assert all(token not in record.getMessage() for record in ours)
    assert gate.chain.database.url.database is not None
    gate.chain.database.dispose()
    for path in Path(gate.chain.database.url.database).parent.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes()


def test_fault_while_a_listener_is_served_does_not_write_the_token_down(
    gate: Gate, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, feed_path = new_feed(gate)

    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr("gateway.api.listeners.list_released", broken)
    assert gate.client().get(feed_path).status_code == 500
    assert "/listen/..." in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("gateway")]
    assert all(feed_path.split("/")[2] not in message for message in ours)


def test_players_are_asked_to_keep_it_to_themselves(gate: Gate, private: str) -> None:
    _, feed_path = new_feed(gate, show=BOARD)
    content = gate.client().get(feed_path).content
    channel = ET.fromstring(content).find("channel")
    assert channel is not None
    assert channel.findtext(f"{{{ITUNES}}}block") == "Yes"
    assert channel.findtext(f"{{{PODCAST}}}block") == "yes"
    _, other_path = new_feed(gate, show=BOARD)
    other = ET.fromstring(gate.client().get(other_path).content).find("channel")
    assert other is not None
    assert channel.findtext(f"{{{PODCAST}}}guid") != other.findtext(f"{{{PODCAST}}}guid")
    assert not feedparser.parse(content).bozo
    parsed = podcastparser.parse(PUBLIC_URL + feed_path, io.BytesIO(content))
    (episode,) = parsed["episodes"]
    assert episode["guid"] == private
    assert episode["enclosures"][0]["url"].startswith(PUBLIC_URL + feed_path.removesuffix("feed.xml"))


def test_withdrawn_episode_says_why_only_to_who_could_hear_it(gate: Gate, public: str) -> None:
    gone = gate.make(a_script(title="Gone", sentences=3).replace("Harbour News", BOARD))
    _, feed_path = new_feed(gate, show=BOARD)
    _, other_path = new_feed(gate, show="Harbour News")
    taken = gate.client("admin").post(f"/v1/episodes/{gone}/withdrawal", json={"reason": "A wrong figure."})
    assert taken.status_code == 200
    assert gone not in gate.client().get(feed_path).text
    name = f"episodes/{gone}/chapters.json"
    answer = gate.client().get(feed_path.replace("feed.xml", name))
    assert (answer.status_code, "A wrong figure." in answer.text) == (410, True)
    for path in (other_path.replace("feed.xml", name), f"/v1/{name}", f"/v1/episodes/{gone}"):
        assert gate.client().get(path).status_code == 404


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "a\u0000b"}, {"name": "A", "days": 0}, {"name": "A", "show": " "}, {"nme": "A"}, []]
)
def test_feed_that_makes_no_sense_is_refused(gate: Gate, body: Any) -> None:
    assert gate.client("admin").post("/v1/feeds", json=body).status_code == 422
