"""Files that earlier releases signed stay verifiable for ever: credentials, time-stamps, tags and both watermarks."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import DEFAULT_AUDIOSEAL
from synth.adapters.audioseal import AudioSealMark
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.adapters.keyed import KeyedMark
from synth.credentials import CredentialsReport, CredentialsState
from synth.decode import decode
from synth.encode import MEDIA_TYPES
from synth.tags import read_tags
from synth.watermark import Payload, Watermark, reads_back

FOLDER = Path(__file__).parent.parent / "vectors" / "releases"
WATERMARK_KEY = b"key of the release vectors".ljust(32, b".")
RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
ENTRIES: list[tuple[str, dict[str, Any]]] = [
    (release, entry) for release in RELEASES for entry in json.loads((FOLDER / release / "index.json").read_text())
]
EVERY = pytest.mark.parametrize(
    ("release", "entry"), ENTRIES, ids=[f"{release}/{entry['file']}" for release, entry in ENTRIES]
)


def read(release: str, entry: dict[str, Any], data: bytes) -> CredentialsReport:
    folder = FOLDER / release
    reader = ContentCredentialsReader(
        trust_anchors_pem=(folder / "claim-root.pem").read_bytes(),
        time_stamp_anchors_pem=(folder / "time-root.pem").read_bytes(),
    )
    beside = folder / f"{entry['file']}.c2pa"
    store = beside.read_bytes() if beside.exists() else None
    return reader.read(data, entry["media_type"], manifest_store=store)


def test_there_are_releases_and_the_first_has_every_kind_of_file() -> None:
    assert "0.1.0" in RELEASES
    assert {entry["media_type"] for release, entry in ENTRIES if release == "0.1.0"} == set(MEDIA_TYPES)
    size = sum(path.stat().st_size for path in (FOLDER / "0.1.0").iterdir())
    assert size < 600_000  # they stay in the repository for ever


@EVERY
def test_credentials_are_trusted_and_say_what_they_said(release: str, entry: dict[str, Any]) -> None:
    data = (FOLDER / release / entry["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    report = read(release, entry, data)
    assert report.state is CredentialsState.TRUSTED
    assert report.label == entry["manifest_label"]
    assert report.signed_at == datetime.fromisoformat(entry["signed_at"])
    assert report.facts is not None
    assert report.facts.episode_id == entry["episode_id"]
    assert [[one.algorithm, one.value.hex()] for one in report.facts.soft_bindings] == entry["soft_bindings"]


@EVERY
def test_changed_byte_is_found_out(release: str, entry: dict[str, Any]) -> None:
    data = bytearray((FOLDER / release / entry["file"]).read_bytes())
    data[len(data) // 2] ^= 1
    assert read(release, entry, bytes(data)).state is CredentialsState.INVALID


@EVERY
def test_tags_name_the_episode_and_the_label(release: str, entry: dict[str, Any]) -> None:
    tags = read_tags((FOLDER / release / entry["file"]).read_bytes(), entry["media_type"])
    assert tags.episode_id == "01JDX7M0Q5W3ZK8N2V4B6C9D1E"
    assert tags.aigc is not None
    assert tags.aigc.produce_id == tags.episode_id


@pytest.fixture(scope="module")
def marks() -> dict[str, Watermark]:
    return {"audioseal": AudioSealMark(weights=DEFAULT_AUDIOSEAL), "keyed": KeyedMark(key=WATERMARK_KEY)}


@EVERY
def test_watermarks_are_still_read(release: str, entry: dict[str, Any], marks: dict[str, Watermark]) -> None:
    sound = decode((FOLDER / release / entry["file"]).read_bytes())
    payload = Payload(entry["episode_id"])
    for name in entry["marks"]:
        found = marks[name].detect(sound.samples, sound.sample_rate, [Payload("decoy"), payload])
        assert reads_back(found, payload), name


@EVERY
def test_independent_verifier_trusts_it_and_misses_revocation_alone(
    release: str, entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encypher's reader shares no code with the library that signed; strict, it holds files to the C2PA programme."""
    monkeypatch.setenv("HOME", str(tmp_path))  # it notes there that it may not call home
    import encypher_c2pa

    folder = FOLDER / release
    beside = folder / f"{entry['file']}.c2pa"

    def verify(*, strict: bool) -> Any:
        return encypher_c2pa.verify(
            (folder / entry["file"]).read_bytes(),
            entry["media_type"],
            manifest_store=beside.read_bytes() if beside.exists() else None,
            trust_pem=(folder / "claim-root.pem").read_text(),
            tsa_trust_pem=(folder / "time-root.pem").read_text(),
            no_default_trust=True,
            strict_conformance=strict,
            telemetry=False,
            online=False,
        )

    report = verify(strict=False)
    assert (report["validation_state"], report["hard_binding"], report["signature"]) == ("Trusted", "match", "valid")
    assert "timeStamp.trusted" in {one["code"] for one in report["validation_results"]["success"]}
    failures = {one["code"] for one in verify(strict=True)["validation_results"]["failure"]}
    assert failures == {"com.encypher.conformance.revocationInformationMissing"}
