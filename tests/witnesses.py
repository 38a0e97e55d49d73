"""Real witnesses over HTTP, and hosts that only pretend to be one, for tests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from audit.checkpoint import Verifier
from audit.cosignature import CosignatureVerifier
from audit.tlog_policy import WitnessPolicy
from audit.witness_store import Witness, create_witness, open_witness
from gateway.witness_server import witness_app


@dataclass
class RunningWitness:
    url: str
    verifier: CosignatureVerifier
    witness: Witness
    folder: Path


@contextmanager
def serve(app: Any, *, port: int = 0) -> Iterator[str]:
    """Serve an ASGI application on a port of this machine, by default a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def running_witness(
    folder: Path,
    logs: Sequence[Verifier],
    *,
    name: str = "witness.example/one",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    port: int = 0,
) -> Iterator[RunningWitness]:
    if not folder.exists():
        create_witness(folder, name=name)
    witness = open_witness(folder, logs=logs, clock=clock)
    try:
        with serve(witness_app(witness), port=port) as url:
            yield RunningWitness(url, witness.verifier, witness, folder)
    finally:
        witness.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def policy_of(log: Verifier, members: Sequence[tuple[CosignatureVerifier, str]], *, quorum: str) -> WitnessPolicy:
    """A policy of one group over these keys and URLs; `quorum` is `none`, `any`, `all` or a number."""
    lines = [f"log {log.vkey}"]
    lines += [f"witness w{number} {key.vkey} {url}" for number, (key, url) in enumerate(members, start=1)]
    if quorum == "none":
        lines.append("quorum none")
    else:
        names = " ".join(f"w{number}" for number in range(1, len(members) + 1))
        lines += [f"group all-of-them {quorum} {names}", "quorum all-of-them"]
    return WitnessPolicy.parse("\n".join([*lines, ""]).encode())


@contextmanager
def pretender(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    """A host that answers every POST with whatever `answer` writes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            try:
                answer(self, body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had enough

        def log_message(self, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, content_type: str = "text/plain") -> None:
    handler.send_response(status)
    handler.send_header("content-type", content_type)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
