"""The witness over HTTP, as an outsider starts it and as any C2SP log talks to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from audit.checkpoint import LogKey
from audit.cosignature import CosignatureVerifier
from audit.note import open_note
from audit.witness import MAX_BODY_BYTES, Submission, origin_hash
from tests.trees import LEAVES, submission_of
from tests.witnesses import RunningWitness, running_witness

ROOT = Path(__file__).parents[3]
ORIGIN = "log.example/one"
KEY = LogKey.from_seed(b"\x01" * 32)


def honest(size: int, *, old: int = 0) -> Submission:
    return submission_of(LEAVES[:size], old=old, origin=ORIGIN, key=KEY)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[RunningWitness]:
    with running_witness(tmp_path / "witness", [KEY.verifier(ORIGIN)]) as running:
        yield running


def add(witness: RunningWitness, body: bytes) -> httpx.Response:
    return httpx.post(f"{witness.url}/add-checkpoint", content=body)


def test_the_whole_conversation(witness: RunningWitness) -> None:
    first = add(witness, honest(5).body())
    assert first.status_code == 200
    open_note(honest(5).note() + first.text, [witness.verifier])
    stale = add(witness, honest(8).body())
    assert (stale.status_code, stale.text, stale.headers["content-type"]) == (409, "5\n", "text/x.tlog.size")
    second = add(witness, honest(8, old=5).body())
    shown = httpx.get(f"{witness.url}/{origin_hash(ORIGIN)}/checkpoint")
    assert (shown.status_code, shown.text) == (200, honest(8).note() + second.text)
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"


def test_every_refusal_has_its_status(witness: RunningWitness) -> None:
    add(witness, honest(5).body())
    forged = submission_of((b"forged", *LEAVES[1:9]), old=5, origin=ORIGIN, key=KEY)
    stranger = submission_of(LEAVES[:6], old=5, origin=ORIGIN, key=LogKey.generate())
    unknown = submission_of(LEAVES[:6], old=0, origin="log.example/unknown", key=KEY)
    bodies = (b"nonsense", stranger.body(), unknown.body(), honest(6).body(), forged.body())
    assert [add(witness, body).status_code for body in bodies] == [400, 403, 404, 409, 422]


def test_other_paths_and_methods_are_not_answered(witness: RunningWitness) -> None:
    assert httpx.get(f"{witness.url}/add-checkpoint").status_code == 405
    assert httpx.get(f"{witness.url}/{origin_hash(ORIGIN)}/checkpoint").status_code == 404  # nothing cosigned yet
    assert httpx.get(f"{witness.url}/{'0' * 64}/checkpoint").status_code == 404
    assert httpx.get(f"{witness.url}/../witness.key").status_code == 404


def test_a_huge_body_is_cut_off_even_without_a_length(witness: RunningWitness) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 4096 + 2):
            yield b"a" * 4096

    assert httpx.post(f"{witness.url}/add-checkpoint", content=chunks()).status_code == 413


def test_requests_at_once_leave_one_line_of_growth(witness: RunningWitness) -> None:
    add(witness, honest(20).body())
    bodies = [honest(21 + number, old=20).body() for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: add(witness, body), bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 11
    (accepted,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert {answer.text for answer in answers if answer.status_code == 409} == {f"{21 + accepted}\n"}


def test_an_outsider_runs_one_with_two_commands(tmp_path: Path) -> None:
    home = tmp_path / "witness"
    command = [sys.executable, "-m", "gateway", "log", "witness", "--home", str(home)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [*command, "--init", "witness.example/w1", "--json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    verifier = CosignatureVerifier.parse(json.loads(made.stdout)["vkey"])
    again = subprocess.run([*command, "--init", "witness.example/w1"], cwd=tmp_path, env=environment, check=False)
    assert again.returncode == 1
    (tmp_path / "logs").write_text(f"# the logs\n\n{KEY.verifier(ORIGIN).vkey}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [*command, "--logs", str(tmp_path / "logs"), "--port", str(port), "--prefix", "/w1"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = httpx.post(f"http://127.0.0.1:{port}/w1/add-checkpoint", content=honest(5).body())
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        server.terminate()
        server.wait(10)
        assert server.stdout is not None
        server.stdout.close()
    assert answer.status_code == 200
    open_note(honest(5).note() + answer.text, [verifier])
