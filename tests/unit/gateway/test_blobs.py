"""Blobs: a name always means the same bytes, and a disk that is full says so and leaves nothing half written."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.blobs.local import ABANDONED_SECONDS, LocalBlobs
from gateway.errors import StorageError

DATA = b"marked and signed" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def path_of(store: LocalBlobs, tmp_path: Path) -> Path:
    return tmp_path / "blobs" / "sha256" / DIGEST[:2] / DIGEST[2:]


def test_stored_bytes_come_back_under_their_digest(store: LocalBlobs, tmp_path: Path) -> None:
    assert store.put(DATA) == DIGEST
    assert store.read(DIGEST) == DATA
    assert store.size(DIGEST) == store.verify(DIGEST) == len(DATA)
    assert store.exists(DIGEST)
    with store.open(DIGEST) as file:
        assert file.read(6) == b"marked"
    assert path_of(store, tmp_path).is_file()
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_storing_again_changes_nothing(store: LocalBlobs, tmp_path: Path) -> None:
    store.put(DATA)
    before = path_of(store, tmp_path).stat()
    assert store.put(DATA) == DIGEST
    assert path_of(store, tmp_path).stat().st_mtime_ns == before.st_mtime_ns
    assert path_of(store, tmp_path).stat().st_ino == before.st_ino


def test_many_writers_of_one_blob_leave_one_whole_blob(store: LocalBlobs, tmp_path: Path) -> None:
    threads = [threading.Thread(target=store.put, args=(DATA,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(DIGEST) == DATA
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


@pytest.mark.parametrize("damaged", [b"", DATA[:-1], b"X" + DATA[1:]], ids=["empty", "cut short", "one byte changed"])
def test_blob_whose_bytes_do_not_match_its_name_is_refused(store: LocalBlobs, tmp_path: Path, damaged: bytes) -> None:
    store.put(DATA)
    path_of(store, tmp_path).write_bytes(damaged)
    for use in (store.read, store.verify, lambda digest: store.put(DATA)):
        with pytest.raises(StorageError, match="does not hold the bytes of its name"):
            use(DIGEST)


def test_missing_blob_is_named(store: LocalBlobs) -> None:
    assert not store.exists(DIGEST)
    for use in (store.read, store.verify, store.size, store.open):
        with pytest.raises(StorageError, match=f"{DIGEST} is missing"):
            use(DIGEST)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 63 + "\n", "/" + "0" * 63]
)
def test_name_that_is_no_digest_never_reaches_the_disk(store: LocalBlobs, name: str) -> None:
    for use in (store.read, store.verify, store.size, store.open, store.exists):
        with pytest.raises(StorageError, match="64 hexadecimal digits"):
            use(name)


def test_full_disk_says_so_and_leaves_no_partial_file(tmp_path: Path) -> None:
    # A real limit: the kernel refuses to let any file of this process grow beyond 64 KiB.
    program = f"""
import resource, sys
from pathlib import Path
from gateway.blobs import LocalBlobs
from gateway.errors import StorageError
store = LocalBlobs(Path({str(tmp_path)!r}))
small = store.put(b"small")
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    store.put(b"x" * 100_000)
except StorageError as error:
    print(error)
else:
    sys.exit("the write was not refused")
assert store.read(small) == b"small"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the disk is full" in done.stdout
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert names == [hashlib.sha256(b"small").hexdigest()[2:]]


def test_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageError, match="was not stored"):
        LocalBlobs(tmp_path / "blobs").put(DATA)


def test_only_old_temporary_files_are_swept(store: LocalBlobs, tmp_path: Path) -> None:
    store.put(DATA)
    old, fresh = (tmp_path / "blobs" / "incoming" / name for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"half")
    long_ago = time.time() - ABANDONED_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert store.sweep() == 1
    assert fresh.exists()
    assert not old.exists()
    assert store.exists(DIGEST)


def test_sweeping_a_store_that_was_never_used_finds_nothing(store: LocalBlobs) -> None:
    assert store.sweep() == 0
