"""Blobs in a bucket of an S3-compatible store (Amazon S3, SeaweedFS, Ceph, Garage); needs the extra `s3`.

1. A blob is written by one conditional request (`If-None-Match: *`), so of two writers one is told that it is there.
2. Its SHA-256 travels along (`x-amz-checksum-sha256`): a store that checks keeps nothing that was changed on the way.
3. It is read in ranges, or whole and then compared with its name: the store is not trusted with what is released.

Trust: the store keeps what it acknowledged. Credentials come from the environment, as for every S3 client
(`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, or the machine's role).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from gateway.blobs.port import CHUNK_BYTES, NAME, damaged, missing, path_of
from gateway.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REQUEST_SECONDS = 60  # for one request; the largest files take a few
RETRY_SECONDS = 20  # for a store that is away in between; then the step is tried again, which is the pipeline's to do
RETRIES = 3
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ObjectBlobs:
    """Write-once objects below a prefix of one bucket."""

    def __init__(self, store: S3Store, *, name: str) -> None:
        self._store = store
        self._name = name  # for messages

    def put(self, data: bytes) -> str:
        """Store `data` and return its SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        with self._asking(f"blob {digest} was not stored"):
            try:
                obstore.put(self._store, path_of(digest), data, mode="create", use_multipart=False)  # 1. 2.
            except AlreadyExistsError:
                self.verify(digest)  # whoever was faster stored the same bytes, or we say so
        return digest

    def read(self, digest: str) -> bytes:
        """Return a blob's bytes, checked against its name."""
        with self._asking(f"blob {digest} cannot be read", digest):
            data = bytes(obstore.get(self._store, path_of(digest)).bytes())
        if hashlib.sha256(data).hexdigest() != digest:  # 3.
            raise damaged(digest)
        return data

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading in parts."""
        return io.BufferedReader(_Object(self, digest, self.size(digest)), CHUNK_BYTES)

    def read_range(self, digest: str, start: int, end: int) -> bytes:
        """Return the bytes `[start, end)` of a blob."""
        with self._asking(f"blob {digest} cannot be read", digest):
            return bytes(obstore.get_range(self._store, path_of(digest), start=start, end=end))

    def verify(self, digest: str) -> int:
        """Read a blob through, check that its bytes match its name, and return its size."""
        seen, size = hashlib.sha256(), 0
        with self._asking(f"blob {digest} cannot be read", digest):
            for chunk in obstore.get(self._store, path_of(digest)).stream(min_chunk_size=CHUNK_BYTES):
                seen.update(chunk)
                size += len(chunk)
        if seen.hexdigest() != digest:
            raise damaged(digest)
        return size

    def size(self, digest: str) -> int:
        """Size in bytes."""
        with self._asking(f"blob {digest} cannot be read", digest):
            return obstore.head(self._store, path_of(digest))["size"]

    def remove(self, digest: str) -> bool:
        """Remove a blob; a bucket with versions keeps the old one until its lifecycle rule removes that."""
        there = self.exists(digest)
        with self._asking(f"blob {digest} was not removed"):
            obstore.delete(self._store, path_of(digest))
        return there

    def exists(self, digest: str) -> bool:
        """True if there is a blob of this name."""
        path = path_of(digest)
        with self._asking(f"blob {digest} cannot be looked for"):
            try:
                obstore.head(self._store, path)
            except FileNotFoundError:
                return False
        return True

    def names(self) -> Iterator[str]:
        """Yield the names of all blobs."""
        with self._asking("the blobs cannot be listed"):
            for page in obstore.list(self._store, "sha256/"):
                for found in page:
                    name = found["path"].removeprefix("sha256/").replace("/", "")
                    if NAME.fullmatch(name):
                        yield name

    def sweep(self) -> int:
        """There is nothing to sweep: an object is there whole or not at all."""
        return 0

    def check(self) -> None:
        """Ask the bucket for a name that cannot be there."""
        self.exists("0" * 64)

    @contextmanager
    def _asking(self, what: str, digest: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if digest:
                raise missing(digest) from error
            raise StorageError(f"{what}: {self._name} is not there; make the bucket, or set ASSAY_BLOBS") from error
        except (BaseError, OSError) as error:
            # The library's own text quotes the answer at length, with addresses; its kind says what to look at.
            kind = type(error).__name__.removesuffix("Error")
            raise StorageError(
                f"{what}: {self._name} could not be asked ({kind}); see whether it can be reached, has room, and "
                "takes these credentials"
            ) from error


class _Object(io.RawIOBase):
    """A blob as a file that is read in ranges."""

    def __init__(self, blobs: ObjectBlobs, digest: str, size: int) -> None:
        self._blobs, self._digest, self._size, self._place = blobs, digest, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._place + len(view), self._size)
        if self._place >= end:
            return 0
        part = self._blobs.read_range(self._digest, self._place, end)
        view[: len(part)] = part
        self._place += len(part)
        return len(part)


def open_bucket(url: str, *, endpoint: str = "", allow_plain_http: bool = False) -> ObjectBlobs:
    """Open the store at `url` ("s3://bucket/prefix"), on Amazon S3 or at `endpoint`; connects to nothing yet.

    Raises `SettingsError` for what is no such address, and for plain HTTP beyond this machine unless it is allowed.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError(f"{url!r} is not s3://bucket/prefix; set ASSAY_BLOBS")
    server = urlsplit(endpoint)
    plain = server.scheme == "http"
    if endpoint and (server.scheme not in ("http", "https") or not server.hostname or server.username):
        raise SettingsError("the endpoint must be an http or https address; set ASSAY_BLOBS_ENDPOINT")
    if plain and not allow_plain_http and server.hostname not in LOOPBACK:
        raise SettingsError("sound would travel unencrypted; use https, or set ASSAY_BLOBS_ALLOW_PLAIN_HTTP")
    try:
        store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            endpoint=endpoint or None,
            checksum_algorithm="sha256",
            virtual_hosted_style_request=not endpoint,
            client_options={"allow_http": plain, "timeout": timedelta(seconds=REQUEST_SECONDS)},
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )
    except (BaseError, ValueError) as error:
        raise SettingsError(f"the bucket of {url!r} cannot be used: {type(error).__name__}; set ASSAY_BLOBS") from error
    return ObjectBlobs(store, name=url)
