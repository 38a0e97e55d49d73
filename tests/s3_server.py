"""A real S3-compatible store on this machine: SeaweedFS, out of a wheel, as a process of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

READY_SECONDS = 60
GRPC = 10_000  # SeaweedFS answers on this much higher a port, too
ACCESS_KEY, SECRET_KEY = "assay", "secret of the tests"


@dataclass(frozen=True)
class S3Server:
    """Where it answers, and how to get in."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "us-east-1"}

    def make_bucket(self, name: str) -> None:
        import obstore
        from obstore.store import S3Store

        store = S3Store(
            name,
            endpoint=self.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        deadline = time.monotonic() + READY_SECONDS
        while True:  # it answers before it has room for anything
            httpx.put(obstore.sign(store, "PUT", "", timedelta(minutes=5)), timeout=30).raise_for_status()
            try:
                obstore.put(store, "probe", b"probe", use_multipart=False)
                obstore.delete(store, "probe")
                return
            except obstore.exceptions.BaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run the server with its data in `folder` until the block ends; a missing program is an error, not a skip."""
    program = Path(sys.executable).parent / "weed"
    found = str(program) if program.exists() else shutil.which("weed")
    assert found, "the program `weed` is missing; install the test tools: make setup-dev"
    configuration = folder / "s3.json"
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "assay", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    configuration.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = _free_ports(4)
    command = [
        *(found, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}"),
        *("-s3", f"-s3.port={s3}", f"-s3.config={configuration}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-volume.max=4", "-master.volumeSizeLimitMB=64", "-master.volumePreallocate=false"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        server = S3Server(f"http://127.0.0.1:{s3}")
        deadline = time.monotonic() + READY_SECONDS
        while True:
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            try:
                httpx.get(server.endpoint, timeout=5)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()


def _free_ports(number: int) -> list[int]:
    ports: list[int] = []
    for candidate in range(21_000, 45_000, 7):
        if len(ports) == number:
            return ports
        try:
            for port in (candidate, candidate + GRPC):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(candidate)
    raise AssertionError("no free ports")
