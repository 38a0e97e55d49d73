"""The interface on a real socket: what a test client inside the process would not show."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from gateway.api.places import Places
from tests.api_gate import Gate, build_app


def serve(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a free port of this machine until the generator ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()


@pytest.fixture(scope="module")
def url(gate: Gate) -> Iterator[str]:
    settings = gate.chain.tools.settings.model_copy(update={"max_upload_bytes": 2_000_000})
    tools = replace(gate.chain.tools, settings=settings)
    yield from serve(build_app(replace(gate.backend, toolchain=tools, places=Places(1))))


def chunks(total: int, size: int = 65_536) -> Iterator[bytes]:
    for _ in range(total // size):
        yield bytes(size)


def test_upload_without_length_is_cut_off_at_the_limit(url: str) -> None:
    answer = httpx.post(f"{url}/v1/verifications", content=chunks(50 << 20), headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_announced_length_over_the_limit_is_refused_before_a_byte_is_sent(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_broken_off_upload_frees_its_place(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\nContent-Length: 1000\r\n\r\nRIFF"
        )
        busy = wait_for(url, 503)
        assert busy.headers["retry-after"]
        assert busy.json()["type"].endswith("/problems/busy")
    assert wait_for(url, 422).json()["type"].endswith("/problems/invalid-audio")


def wait_for(url: str, status: int) -> httpx.Response:
    """Ask until the answer has this status: the server notices a new or a lost connection a moment later."""
    for _ in range(100):
        answer = httpx.post(f"{url}/v1/verifications", content=b"not audio", headers={"Content-Type": "audio/wav"})
        if answer.status_code == status:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"still {answer.status_code} instead of {status}")


def test_listener_that_leaves_does_not_disturb_the_others(url: str, gate: Gate, released: str) -> None:
    clip = gate.client().get(f"/v1/episodes/{released}").json()["clips"][1]
    for _ in range(5):
        with httpx.stream("GET", url + clip["url"]) as answer:
            next(answer.iter_raw())
    whole = httpx.get(url + clip["url"])
    assert len(whole.content) == clip["size"]


def test_head_over_the_wire_has_a_length_and_no_body(url: str, gate: Gate, released: str) -> None:
    clip = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]
    answer = httpx.head(url + clip["url"])
    assert answer.headers["content-length"] == str(clip["size"])
    assert answer.content == b""


def test_many_listeners_get_the_same_bytes(url: str, gate: Gate, released: str) -> None:
    clip = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(httpx.get(url + clip["url"]).content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 8
    assert len(set(bodies)) == 1


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /v1/episodes/..%2f..%2fetc%2fpasswd HTTP/1.1",
        b"GET /../../etc/passwd HTTP/1.1",
        b"GET //etc/passwd HTTP/1.1",
        b"GET /v1/submissions/%ff%fe HTTP/1.1",
        b"BREW /v1/submissions HTTP/1.1",
    ],
)
def test_odd_request_lines_get_a_problem_and_the_service_goes_on(url: str, request_line: bytes) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.split(b" ", 2)[1] in {b"400", b"401", b"404", b"405"}
    assert b"root:" not in answer
    assert httpx.get(f"{url}/livez").status_code == 200
