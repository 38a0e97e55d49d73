"""Content-addressed files: a blob's name is the SHA-256 of its bytes, so a stored name can never mean other bytes.

Storing says nothing about publishing: the API serves a blob only while a released episode names it. `local` keeps them
in a folder, `objects` in a bucket of an S3-compatible store; both lay them out as `sha256/ab/cdef...`.
"""

from gateway.blobs.local import LocalBlobs
from gateway.blobs.port import BlobStore

__all__ = ["BlobStore", "LocalBlobs"]
