"""An episode in every kind of file: listed, served with its manifest, in the feed, and genuine when checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synth.credentials import CredentialsState
from synth.encode import MEDIA_TYPES
from tests.api_gate import ChipMark, Gate, a_script, build_gate
from tests.production_samples import gate as signing_gate
from tests.production_samples import producer


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    home: Path = tmp_path_factory.mktemp("renditions")
    return build_gate(home, maker=producer(marks=[ChipMark()], renditions=MEDIA_TYPES))


@pytest.fixture(scope="module")
def clips(all_kinds: Gate) -> dict[str, dict[str, Any]]:
    episode_id = all_kinds.make(a_script())
    found = all_kinds.client().get(f"/v1/episodes/{episode_id}").json()["clips"]
    assert [clip["media_type"] for clip in found] == list(MEDIA_TYPES)
    return {clip["media_type"]: clip for clip in found}


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_file_is_served_as_what_it_is_with_its_manifest_beside_it(
    all_kinds: Gate, clips: dict[str, dict[str, Any]], media_type: str
) -> None:
    client = all_kinds.client()
    audio, manifest = (client.get(clips[media_type][name]) for name in ("url", "manifest_url"))
    assert audio.headers["content-type"] == media_type
    assert manifest.headers["content-type"] == "application/c2pa"
    report = signing_gate().read(audio.content, media_type, manifest_store=manifest.content)
    assert report.label == clips[media_type]["manifest_label"]
    if media_type == "audio/ogg":
        assert report.state is CredentialsState.TRUSTED
        name = clips[media_type]["manifest_url"].rsplit("/", 1)[-1]
        assert audio.headers["link"] == f'<{name}>; rel="c2pa-manifest"'
    else:
        assert "link" not in audio.headers
        assert manifest.content in audio.content


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_released_file_is_genuine_whatever_its_kind(
    all_kinds: Gate, clips: dict[str, dict[str, Any]], media_type: str
) -> None:
    data = all_kinds.client().get(clips[media_type]["url"]).content
    report = all_kinds.client().post("/v1/verifications", content=data, headers={"Content-Type": media_type}).json()
    assert report["conclusion"] == "genuine", report


def test_changed_ogg_is_not_genuine(all_kinds: Gate, clips: dict[str, dict[str, Any]]) -> None:
    data = bytearray(all_kinds.client().get(clips["audio/ogg"]["url"]).content)
    data[-1] ^= 1
    headers = {"Content-Type": "audio/ogg"}
    report = all_kinds.client().post("/v1/verifications", content=bytes(data), headers=headers).json()
    assert report["conclusion"] != "genuine"


def test_feed_offers_every_kind_and_plays_the_mp3_first(all_kinds: Gate, clips: dict[str, dict[str, Any]]) -> None:
    feed = all_kinds.client().get("/feed.xml").text
    assert f'url="https://gate.example{clips["audio/mpeg"]["url"]}"' in feed.split("<enclosure", 1)[1].split(">")[0]
    assert all(clip["url"] in feed for clip in clips.values())


@pytest.mark.parametrize("name", ["{sha}.mp3.c2pa", "{sha}.opus", "{sha}.c2pa", "{sha}.opus.c2pa.c2pa"])
def test_address_of_another_kind_means_nothing(all_kinds: Gate, clips: dict[str, dict[str, Any]], name: str) -> None:
    folder = clips["audio/wav"]["url"].rsplit("/", 1)[0]
    answer = all_kinds.client().get(f"{folder}/{name.format(sha=clips['audio/wav']['sha256'])}")
    assert answer.status_code in (404, 422)
