"""The commands of `docker-compose.yml`, run as they stand: gateway and worker apart, one PostgreSQL between them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ASSAY = str(Path(sys.executable).parent / "assay")
ADDRESS = "http://127.0.0.1:8400"
READY_SECONDS = 360
RELEASE_SECONDS = 240
SCRIPT = """---
title: Two sentences
show: Compose
language: en
voices:
  ANNA: hibari-heart
---

# One

ANNA: The services of the compose file run beside each other, and this sentence is what they make together.
It is long enough that a watermark can be found in it, even after the file was encoded once more.

ANNA: The harbour is calm this morning, the ferry leaves at nine, and the market on the square opens at ten.
"""


@dataclass(frozen=True)
class Services:
    environment: dict[str, str]
    gateway: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    healthcheck: list[str]

    def assay(self, *arguments: str) -> str:
        done = subprocess.run([ASSAY, *arguments], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


@pytest.fixture
def services(compose: dict[str, Any], postgres_url: str, tmp_path: Path) -> Iterator[Services]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8400)) == 0:
            pytest.fail("port 8400 is taken; stop the service that listens there, this test runs the exact commands")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    environment |= {"ASSAY_HOME": str(tmp_path / "home"), "ASSAY_DATABASE_URL": postgres_url}
    subprocess.run([ASSAY, "keygen"], env=environment, check=True, capture_output=True)
    running = []
    for service in ("gateway", "worker"):
        command = [ASSAY, *compose["services"][service]["command"]]
        log = (tmp_path / f"{service}.log").open("wb")
        running.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log))
        log.close()
    gateway, worker = running
    try:
        yield Services(environment, gateway, worker, compose["services"]["gateway"]["healthcheck"]["test"])
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
        for service in ("gateway", "worker"):
            sys.stdout.write(f"--- {service}\n{(tmp_path / f'{service}.log').read_text()[-4000:]}")


def wait_for_release(client: httpx.Client, location: str) -> dict[str, Any]:
    deadline = time.monotonic() + RELEASE_SECONDS
    while True:
        found: dict[str, Any] = client.get(location).json()
        if found["state"] in {"released", "blocked", "failed", "awaiting_review"} or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


@pytest.mark.slow
def test_the_services_make_release_and_verify_an_episode(services: Services) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert services.gateway.poll() is None, "the gateway stopped"
        try:
            if httpx.get(f"{ADDRESS}/readyz", timeout=10).status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the gateway did not become ready"
        time.sleep(0.5)

    # The container's own health check says the same.
    kind, *check = services.healthcheck
    assert kind == "CMD"
    subprocess.run([sys.executable if part == "python" else part for part in check], check=True, timeout=30)

    key = services.assay("apikey", "create", "--role", "submitter", "--name", "compose")
    with httpx.Client(base_url=ADDRESS, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        accepted = client.post("/v1/submissions", content=SCRIPT.encode(), headers={"Content-Type": "text/markdown"})
        assert accepted.status_code == 202, accepted.text
        found = wait_for_release(client, accepted.headers["Location"])
        assert found["state"] == "released", found

    episode = httpx.get(f"{ADDRESS}/v1/episodes/{found['id']}").json()
    clip = next(one for one in episode["clips"] if one["media_type"] == "audio/mpeg")
    audio = httpx.get(f"{ADDRESS}/v1/episodes/{found['id']}/audio/{clip['sha256']}.mp3")
    assert audio.status_code == 200
    report = httpx.post(f"{ADDRESS}/v1/verifications", files={"file": ("a.mp3", audio.content)}, timeout=120).json()
    assert report["conclusion"] == "genuine", report
    assert found["id"] in httpx.get(f"{ADDRESS}/feed.xml").text
    assert "sound" in services.assay("fsck")

    for process in (services.worker, services.gateway):
        process.send_signal(signal.SIGTERM)
    assert services.worker.wait(timeout=60) == 0
    # uvicorn shuts down in order and then ends by the signal that it was sent, which is what supervisors expect.
    assert services.gateway.wait(timeout=60) in (0, -signal.SIGTERM)
