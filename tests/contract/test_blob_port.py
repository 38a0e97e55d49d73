"""What a store of blobs promises, kept by the folder and by a real S3-compatible server alike."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import obstore
import pytest

from gateway.blobs import BlobStore, LocalBlobs
from gateway.blobs.objects import ObjectBlobs, open_bucket
from gateway.blobs.port import CHUNK_BYTES, path_of
from gateway.errors import SettingsError, StorageError
from tests.s3_server import S3Server, s3_server

DATA = b"marked and signed" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


@dataclass
class Subject:
    store: BlobStore
    damage: Callable[[str, bytes], None]  # puts other bytes under a name, as a broken disk or an intruder would
    reopen: Callable[[], BlobStore]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("blobs")
        yield server


@pytest.fixture(params=["folder", "bucket"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    if request.param == "folder":

        def write(digest: str, data: bytes) -> None:
            (tmp_path / "blobs" / path_of(digest)).write_bytes(data)

        return Subject(LocalBlobs(tmp_path / "blobs"), write, lambda: LocalBlobs(tmp_path / "blobs"))
    server: S3Server = request.getfixturevalue("server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://blobs/{tmp_path.name}"  # a prefix of its own for each test
    store = open_bucket(url, endpoint=server.endpoint)

    def put(digest: str, data: bytes) -> None:
        obstore.put(store._store, path_of(digest), data, use_multipart=False)

    return Subject(store, put, lambda: open_bucket(url, endpoint=server.endpoint))


@pytest.fixture
def store(subject: Subject) -> BlobStore:
    return subject.store


def test_stored_bytes_come_back_under_their_digest(subject: Subject) -> None:
    assert subject.store.put(DATA) == DIGEST
    for store in (subject.store, subject.reopen()):
        assert store.read(DIGEST) == DATA
        assert store.size(DIGEST) == store.verify(DIGEST) == len(DATA)
        assert store.exists(DIGEST)
        assert list(store.names()) == [DIGEST]
        assert store.sweep() == 0
        store.check()


def test_storing_again_changes_nothing(store: BlobStore) -> None:
    assert store.put(DATA) == store.put(DATA) == DIGEST
    assert list(store.names()) == [DIGEST]


def test_empty_blob_is_a_blob(store: BlobStore) -> None:
    digest = store.put(b"")
    assert (store.read(digest), store.size(digest), store.verify(digest)) == (b"", 0, 0)
    with store.open(digest) as file:
        assert file.read() == b""


def test_many_writers_of_one_blob_leave_one_whole_blob(store: BlobStore) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(store.put(DATA))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [DIGEST] * 8
    assert store.read(DIGEST) == DATA


def test_open_blob_is_read_in_parts_from_any_place(store: BlobStore) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 100)  # more than is read ahead at a time
    digest = store.put(data)
    with store.open(digest) as file:
        assert file.read(6) == data[:6]
        assert file.seek(CHUNK_BYTES - 3) == CHUNK_BYTES - 3
        assert file.read(10) == data[CHUNK_BYTES - 3 :][:10]
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        assert file.read(1) == b""
        assert file.tell() == len(data)
        file.seek(0)
        assert file.read() == data


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], b"X" + DATA[1:]], ids=["empty", "cut short", "one byte changed"])
def test_blob_whose_bytes_do_not_match_its_name_is_refused(subject: Subject, damaged: bytes) -> None:
    subject.store.put(DATA)
    subject.damage(DIGEST, damaged)
    for use in (subject.store.read, subject.store.verify, lambda digest: subject.store.put(DATA)):
        with pytest.raises(StorageError, match="does not hold the bytes of its name"):
            use(DIGEST)


def test_missing_blob_is_named(store: BlobStore) -> None:
    assert not store.exists(DIGEST)
    assert list(store.names()) == []
    for use in (store.read, store.verify, store.size, store.open):
        with pytest.raises(StorageError, match=f"{DIGEST} is missing"):
            use(DIGEST)


def test_removed_blob_is_gone_and_may_come_back(store: BlobStore) -> None:
    assert not store.remove(DIGEST)
    store.put(DATA)
    assert store.remove(DIGEST)
    assert not store.exists(DIGEST)
    assert not store.remove(DIGEST)
    assert store.put(DATA) == DIGEST


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 63 + "\n", "/" + "0" * 63]
)
def test_name_that_is_no_digest_reaches_no_store(store: BlobStore, name: str) -> None:
    for use in (store.read, store.verify, store.size, store.open, store.exists, store.remove):
        with pytest.raises(StorageError, match="64 hexadecimal digits"):
            use(name)


def test_bucket_that_is_away_or_refuses_says_so_and_quotes_nothing(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    nowhere = open_bucket("s3://no-such-bucket/x", endpoint=server.endpoint)
    with pytest.raises(StorageError, match="s3://no-such-bucket/x"):
        nowhere.put(DATA)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    refused = open_bucket("s3://blobs/x", endpoint=server.endpoint)
    for use in (refused.check, lambda: refused.put(DATA), lambda: refused.read(DIGEST), lambda: list(refused.names())):
        with pytest.raises(StorageError, match="s3://blobs/x could not be asked") as caught:
            use()
        assert server.environment["AWS_ACCESS_KEY_ID"] not in str(caught.value).split("/")
        assert "wrong" not in str(caught.value)


class Ear(BaseHTTPRequestHandler):
    """Notes what it is asked, and says yes."""

    heard: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_object_is_created_under_a_condition_and_travels_with_its_checksum(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as ear:
        thread = threading.Thread(target=ear.serve_forever)
        thread.start()
        open_bucket("s3://blobs/some/prefix", endpoint=f"http://127.0.0.1:{ear.server_port}").put(DATA)
        ear.shutdown()
        thread.join()
    ((method, path, headers),) = Ear.heard
    assert (method, path) == ("PUT", f"/blobs/some/prefix/{path_of(DIGEST)}")
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(bytes.fromhex(DIGEST)).decode()


@pytest.mark.parametrize(
    ("url", "endpoint", "said"),
    [
        ("http://blobs", "", "not s3://bucket/prefix"),
        ("s3://", "", "not s3://bucket/prefix"),
        ("s3://blobs?x=1", "", "not s3://bucket/prefix"),
        ("s3://blobs", "ftp://127.0.0.1", "must be an http or https address"),
        ("s3://blobs", "https://me:secret@store.example", "must be an http or https address"),
        ("s3://blobs", "http://store.example", "unencrypted"),
    ],
)
def test_address_that_is_none_or_unsafe_is_refused(url: str, endpoint: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        open_bucket(url, endpoint=endpoint)
    assert "secret" not in str(caught.value)


def test_store_is_the_one_that_the_settings_name(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.app import build_blobs
    from gateway.settings import Settings

    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    assert isinstance(build_blobs(Settings(home=tmp_path)), LocalBlobs)
    chosen = build_blobs(Settings(home=tmp_path, blobs="s3://blobs/settings", blobs_endpoint=server.endpoint))
    assert isinstance(chosen, ObjectBlobs)
    assert chosen.put(DATA) == DIGEST
    assert not (tmp_path / "blobs").exists()
