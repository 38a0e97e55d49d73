"""Blobs in a folder: written beside, synced, and then linked to their name, so that a name is there whole or not."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gateway.blobs.port import CHUNK_BYTES, NAME, damaged, missing, path_of
from gateway.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ABANDONED_SECONDS = 86_400  # no write takes a day, so an older temporary file is the trace of a crash


class LocalBlobs:
    """Write-once files below one folder; safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex; durable when this returns, and storing it again changes nothing.

        Raises `StorageError` if the disk is full or anything else stands in the way; no partial blob is ever visible.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            self.verify(digest)
            return digest
        temporary = self._root / "incoming" / secrets.token_hex(16)
        with _storing(digest):
            try:
                _make_folders(path.parent, self._root)
                _make_folders(temporary.parent, self._root)
                _write_durably(temporary, data)
                # If we crash here, a stray temporary file is left, which `sweep` removes.
                with suppress(FileExistsError):  # safe to ignore: whoever was faster stored the same bytes
                    os.link(temporary, path)
                _sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def read(self, digest: str) -> bytes:
        """Return a blob's bytes, checked against its name; raises `StorageError` if it is missing or damaged."""
        with _reading(digest):
            data = self._path(digest).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged(digest)
        return data

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading in parts; unlike `read` this does not check the bytes against the name."""
        with _reading(digest):
            return self._path(digest).open("rb")

    def verify(self, digest: str) -> int:
        """Read a blob through, check that its bytes match its name, and return its size; raises `StorageError`."""
        seen, size = hashlib.sha256(), 0
        with _reading(digest), self._path(digest).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                seen.update(chunk)
                size += len(chunk)
        if seen.hexdigest() != digest:
            raise damaged(digest)
        return size

    def size(self, digest: str) -> int:
        """Size in bytes; raises `StorageError` if the blob is missing."""
        with _reading(digest):
            return self._path(digest).stat().st_size

    def remove(self, digest: str) -> bool:
        """Remove a blob for good, durably; True if it was there. Raises `StorageError` if it cannot be removed."""
        path = self._path(digest)
        try:
            path.unlink()
            _sync_folder(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"blob {digest} was not removed: {error.strerror}; check the blob folder") from error
        return True

    def exists(self, digest: str) -> bool:
        """True if there is a blob of this name."""
        return self._path(digest).is_file()

    def names(self) -> Iterator[str]:
        """Yield the names of all blobs."""
        for path in (self._root / "sha256").glob("*/*"):
            name = path.parent.name + path.name
            if NAME.fullmatch(name):
                yield name

    def check(self) -> None:
        """See that the folder can be written, or could be made."""
        folder = self._root
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StorageError(f"{folder} cannot be written, so no sound can be stored; mend its owner or its mount")

    def sweep(self) -> int:
        """Remove temporary files that a crash left more than a day ago, and return how many."""
        removed = 0
        for path in (self._root / "incoming").glob("*"):
            with suppress(FileNotFoundError):  # safe to ignore: another process removed it first
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, digest: str) -> Path:
        return self._root / path_of(digest)


@contextmanager
def _storing(digest: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(f"the disk is full: blob {digest} was not stored; free space and retry") from error
        raise StorageError(f"blob {digest} was not stored: {error.strerror}; check the blob folder") from error


@contextmanager
def _reading(digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise missing(digest) from error
    except OSError as error:
        raise StorageError(f"blob {digest} cannot be read: {error.strerror}; check the blob folder") from error


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_folders(folder: Path, root: Path) -> None:
    """Make `folder`, and make every new name on the way from above `root` down survive a power loss."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folders(folder.parent, root)
    folder.mkdir(parents=True, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
