"""The public pages over HTTP: a form without scripts, strict headers, and nothing left of what was sent."""

from __future__ import annotations

import gc
import io
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from gateway.api.examinations import Examinations
from gateway.api.throttle import Throttle
from gateway.cli import main
from gateway.verification.report import Report
from synth.decode import decode
from synth.errors import AudioError
from tests.api_gate import Gate, build_app
from tests.recoding import as_mp3, written


@pytest.fixture(scope="module")
def mp3(gate: Gate, released: str) -> bytes:
    clips = gate.client("auditor").get(f"/v1/submissions/{released}").json()["clips"]
    return gate.chain.tools.blobs.read(next(one["sha256"] for one in clips if one["media_type"] == "audio/mpeg"))


def send(gate: Gate, data: bytes, **options: Any) -> Any:
    return gate.client().post("/verify", files={"file": ("../<b>name</b>.mp3", data, "text/html")}, **options)


@pytest.mark.parametrize("path", ["/", "/verify"])
def test_form_is_a_page_that_loads_only_itself(gate: Gate, path: str) -> None:
    answer = gate.client().get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert 'method="post" enctype="multipart/form-data"' in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["page.css", "verify.js"])
def test_static_files_are_served_with_their_type(gate: Gate, name: str) -> None:
    answer = gate.client().get(f"/pages/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/")
    assert gate.client().get("/pages/views.py").status_code == 404
    assert gate.client().get("/pages/..%2fviews.py").status_code == 404


def test_form_post_without_scripts_shows_the_result(gate: Gate, mp3: bytes, released: str) -> None:
    answer = send(gate, mp3)
    assert answer.status_code == 200
    assert "This file was published here, and nobody has changed it." in answer.text
    assert released in answer.text
    assert "<svg" in answer.text
    assert "Script handed in" in answer.text
    assert "name</b>" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_copy_shows_the_seconds_that_matched_and_what_differs(gate: Gate, mp3: bytes) -> None:
    sound = decode(mp3)
    page = send(gate, as_mp3(sound.samples, sound.sample_rate)).text
    assert "This is a copy of an episode that was published here." in page
    assert "The credentials are gone." in page


