"""Soft binding resolution, asked by a client that is written from the C2PA specification alone."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from gateway.errors import FetchError
from gateway.verification.jumbf import active_manifest
from synth.decode import decode
from synth.watermark import Payload
from tests.api_gate import Gate, a_script, build_app
from tests.recoding import as_mp3
from tests.speech_samples import SAMPLE_RATE, reading

ALGORITHM = "org.assay-gateway.keyed.2"


class Client:
    """Knows the well-known address and the specification, and nothing of this service."""

    def __init__(self, http: Any) -> None:
        self.http = http
        found = http.get("/.well-known/c2pa-soft-binding-resolution").json()
        assert re.fullmatch(r"\d+\.\d+\.\d+", found["c2paSpecificationVersion"])
        self.base = found["apiEndpoint"]
        self.discovery = found

    def matches(self, answer: Any) -> list[dict[str, Any]]:
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert set(document) == {"matches"}
        for match in document["matches"]:
            assert set(match) <= {"manifestId", "endpoint", "similarityScore"}
            assert isinstance(match["manifestId"], str)
            assert 0 <= match["similarityScore"] <= 100
        listed: list[dict[str, Any]] = document["matches"]
        return listed

    def by_binding(self, value: bytes, alg: str = ALGORITHM, **query: Any) -> list[dict[str, Any]]:
        encoded = base64.b64encode(value).decode()
        got = self.http.get(f"{self.base}/matches/byBinding", params={"value": encoded, "alg": alg, **query})
        posted = self.http.post(f"{self.base}/matches/byBinding", json={"alg": alg, "value": encoded}, params=query)
        assert got.json() == posted.json()
        return self.matches(got)

    def by_content(self, data: bytes) -> list[dict[str, Any]]:
        headers = {"Content-Type": "audio/mpeg"}
        return self.matches(self.http.post(f"{self.base}/matches/byContent", content=data, headers=headers))

    def manifest(self, label: str, **query: str) -> Any:
        return self.http.get(f"{self.base}/manifests/{quote(label, safe='')}", params=query)


@pytest.fixture(scope="module")
def client(gate: Gate) -> Client:
    return Client(gate.client())


def code(episode_id: str) -> bytes:
    return Payload(episode_id).code.to_bytes(8, "big")


def stored(gate: Gate, episode_id: str) -> list[dict[str, Any]]:
    clips: list[dict[str, Any]] = gate.client("auditor").get(f"/v1/submissions/{episode_id}").json()["clips"]
    return clips


def test_versions_agree_and_capabilities_are_only_what_is_there(client: Client) -> None:
    capabilities = client.http.get(client.discovery["capabilitiesEndpoint"]).json()
    assert capabilities["c2paSpecificationVersion"] == client.discovery["c2paSpecificationVersion"]
    assert capabilities["supportedCapabilities"] == ["queryByContent"]
    status = client.http.get(client.discovery["statusEndpoint"]).json()
    assert status["status"] == "ok"
    assert status["timestamp"].endswith("Z")
    algorithms = client.http.get(f"{client.base}/services/supportedAlgorithms").json()
    assert algorithms == {"watermarks": [{"alg": ALGORITHM}], "fingerprints": []}
    assert client.http.post(f"{client.base}/manifests", content=b"x").status_code in {404, 405}


def test_mark_leads_to_the_manifest_byte_for_byte(gate: Gate, client: Client, released: str) -> None:
    matches = client.by_binding(code(released))
    clips = stored(gate, released)
    assert {match["manifestId"] for match in matches} == {clip["manifest_label"] for clip in clips}
    for clip in clips:
        answer = client.manifest(clip["manifest_label"])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/c2pa"
        store = gate.chain.tools.blobs.read(clip["sha256"])
        assert answer.content in store or clip["manifest_label"].encode() in answer.content
        active = client.manifest(clip["manifest_label"], returnActiveManifest="true")
        assert active.content == active_manifest(answer.content)
    assert len(client.by_binding(code(released), maxResults=1)) == 1


def test_sound_leads_to_the_manifest(gate: Gate, client: Client, released: str) -> None:
    clip = next(one for one in stored(gate, released) if one["media_type"] == "audio/mpeg")
    data = gate.chain.tools.blobs.read(clip["sha256"])
    exact = client.by_content(data)
    sound = decode(data)
    copy = client.by_content(as_mp3(sound.samples, sound.sample_rate))
    assert clip["manifest_label"] in {match["manifestId"] for match in exact}
    assert {match["manifestId"] for match in copy} == {match["manifestId"] for match in exact}
    assert max(match["similarityScore"] for match in copy) < max(match["similarityScore"] for match in exact)


def test_no_hit_is_an_empty_list(client: Client, released: str) -> None:
    assert client.by_binding(b"\x00" * 8) == []
    assert client.by_content(as_mp3(reading("story"), SAMPLE_RATE)) == []


def test_what_is_not_released_is_not_found(gate: Gate, client: Client, waiting: str) -> None:
    assert client.by_binding(code(waiting)) == []
    for clip in stored(gate, waiting):
        assert client.manifest(clip["manifest_label"]).status_code == 404


def test_what_was_taken_back_is_not_found(gate: Gate, client: Client) -> None:
    episode_id = gate.make(a_script(title="Gone", sentences=2))
    label = stored(gate, episode_id)[0]["manifest_label"]
    assert client.manifest(label).status_code == 200
    reason = {"reason": "The date is wrong."}
    assert gate.client("reviewer").post(f"/v1/episodes/{episode_id}/withdrawal", json=reason).status_code == 200
    assert client.by_binding(code(episode_id)) == []
    assert client.manifest(label).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"value": "AAAA"},
        {"alg": ALGORITHM},
        {"value": "not base64!", "alg": ALGORITHM},
        {"value": "AAAA", "alg": ALGORITHM},
        {"value": "AAAAAAAAAAA=", "alg": "com.example.unknown"},
        {"value": "AAAAAAAAAAA=", "alg": ALGORITHM, "maxResults": "0"},
        {"value": "AAAAAAAAAAA=", "alg": ALGORITHM, "maxResults": "many"},
    ],
)
def test_query_that_cannot_be_understood_is_400(client: Client, query: dict[str, str]) -> None:
    assert client.http.get("/v1/matches/byBinding", params=query).status_code == 400


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"alg": 1, "value": 2}', b"{", b'{"alg": "a", "value": "AA", "x": 1}']
)
def test_body_that_cannot_be_understood_is_400(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.http.post("/v1/matches/byBinding", content=body, headers=headers).status_code == 400


def test_value_too_long_for_an_address_is_414(client: Client) -> None:
    query = {"value": "A" * 2_000, "alg": ALGORITHM}
    assert client.http.get("/v1/matches/byBinding", params=query).status_code == 414


@pytest.mark.parametrize("label", ["urn:c2pa:nothing", "../../etc/passwd", "%00", "x" * 300])
def test_unknown_manifest_is_404(client: Client, label: str) -> None:
    assert client.manifest(label).status_code == 404


def test_other_media_is_refused(client: Client) -> None:
    answer = client.http.post("/v1/matches/byContent", content=b"x", headers={"Content-Type": "image/png"})
    assert answer.status_code == 415


def test_any_page_may_ask(client: Client) -> None:
    for path in ("/.well-known/c2pa-soft-binding-resolution", "/v1/services/supportedAlgorithms"):
        assert client.http.get(path).headers["access-control-allow-origin"] == "*"


class Elsewhere:
    """Stands for what other servers hold, so that no test goes there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def fetch(self, url: str) -> bytes:
        if not url.startswith("https://audio.example/"):
            raise FetchError("files are fetched from public https addresses alone")
        return self.data


