"""What a store of blobs promises, and what its implementations share (pure but for hashing)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from gateway.errors import StorageError

NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
CHUNK_BYTES = 1 << 20


class BlobStore(Protocol):
    """Write-once files under the SHA-256 of their bytes; safe to use from several threads, processes and machines.

    Every method raises `StorageError` where the store is out of reach or `digest` is no name of a blob.
    """

    def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex; durable when this returns, and storing it again changes nothing.

        Raises `StorageError` without room, or if other bytes lie under the name; no partial blob is ever visible.
        """

    def read(self, digest: str) -> bytes:
        """Return a blob's bytes, checked against its name; raises `StorageError` if it is missing or damaged."""

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading in parts, from any place; does not check the bytes against the name."""

    def verify(self, digest: str) -> int:
        """Read a blob through, check that its bytes match its name, and return its size; raises `StorageError`."""

    def size(self, digest: str) -> int:
        """Size in bytes; raises `StorageError` if the blob is missing."""

    def remove(self, digest: str) -> bool:
        """Remove a blob for good, durably; True if it was there."""

    def exists(self, digest: str) -> bool:
        """True if there is a blob of this name."""

    def names(self) -> Iterator[str]:
        """Yield the names of all blobs, in no particular order."""

    def sweep(self) -> int:
        """Remove what crashes left half-written more than a day ago, and return how many pieces that were."""

    def check(self) -> None:
        """Ask whether the store can be used now, for `/readyz`; raises `StorageError` with the reason."""


def path_of(digest: str) -> str:
    """Where a blob lies below its store's root; raises `StorageError` for what is no name."""
    if NAME.fullmatch(digest) is None:
        raise StorageError("a blob's name is the SHA-256 of its bytes: 64 hexadecimal digits in lower case")
    return f"sha256/{digest[:2]}/{digest[2:]}"


def damaged(digest: str) -> StorageError:
    """The error of a blob whose bytes are not those of its name."""
    return StorageError(f"blob {digest} does not hold the bytes of its name; restore it from a backup")


def missing(digest: str) -> StorageError:
    """The error of a blob that is not there."""
    return StorageError(f"blob {digest} is missing; restore it from a backup")
