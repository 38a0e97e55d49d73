"""Our published files under other people's programs: Go's checksum-database code, and a plain nginx.

Skipped where those are not installed; `make test-outside` installs them and then accepts no skip.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from audit_log import ORIGIN, create_log_tables, sqlite_engine
from log_files import files_of, grow, publish

from audit.checkpoint import LogKey
from audit.log import Log
from audit.monitor import audit_files
from gateway.logsource import open_source

ROOT = Path(__file__).parents[2]
GO_SOURCES = Path("/usr/share/gocode")
DEMANDED = bool(os.environ.get("ASSAY_TEST_OUTSIDE"))
LOG = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x01" * 32))


def need(found: object, what: str) -> None:
    if not found:
        assert not DEMANDED, f"{what} is not installed"
        pytest.skip(f"{what} is not installed; `make test-outside` installs it")


@pytest.fixture(scope="module")
def goaudit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(shutil.which("go") and (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir(), "golang-golang-x-mod-dev")
    built = tmp_path_factory.mktemp("go") / "goaudit"
    go_env = {"GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOFLAGS": "", "GOCACHE": str(built.parent / "cache")}
    subprocess.run(
        ["go", "build", "-o", str(built), str(Path(__file__).parent / "goaudit.go")],
        env=os.environ | go_env,
        check=True,
        capture_output=True,
    )
    return built


def published(home: Path, size: int) -> Path:
    engine = sqlite_engine(home / "assay.db", synchronous="OFF")
    create_log_tables(engine)
    for step in sorted({max(1, size // 3), size}):
        grow(engine, LOG, step)
        publish(engine, LOG, home / "log")
    engine.dispose()
    return home / "log"


def run(goaudit: Path, folder: Path, *sizes: int) -> subprocess.CompletedProcess[str]:
    command = [str(goaudit), str(folder), LOG.verifier.vkey, *map(str, sizes)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "size", [1, 2, 255, 256, 257, 700, pytest.param(70_000, marks=pytest.mark.skipif(not DEMANDED, reason="a minute"))]
)
def test_go_opens_authenticates_and_proves_everything(size: int, goaudit: Path, tmp_path: Path) -> None:
    folder = published(tmp_path, size)
    olds = sorted({1, max(1, size // 3), max(1, size - 1)})
    answer = run(goaudit, folder, *olds)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    assert (found["origin"], found["size"], found["entries"]) == (ORIGIN, size, size)
    assert [one["old_size"] for one in found["consistency"]] == olds


def test_go_refuses_what_we_refuse(goaudit: Path, tmp_path: Path) -> None:
    folder = published(tmp_path, 300)
    for name, content in files_of(folder).items():
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert run(goaudit, folder, 1).returncode != 0, name
        (folder / name).write_bytes(content)
    assert run(goaudit, folder, 1).returncode == 0


def test_vectors_are_what_go_says(goaudit: Path) -> None:
    kept = ROOT / "tests/vectors/tlog"
    answer = run(goaudit, kept / "log", 1, 2, 100, 255, 256, 257, 299)
    assert answer.stdout == (kept / "proofs.json").read_text()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A plain nginx with the configuration that the documentation shows."""
    need(shutil.which("nginx"), "nginx-light")
    page = (ROOT / "docs/audit-log.md").read_text()
    (shown,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    folder = published(tmp_path, 300)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for path in [tmp_path, *tmp_path.parents]:  # its workers may have another user
        if os.access(path, os.W_OK) and path != Path("/tmp") and path != Path("/"):
            path.chmod(0o755)
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen 127.0.0.1:{port};\n{shown.replace('/srv/assay/published/log', str(folder))} }} }}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1/log", folder
    finally:
        process.terminate()
        process.communicate()


def test_nginx_serves_the_folder_as_the_service_does(nginx: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = nginx
    with open_source(url) as fetch:
        found = audit_files(fetch, verifier=LOG.verifier)
    assert (found.divergence, found.entries) == (None, 300)
    tile = httpx.get(f"{url}/tile/0/000")
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    checkpoint = httpx.get(f"{url}/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["cache-control"] == "public, max-age=2"
    (folder / "tile/0/009").symlink_to(tmp_path / "assay.db")
    assert httpx.get(f"{url}/tile/0/009").status_code in (403, 404)
    assert httpx.get(f"{url}/.staging/").status_code == 404