def test_addresses_are_fetched_only_where_that_is_allowed(gate: Gate, client: Client, released: str) -> None:
    clip = next(one for one in stored(gate, released) if one["media_type"] == "audio/mpeg")
    elsewhere: Any = Elsewhere(gate.chain.tools.blobs.read(clip["sha256"]))
    named, query = {"url": "https://audio.example/a.mp3"}, {"referenceUrl": "https://audio.example/a", "assetLength": 9}
    assert client.http.post("/v1/verifications", json=named).status_code == 415
    assert client.http.post("/v1/matches/byReference", json=query).status_code == 404
    allowing = TestClient(build_app(replace(gate.backend, fetcher=elsewhere)), raise_server_exceptions=False)
    assert allowing.post("/v1/verifications", json=named).json()["conclusion"] == "genuine"
    matches = allowing.post("/v1/matches/byReference", json=query).json()["matches"]
    assert clip["manifest_label"] in {match["manifestId"] for match in matches}
    assert "queryByReference" in allowing.get("/v1/services/capabilities").json()["supportedCapabilities"]
    assert allowing.post("/v1/verifications", json={"url": "http://10.0.0.1/"}).status_code == 502
    assert allowing.post("/v1/verifications", json={}).status_code == 422
    assert allowing.post("/v1/matches/byReference", json={**query, "assetLength": 10**12}).status_code == 413
    assert allowing.post("/v1/matches/byReference", json={"referenceUrl": "https://audio.example/"}).status_code == 400
