"""Pulling model files from a real HTTP server: only what hashes to its pin is kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from gateway import modelfiles
from gateway.cli import main
from gateway.errors import InvalidRequestError, StorageError
from gateway.modelfiles import CATALOGUE, RemoteFile, RemoteModel, find_model, pull
from policies.errors import ModelUnavailableError

CONTENT = bytes(range(256)) * 9000


class Host(BaseHTTPRequestHandler):
    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path == "/file":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
        else:
            self.send_response(404)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Host.requests.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def model(url: str, sha256: str = hashlib.sha256(CONTENT).hexdigest()) -> RemoteModel:
    return RemoteModel("test", "a test", "MIT", (RemoteFile(url, "weights.bin", sha256),))


def ignore(*_: object) -> None:
    pass


def test_a_file_with_the_pinned_digest_is_kept_and_not_fetched_twice(host: str, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    (path,) = pull(model(f"{host}/moved"), tmp_path, progress=lambda *step: seen.append(step))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("weights.bin", len(CONTENT), len(CONTENT))
    count = len(Host.requests)
    assert pull(model(f"{host}/moved"), tmp_path, progress=ignore) == [path]
    assert len(Host.requests) == count


def test_a_damaged_file_is_fetched_again(host: str, tmp_path: Path) -> None:
    (path,) = pull(model(f"{host}/file"), tmp_path, progress=ignore)
    path.write_bytes(b"damaged")
    pull(model(f"{host}/file"), tmp_path, progress=ignore)
    assert path.read_bytes() == CONTENT


def test_a_file_with_another_digest_is_refused_and_deleted(host: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="not to the pinned"):
        pull(model(f"{host}/file", "00" * 32), tmp_path, progress=ignore)
    assert list((tmp_path / "test").iterdir()) == []


@pytest.mark.parametrize("path", ["/missing", "/cut"])
def test_a_host_that_fails_leaves_nothing_behind(host: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(ModelUnavailableError, match="cannot be fetched"):
        pull(model(host + path), tmp_path, progress=ignore)
    assert list((tmp_path / "test").iterdir()) == []


def test_a_host_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="put the file with SHA-256"):
        pull(model("http://127.0.0.1:9/file"), tmp_path, progress=ignore)


def test_a_host_that_sends_too_much_is_cut_off(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelfiles, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ModelUnavailableError, match="more than 1000 bytes"):
        pull(model(f"{host}/file"), tmp_path, progress=ignore)


def test_a_folder_that_cannot_be_written_is_named(host: str, tmp_path: Path) -> None:
    (tmp_path / "test").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        pull(model(f"{host}/file"), tmp_path, progress=ignore)


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="audioseal, detoxify-original"):
        find_model("xtts")


def test_every_official_file_is_pinned_and_fetched_over_tls() -> None:
    files = [file for one in CATALOGUE for file in one.files]
    assert files
    assert all(file.url.startswith("https://") for file in files)
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in files)


def test_a_file_without_a_known_pin_is_kept_whole_or_not_at_all(host: str, tmp_path: Path) -> None:
    unpinned = model(f"{host}/file", "")
    assert not unpinned.pinned
    (path,) = pull(unpinned, tmp_path, progress=ignore)
    assert path.read_bytes() == CONTENT
    with pytest.raises(ModelUnavailableError):
        pull(model(f"{host}/cut", ""), tmp_path / "other", progress=ignore)
    assert not any(file.is_file() for file in (tmp_path / "other").rglob("*"))


def test_command_fetches_a_model_whose_terms_are_accepted_and_says_how_to_use_it(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = {name: hashlib.sha256(CONTENT).hexdigest() for name in ("model.pth", "config.json")}
    files = tuple(RemoteFile(f"{host}/file", name, pin) for name, pin in pins.items())
    own = RemoteModel("xtts-v2", "speaks", "CPML", files, terms=f"{host}/LICENSE.txt")
    monkeypatch.setattr(modelfiles, "CATALOGUE", (own,))
    monkeypatch.setattr(modelfiles.find_model, "__defaults__", ((own,),))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    refused = CliRunner().invoke(main, ["models", "pull", "xtts-v2"])
    assert refused.exit_code == 1
    assert f"licence CPML {host}/LICENSE.txt" in refused.output
    assert Host.requests == []
    monkeypatch.setenv("ASSAY_ACCEPTED_LICENCES", '["CPML"]')
    fetched = CliRunner().invoke(main, ["models", "pull", "xtts-v2"])
    assert fetched.exit_code == 0, fetched.output
    assert (tmp_path / "models" / "xtts-v2" / "model.pth").read_bytes() == CONTENT
    assert f"assay voices pin {tmp_path / 'models' / 'xtts-v2'} --id ID --licence CPML" in " ".join(
        fetched.output.split()
    )