def test_refusals_are_pages_too(gate: Gate) -> None:
    answer = send(gate, b"just some words")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>The audio cannot be read</h1>" in answer.text
    assert gate.client().post("/verify", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert gate.client().get("/verify/" + "x" * 24).status_code == 404


def test_page_says_when_to_come_back(gate: Gate) -> None:
    throttle = Throttle(burst=1, interval=30.0, clock=time.monotonic)
    client = TestClient(build_app(replace(gate.backend, throttle=throttle)), raise_server_exceptions=False)
    client.post("/verify", files={"file": ("a", b"x")})
    answer = client.post("/verify", files={"file": ("a", b"x")})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


class Slow:
    """Verifies as the gate does, but only when it is let."""

    def __init__(self, gate: Gate) -> None:
        self.let, self._verify = False, gate.backend.verifier.verify

    def __call__(self, data: bytes) -> Report:
        deadline = time.monotonic() + 20
        while not self.let and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._verify(data)


def test_long_file_is_accepted_and_its_result_fetched_later(
    gate: Gate, mp3: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(gate)
    examinations = Examinations(slow, workers=1, clock=time.monotonic)
    client = TestClient(build_app(replace(gate.backend, examinations=examinations)), raise_server_exceptions=False)
    headers = {"Content-Type": "audio/mpeg"}
    answer = client.post("/v1/verifications?wait=0", content=mp3, headers=headers)
    assert answer.status_code == 202
    address = answer.headers["location"]
    assert answer.json()["links"]["self"] == address
    assert client.get(address).status_code == 202
    monkeypatch.setattr("gateway.api.pages.PAGE_SECONDS", 0.0)
    page = client.post("/verify", files={"file": ("a.mp3", mp3)}, follow_redirects=False)
    assert page.status_code == 303
    waiting = client.get(page.headers["location"])
    assert 'http-equiv="refresh"' in waiting.text
    slow.let = True
    assert client.get(f"{address}?wait=30").json()["conclusion"] == "genuine"
    for _ in range(100):
        shown = client.get(page.headers["location"])
        if "http-equiv" not in shown.text:
            break
        time.sleep(0.1)
    assert "nobody has changed it" in shown.text
    examinations.close()


def test_too_many_at_once_are_turned_away_and_refused_files_count_no_longer(gate: Gate) -> None:
    slow = Slow(gate)
    examinations = Examinations(slow, workers=1, clock=time.monotonic)
    client = TestClient(build_app(replace(gate.backend, examinations=examinations)), raise_server_exceptions=False)
    ask = {"content": b"not audio", "headers": {"Content-Type": "audio/mpeg"}}
    statuses = [client.post("/v1/verifications?wait=0", **ask).status_code for _ in range(7)]  # type: ignore[arg-type]
    assert statuses == [202] * 6 + [503]
    slow.let = True
    assert client.post("/v1/verifications", **ask).status_code in {422, 503}  # type: ignore[arg-type]
    examinations.close()


def test_results_are_forgotten_after_a_while(gate: Gate) -> None:
    now = [0.0]
    examinations = Examinations(gate.backend.verifier.verify, workers=1, clock=lambda: now[0])
    examination = examinations.begin(written(np.zeros(16_000, np.float32), 16_000))
    assert examination.wait(20) is not None
    assert examinations.find(examination.id) is examination
    now[0] = 901.0
    with pytest.raises(Exception, match="no longer kept"):
        examinations.find(examination.id)
    examinations.close()


class Marked(bytes):
    """Bytes that can be looked for among all objects."""


def test_upload_is_gone_from_memory_and_disk_when_the_answer_is_there(gate: Gate, mp3: bytes) -> None:
    """Both of a file that was examined and of one that was refused, whose error is kept as long as a result."""
    home = gate.chain.tools.settings.home
    examinations = Examinations(gate.backend.verifier.verify, workers=1, clock=time.monotonic)
    kept = []
    for content in (mp3, b"RIFF\xff\xff\xff\xffWAVEfmt marker"):
        upload = Marked(content)
        examination = examinations.begin(upload)
        del upload
        try:
            examination.wait(30)
        except AudioError as error:
            kept.append(error)
    gc.collect()
    assert len(kept) == 1
    assert [one for one in gc.get_objects() if type(one) is Marked] == []  # isinstance would ask odd objects
    marker = b"a marker that is nowhere else 8c1f"
    answer = send(gate, io.BytesIO(mp3 + marker).getvalue())
    assert answer.status_code == 200
    for path in home.rglob("*"):
        assert not path.is_file() or marker not in path.read_bytes(), path
    assert not any(marker in path.read_bytes() for path in Path("/tmp").glob("tmp*") if path.is_file())
    examinations.close()


def test_result_can_be_taken_along_signed_and_checked_offline(
    gate: Gate, mp3: bytes, released: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = send(gate, mp3).text
    (address,) = re.findall(r'href="(/v1/verifications/[^"]+/signed)"', page)
    answer = gate.client().get(address)
    assert answer.headers["content-type"] == "application/jose+json"
    Path("report.json").write_bytes(answer.content)
    Path("keys.json").write_bytes(gate.client().get("/.well-known/jwks.json").content)
    Path("audio.mp3").write_bytes(mp3)
    Path("other.mp3").write_bytes(mp3 + b"x")
    run = CliRunner().invoke
    fine = run(main, ["verify-report", "report.json", "--key", "keys.json", "--audio", "audio.mp3"])
    assert fine.exit_code == 0, fine.output
    assert "genuine" in fine.output
    other = run(main, ["verify-report", "report.json", "--key", "keys.json", "--audio", "other.mp3"])
    assert other.exit_code == 1
    Path("report.json").write_bytes(answer.content.replace(b'"payload": "e', b'"payload": "f'))
    assert run(main, ["verify-report", "report.json", "--key", "keys.json"]).exit_code == 1
    (manifest,) = re.findall(r'href="(/v1/manifests/[^"]+)"', page)
    assert gate.client().get(manifest).status_code == 200
