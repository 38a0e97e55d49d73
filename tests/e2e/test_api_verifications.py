"""Verification of what a listener may hold: the released file, copies, forgeries, other audio, and abuse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from gateway.api.throttle import Throttle
from gateway.submissions import EpisodeFingerprint, EpisodeReceipt
from synth.audio import Samples
from synth.decode import decode
from synth.pki import DevelopmentChain, issue_development_chain
from synth.watermark import Payload
from tests.api_gate import ChipMark, Gate, a_script, build_app, build_gate
from tests.credentials_samples import FACTS, clip, signer
from tests.recoding import as_mp3, flipped, long_silence, written
from tests.speech_samples import SAMPLE_RATE, reading


def verify(gate: Gate, data: bytes, media_type: str = "audio/mpeg") -> dict[str, Any]:
    answer = gate.client().post("/v1/verifications", content=data, headers={"Content-Type": media_type})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    assert [check["number"] for check in report["checks"]] == [1, 2, 3, 4, 5, 6, 7]
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in report["checks"]}


def clip_of(gate: Gate, episode_id: str, media_type: str = "audio/mpeg") -> bytes:
    clips = gate.client("auditor").get(f"/v1/submissions/{episode_id}").json()["clips"]
    (digest,) = [clip["sha256"] for clip in clips if clip["media_type"] == media_type]
    return gate.chain.tools.blobs.read(digest)


@pytest.fixture(scope="module")
def mp3(gate: Gate, released: str) -> bytes:
    return clip_of(gate, released)


@pytest.fixture(scope="module")
def sound(mp3: bytes) -> tuple[Samples, int]:
    decoded = decode(mp3)
    return decoded.samples, decoded.sample_rate


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/wav"])
def test_released_file_is_genuine(gate: Gate, released: str, media_type: str) -> None:
    report = verify(gate, clip_of(gate, released, media_type), media_type)
    assert report["conclusion"] == "genuine"
    assert set(outcomes(report).values()) == {"pass"}
    assert report["episode"]["id"] == released
    assert report["differences"] == []
    assert report["complete"] is True


@pytest.mark.parametrize("bit_rate", [32_000, 64_000, 192_000])
def test_encoded_again_it_is_a_recovered_copy(
    gate: Gate, released: str, sound: tuple[Samples, int], bit_rate: int
) -> None:
    report = verify(gate, as_mp3(*sound, bit_rate=bit_rate))
    assert report["conclusion"] == "recovered_copy"
    assert outcomes(report)["credentials"] == "absent"
    assert outcomes(report)["fingerprint"] == outcomes(report)["audit_log"] == "pass"
    assert report["episode"]["id"] == released
    original = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]["manifest_label"]
    assert report["episode"]["manifest_label"] == original
    assert "The credentials are gone." in report["differences"]


def test_copy_in_another_format_says_so(gate: Gate, sound: tuple[Samples, int]) -> None:
    report = verify(gate, written(*sound, container="flac", codec="flac"), "audio/flac")
    assert report["conclusion"] == "recovered_copy"
    assert any("audio/flac" in difference for difference in report["differences"])


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/wav"])
def test_few_changed_bytes_make_it_altered(gate: Gate, released: str, media_type: str) -> None:
    report = verify(gate, flipped(clip_of(gate, released, media_type)), media_type)
    assert report["conclusion"] == "altered"
    assert outcomes(report)["credentials"] == "fail"
    assert report["checks"][2]["details"]["reason"] == "content_changed"
    assert report["episode"]["id"] == released


def test_one_appended_byte_makes_it_altered(gate: Gate, mp3: bytes) -> None:
    assert verify(gate, mp3 + b"\0")["conclusion"] == "altered"


def test_other_speech_put_in_between_makes_it_altered(gate: Gate, sound: tuple[Samples, int]) -> None:
    samples, rate = sound
    decoded = decode(written(reading("story")[: 15 * SAMPLE_RATE], SAMPLE_RATE), target_rate=rate)
    report = verify(gate, as_mp3(np.concatenate([samples, decoded.samples]), rate))
    assert report["conclusion"] == "altered"
    assert outcomes(report)["fingerprint"] == "fail"


def test_mark_copied_onto_other_speech_is_transplanted(gate: Gate, released: str) -> None:
    forged = ChipMark().embed(reading("story"), SAMPLE_RATE, Payload(released))
    report = verify(gate, as_mp3(forged, SAMPLE_RATE))
    assert report["conclusion"] == "transplanted"
    assert outcomes(report)["watermark"] == "pass"
    assert outcomes(report)["fingerprint"] == "fail"


def test_unrelated_speech_is_unknown_and_never_called_human(gate: Gate, released: str) -> None:
    report = verify(gate, as_mp3(reading("news"), SAMPLE_RATE))
    assert report["conclusion"] == "unknown"
    assert report["episode"] is None
    assert set(outcomes(report).values()) == {"pass", "absent", "not_applicable"}
    assert "does not mean that a person made it" in report["summary"]


def test_credentials_of_a_stranger_prove_nothing(gate: Gate, stranger: DevelopmentChain) -> None:
    signed, _ = signer(stranger).sign(clip("audio/wav"), "audio/wav", FACTS)
    report = verify(gate, signed, "audio/wav")
    assert report["conclusion"] == "unknown"
    check = report["checks"][2]
    assert (check["outcome"], check["details"]["state"]) == ("inconclusive", "valid")
    assert "prove nothing" in check["explanation"]


@pytest.fixture(scope="module")
def stranger() -> DevelopmentChain:
    return issue_development_chain(at=datetime.now(UTC), organisation="A stranger")


def test_leaked_unreleased_file_is_not_taken_for_a_publication(gate: Gate, waiting: str) -> None:
    report = verify(gate, clip_of(gate, waiting))
    assert report["conclusion"] == "unconfirmed"
    assert report["episode"] is None
    assert outcomes(report)["credentials"] == "pass"
    assert outcomes(report)["release"] == "fail"


def test_report_tells_a_forger_no_score(gate: Gate, released: str, sound: tuple[Samples, int]) -> None:
    text = str(verify(gate, as_mp3(*sound)))
    for word in ("score", "error_rate", "bound", "threshold", "spans", "votes"):
        assert word not in text


def test_receipt_that_no_longer_verifies_takes_away_genuine(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    episode_id = gate.make(a_script(sentences=2))
    data = clip_of(gate, episode_id)
    assert verify(gate, data)["conclusion"] == "genuine"
    with gate.chain.database.write() as session:
        row = session.get(EpisodeReceipt, (episode_id, "intent"))
        clip_row = session.get(EpisodeReceipt, (episode_id, "clip"))
        assert row is not None
        assert clip_row is not None
        row.text = clip_row.text
    report = verify(gate, data)
    assert report["conclusion"] == "unconfirmed"
    assert outcomes(report)["audit_log"] == "fail"
    decoded = decode(data)
    assert verify(gate, as_mp3(decoded.samples, decoded.sample_rate))["conclusion"] == "unconfirmed"


def test_check_that_cannot_run_is_an_error_and_proves_nothing(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    episode_id = gate.make(a_script(sentences=3))
    decoded = decode(clip_of(gate, episode_id))
    copy = as_mp3(decoded.samples, decoded.sample_rate)
    assert verify(gate, copy)["conclusion"] == "recovered_copy"
    with gate.chain.database.write() as session:
        session.delete(session.get(EpisodeFingerprint, episode_id))
    report = verify(gate, copy)
    assert report["conclusion"] == "marked_unknown"
    assert outcomes(report)["fingerprint"] == "error"
    assert report["complete"] is False
    assert "could not run" in report["summary"]


def test_database_gone_still_gives_a_report_that_claims_nothing(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    data = clip_of(gate, gate.make(a_script(sentences=2)))
    gate.chain.database.dispose()
    (tmp_path / "assay.db").rename(tmp_path / "gone.db")
    (tmp_path / "assay.db").mkdir()
    report = gate.backend.verifier.verify(data).to_dict()
    assert report["conclusion"] == "unconfirmed"
    assert report["complete"] is False
    assert outcomes(report)["exact_bytes"] == outcomes(report)["watermark"] == "error"


# Abuse.


def refused(gate: Gate, content: Any, media_type: str | None, status: int, slug: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = gate.client().post("/v1/verifications", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"].endswith(f"/problems/{slug}")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"", "audio/mpeg", 422, "invalid-request"),
        (b"just some words, and not audio at all", "audio/mpeg", 422, "invalid-audio"),
        (b"%PDF-1.7 " + bytes(5000), "audio/wav", 422, "invalid-audio"),
        (bytes(100_000), "application/octet-stream", 422, "invalid-audio"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "audio/wav", 422, "invalid-audio"),
        (b"\xff\xfb" + bytes(2000), "audio/mpeg", 422, "invalid-audio"),
        (b"OggS" + bytes(2000), "audio/ogg", 422, "invalid-audio"),
        (b"fLaC" + b"\xff" * 2000, "audio/flac", 422, "invalid-audio"),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(2000), "audio/mp4", 422, "invalid-audio"),
        (b"x", "text/html", 415, "unsupported-media-type"),
        (b"x", None, 415, "unsupported-media-type"),
        (b"x", "image/png", 415, "unsupported-media-type"),
    ],
)
def test_what_is_not_audio_is_refused(
    gate: Gate, content: bytes, media_type: str | None, status: int, slug: str
) -> None:
    refused(gate, content, media_type, status, slug)


def test_bytes_decide_and_not_the_declared_type(gate: Gate, mp3: bytes) -> None:
    assert verify(gate, mp3, "audio/wav")["conclusion"] == "genuine"
    assert verify(gate, mp3, "application/octet-stream")["conclusion"] == "genuine"


def test_audio_of_no_length_is_refused(gate: Gate) -> None:
    refused(gate, written(np.zeros(1, np.float32), 16_000)[:44], "audio/wav", 422, "invalid-audio")


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_truncated_file_is_altered_or_refused_but_never_fine(
    gate: Gate, mp3: bytes, released: str, part: float
) -> None:
    for media_type in ("audio/mpeg", "audio/wav"):
        data = clip_of(gate, released, media_type)
        cut = data[: int(len(data) * part)]
        answer = gate.client().post("/v1/verifications", content=cut, headers={"Content-Type": media_type})
        assert answer.status_code in {200, 422}
        if answer.status_code == 200:
            assert answer.json()["conclusion"] in {"altered", "marked_unknown", "unknown", "recovered_copy"}
            assert outcomes(answer.json())["readable"] != "pass" or answer.json()["conclusion"] != "genuine"


def test_three_hours_of_silence_are_examined_in_bounded_time(gate: Gate, released: str) -> None:
    started = time.monotonic()
    report = verify(gate, long_silence(3))
    assert time.monotonic() - started < 60
    assert report["checks"][0]["details"]["seconds"] == 10_800.0
    assert report["conclusion"] == "unknown"


def test_audio_longer_than_allowed_is_refused(gate: Gate) -> None:
    refused(gate, long_silence(4.5), "audio/mpeg", 422, "invalid-audio")


def test_silence_that_compresses_without_bound_costs_bounded_time(gate: Gate) -> None:
    bomb = written(np.zeros(16_000 * 1200, np.float32), 16_000, container="flac", codec="flac")
    started = time.monotonic()
    answer = gate.client().post("/v1/verifications", content=bomb, headers={"Content-Type": "audio/flac"})
    assert answer.status_code in {200, 422}
    assert time.monotonic() - started < 30


def small_uploads(gate: Gate) -> TestClient:
    settings = gate.chain.tools.settings.model_copy(update={"max_upload_bytes": 100_000})
    tools = replace(gate.chain.tools, settings=settings)
    return TestClient(build_app(replace(gate.backend, toolchain=tools)), raise_server_exceptions=False)


def test_body_over_the_limit_is_refused_raw_and_as_form(gate: Gate) -> None:
    client = small_uploads(gate)
    raw = client.post("/v1/verifications", content=bytes(100_001), headers={"Content-Type": "audio/wav"})
    form = client.post("/v1/verifications", files={"file": ("a.wav", bytes(100_001), "audio/wav")})
    large_form = client.post("/v1/verifications", files={"file": ("a.wav", bytes(200_000), "audio/wav")})
    for answer in (raw, form, large_form):
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("/problems/too-large")


def test_body_over_the_limit_without_length_is_cut_off(gate: Gate) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield bytes(10_000)

    answer = small_uploads(gate).post("/v1/verifications", content=endless(), headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 413


def test_form_upload_is_the_same_as_a_raw_one(gate: Gate, mp3: bytes) -> None:
    answer = gate.client().post("/v1/verifications", files={"file": ("../../etc/passwd\r\nX: y", mp3, "text/html")})
    assert answer.json()["conclusion"] == "genuine"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"--b\r\n\r\n", "multipart/form-data; boundary=b"),
        (b"nothing", "multipart/form-data; boundary=b"),
        (b"nothing", "multipart/form-data"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (b"--b\r\n" * 1000, "multipart/form-data; boundary=b"),
    ],
)
def test_malformed_form_is_refused(gate: Gate, content: bytes, media_type: str) -> None:
    refused(gate, content, media_type, 422, "invalid-request")


def test_two_files_in_a_form_are_refused(gate: Gate, mp3: bytes) -> None:
    files = [("file", ("a", b"a")), ("file", ("b", b"b"))]
    assert gate.client().post("/v1/verifications", files=files).status_code == 422


def test_nothing_of_an_upload_stays_behind(gate: Gate, sound: tuple[Samples, int]) -> None:
    home = gate.chain.tools.settings.home

    def files() -> set[tuple[Path, int]]:
        return {(path, path.stat().st_size) for path in home.rglob("*") if path.is_file() and "-wal" not in path.name}

    before, size = files(), gate.client().get("/v1/log/checkpoint").text
    verify(gate, as_mp3(*sound))
    assert files() == before
    assert gate.client().get("/v1/log/checkpoint").text == size


def test_client_that_asks_too_often_must_wait(gate: Gate) -> None:
    throttle = Throttle(burst=2, interval=30.0, clock=time.monotonic)
    client = TestClient(build_app(replace(gate.backend, throttle=throttle)), raise_server_exceptions=False)
    ask = {"content": b"not audio, but counted", "headers": {"Content-Type": "audio/mpeg"}}
    statuses = [client.post("/v1/verifications", **ask).status_code for _ in range(3)]  # type: ignore[arg-type]
    assert statuses == [422, 422, 429]
    answer = client.post("/v1/verifications", **ask)  # type: ignore[arg-type]
    assert 1 <= int(answer.headers["retry-after"]) <= 31
    assert answer.json()["type"].endswith("/problems/rate-limited")
