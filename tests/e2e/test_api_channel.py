"""The feed as podcast players read it, the log as outsiders check it, and the process as its operator sees it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import feedparser
import podcastparser
import pytest
from starlette.testclient import TestClient

from audit.checkpoint import parse_and_verify
from audit.event import parse_event
from audit.receipt import Receipt, verify_receipt
from gateway.api.readiness import Probe
from gateway.errors import KeyMaterialError
from gateway.feed import ITUNES, PODCAST
from tests.api_gate import PUBLIC_URL, Gate, a_script, build_app, build_gate


def feed_of(gate: Gate) -> tuple[Any, ET.Element]:
    content = gate.client().get("/feed.xml").content
    return feedparser.parse(content), ET.fromstring(content)


def item_of(tree: ET.Element, episode_id: str) -> ET.Element:
    (item,) = [item for item in tree.iter("item") if item.findtext("guid") == episode_id]
    return item


def test_players_parse_the_feed_without_complaint(gate: Gate, released: str) -> None:
    parsed, _ = feed_of(gate)
    assert not parsed.bozo
    assert parsed.version == "rss20"
    (entry,) = [entry for entry in parsed.entries if entry.id == released]
    assert entry.title == "Morning briefing"
    assert entry.published_parsed is not None
    assert int(entry.itunes_duration) > 0


def test_another_authors_parser_reads_the_same(gate: Gate, released: str) -> None:
    content = gate.client().get("/feed.xml").content
    parsed = podcastparser.parse(f"{PUBLIC_URL}/feed.xml", io.BytesIO(content))
    (episode,) = [one for one in parsed["episodes"] if one["guid"] == released]
    assert episode["title"] == "Morning briefing"
    assert episode["enclosures"][0]["mime_type"] == "audio/mpeg"
    assert episode["enclosures"][0]["file_size"] > 0
    assert episode["total_time"] > 0
    assert [chapter["title"] for chapter in episode["chapters"]][-3:] == ["Part 1", "Part 2", "Part 3"]


def test_channel_has_everything_that_psp1_requires(gate: Gate, released: str) -> None:
    _, tree = feed_of(gate)
    channel = tree.find("channel")
    assert channel is not None
    for name in ("title", "link", "description", "language", f"{{{ITUNES}}}explicit", f"{{{PODCAST}}}guid"):
        assert channel.findtext(name)
    image = channel.find(f"{{{ITUNES}}}image")
    assert image is not None
    assert image.get("href") == f"{PUBLIC_URL}/cover.png"
    assert channel.find(f"{{{ITUNES}}}category") is not None
    self_link = channel.find("{http://www.w3.org/2005/Atom}link")
    assert self_link is not None
    assert (self_link.get("rel"), self_link.get("href")) == ("self", f"{PUBLIC_URL}/feed.xml")


def test_channel_and_item_say_that_it_is_made_by_ai(gate: Gate, released: str) -> None:
    _, tree = feed_of(gate)
    for element in (tree.find("channel"), item_of(tree, released)):
        assert element is not None
        (text,) = element.findall(f"{{{PODCAST}}}txt")
        assert (text.get("purpose"), text.text) == ("ai-content", "true")
    assert "artificial intelligence" in (item_of(tree, released).findtext("description") or "")


def test_enclosure_is_exactly_what_its_address_serves(gate: Gate, released: str) -> None:
    _, tree = feed_of(gate)
    item = item_of(tree, released)
    enclosure = item.find("enclosure")
    assert enclosure is not None
    content = gate.client().get(enclosure.attrib["url"].removeprefix(PUBLIC_URL)).content
    assert enclosure.attrib["length"] == str(len(content))
    assert enclosure.attrib["type"] == "audio/mpeg"
    for rendition in item.findall(f"{{{PODCAST}}}alternateEnclosure"):
        source, integrity = rendition.find(f"{{{PODCAST}}}source"), rendition.find(f"{{{PODCAST}}}integrity")
        assert source is not None
        assert integrity is not None
        served = gate.client().get(source.attrib["uri"].removeprefix(PUBLIC_URL)).content
        digest = base64.b64encode(hashlib.sha256(served).digest()).decode()
        assert integrity.attrib == {"type": "sri", "value": f"sha256-{digest}"}


def test_transcript_and_chapters_that_the_feed_names_exist(gate: Gate, released: str) -> None:
    _, tree = feed_of(gate)
    item = item_of(tree, released)
    named = [*item.findall(f"{{{PODCAST}}}transcript"), *item.findall(f"{{{PODCAST}}}chapters")]
    assert len(named) == 4
    for element in named:
        answer = gate.client().get(element.attrib["url"].removeprefix(PUBLIC_URL))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(element.attrib["type"])


def test_announcer_of_the_disclosure_is_not_a_host(gate: Gate, released: str) -> None:
    _, tree = feed_of(gate)
    hosts = [person.text for person in item_of(tree, released).findall(f"{{{PODCAST}}}person")]
    assert hosts == ["ANN (synthetic voice)", "BEN (synthetic voice)"]


def test_unreleased_episode_is_not_in_the_feed(gate: Gate, waiting: str) -> None:
    assert waiting not in gate.client().get("/feed.xml").text


def test_feed_is_not_sent_again_to_who_has_it(gate: Gate, released: str) -> None:
    answer = gate.client().get("/feed.xml")
    again = gate.client().get("/feed.xml", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    since = {"If-Modified-Since": answer.headers["last-modified"]}
    assert gate.client().get("/feed.xml", headers=since).status_code == 304
    for old in ("Mon, 01 Jan 2024 00:00:00 GMT", "yesterday", ""):
        assert gate.client().get("/feed.xml", headers={"If-Modified-Since": old}).status_code == 200
    head = gate.client().head("/feed.xml")
    assert head.headers["etag"] == answer.headers["etag"]


def test_feed_without_episodes_is_valid(tmp_path: Path) -> None:
    parsed, tree = feed_of(build_gate(tmp_path))
    assert not parsed.bozo
    assert list(tree.iter("item")) == []


def test_cover_is_large_enough_and_served_in_ranges(gate: Gate) -> None:
    content = gate.client().get("/cover.png").content
    width, height = struct.unpack(">II", content[16:24])
    assert width == height
    assert 1400 <= width <= 3000
    assert gate.client().get("/cover.png", headers={"Range": "bytes=0-7"}).content == b"\x89PNG\r\n\x1a\n"


def test_proof_verifies_offline_with_the_log_key_alone(gate: Gate, released: str) -> None:
    log = gate.chain.tools.log
    receipt = Receipt.from_text(gate.client().get(f"/v1/log/proof/{released}").text)
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier)
    event = parse_event(receipt.leaf)
    assert (event.kind.value, event.subject) == ("release.intended", released)
    clips = gate.client().get(f"/v1/episodes/{released}").json()["clips"]
    assert sorted(clip["sha256"] for clip in clips) == event.facts["clips"]
    newest = parse_and_verify(
        gate.client().get("/v1/log/checkpoint").text, origin=log.origin, verifiers=(log.verifier,)
    )
    assert newest.size >= checkpoint.size


def test_entry_is_served_byte_for_byte(gate: Gate, released: str) -> None:
    receipt = Receipt.from_text(gate.client().get(f"/v1/log/proof/{released}").text)
    answer = gate.client().get(f"/v1/log/entries/{receipt.index}")
    assert answer.content == receipt.leaf
    assert json.loads(answer.content)["subject"] == released


@pytest.mark.parametrize("index", ["99999999", "-1", str(2**63), "9" * 400, "x", "1.5"])
def test_entry_that_is_not_there(gate: Gate, released: str, index: str) -> None:
    assert gate.client().get(f"/v1/log/entries/{index}").status_code == 404


def test_proof_of_an_unreleased_episode_is_for_those_who_may_know(gate: Gate, waiting: str) -> None:
    path = f"/v1/log/proof/{waiting}?purpose=clip"
    assert gate.client().get(path).status_code == 404
    assert gate.client("other").get(path).status_code == 404
    assert gate.client("submitter").get(path).status_code == 200
    assert gate.client("submitter").get(f"/v1/log/proof/{waiting}").status_code == 404  # no intent yet


def test_empty_log_has_no_checkpoint(tmp_path: Path) -> None:
    assert build_gate(tmp_path).client().get("/v1/log/checkpoint").status_code == 404


def test_ready_names_every_component(gate: Gate) -> None:
    answer = gate.client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert {one["name"] for one in answer.json()["components"]} >= {"database", "log", "marks"}


def test_not_ready_says_which_component_and_why_and_asks_the_others_too(gate: Gate) -> None:
    def broken() -> None:
        raise KeyMaterialError("log.key can be read by others; run: chmod 600 log.key")

    probes = [Probe("keys", broken), *gate.backend.probes]
    answer = TestClient(build_app(replace(gate.backend, probes=probes))).get("/readyz")
    assert answer.status_code == 503
    found = {one["name"]: one for one in answer.json()["components"]}
    assert found["keys"] == {
        "name": "keys",
        "ok": False,
        "reason": "log.key can be read by others; run: chmod 600 log.key",
    }
    assert found["database"]["ok"] is True


def test_nothing_probed_is_not_ready(gate: Gate) -> None:
    assert TestClient(build_app(replace(gate.backend, probes=()))).get("/readyz").status_code == 503


def test_rolled_back_database_is_not_ready(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    published = gate.chain.tools.settings.published_checkpoint
    gate.make(a_script("please block", sentences=2))
    with gate.chain.database.write() as session:
        checkpoint = gate.chain.tools.log.seal(session, at=gate.chain.clock())
    published.parent.mkdir(parents=True, exist_ok=True)
    published.write_text(checkpoint.note)
    assert gate.client().get("/readyz").status_code == 200
    fresh = build_gate(tmp_path / "fresh")
    other = fresh.chain.tools.settings.published_checkpoint
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text(checkpoint.note)
    answer = fresh.client().get("/readyz")
    assert answer.status_code == 503
    assert [one["name"] for one in answer.json()["components"] if not one["ok"]] == ["log"]


def test_liveness_needs_nothing(gate: Gate) -> None:
    assert gate.client().get("/livez").json() == {"status": "alive"}


def test_transcripts_in_all_forms_say_the_same(gate: Gate, released: str) -> None:
    page = f"/v1/episodes/{released}/transcript"
    subrip, document = gate.client().get(f"{page}.srt").text, gate.client().get(f"{page}.json").json()
    assert subrip.startswith("1\n00:00:00,")
    numbers = [block.partition("\n")[0] for block in subrip.strip().split("\n\n")]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert document["version"] == "1.0.0"
    starts = [segment["startTime"] for segment in document["segments"]]
    assert starts == sorted(starts)
    assert {segment["speaker"] for segment in document["segments"]} >= {"ANN", "BEN"}
    words = " ".join(segment["body"] for segment in document["segments"]).split()
    assert all(word in subrip for word in words)
    assert gate.client().get(f"{page}.exe").status_code == 404
