"""The manifest of a backup, and the check that a folder still holds what it names (the only I/O is reading files)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import BackupError

NAME = "manifest.json"
FORMAT = "assay-backup-1"
CHUNK_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 1 << 30  # names every blob: about 150 bytes each


class File(BaseModel):
    """One file of a backup, by its path below the folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    size: int


class Manifest(BaseModel):
    """What a backup holds, and of what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["assay-backup-1"]
    made_at: str  # ISO 8601, UTC: the moment that the rows show
    software: str
    migration: str  # of the database; the version that restores must have the same
    origin: str  # of the log
    log_size: int  # entries
    log_root: str  # hex
    database: Literal["sqlite", "postgresql"]
    rows: dict[str, int]  # by table
    blobs: Literal["here", "elsewhere"]  # elsewhere: in a bucket, which has copies of its own
    keys: bool
    files: dict[str, File]


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Write the manifest last, durably, and return its SHA-256: a folder without one is no backup."""
    data = json.dumps(manifest.model_dump(), indent=1, sort_keys=True).encode() + b"\n"
    temporary = folder / f"{NAME}.incoming"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    # If we crash here, the folder is no backup yet, and says so when somebody tries to restore it.
    temporary.replace(folder / NAME)
    sync_folder(folder)
    return hashlib.sha256(data).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of `folder`; raises `BackupError` if there is none that can be read."""
    path = folder / NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BackupError(f"{path} is larger than any manifest; name the folder of a backup")
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BackupError(
            f"{path} cannot be read ({error.strerror}): not a backup, or one that was never finished"
        ) from error
    except ValidationError as error:
        raise BackupError(f"{path} is not the manifest of a backup of this version") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check that every file is there with the bytes that the manifest names; raises `BackupError` for the first."""
    for name, wanted in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"the backup names {name!r}, which is not below its folder; do not trust it")
        try:
            found = describe(path)
        except OSError as error:
            raise BackupError(f"{name} of the backup cannot be read ({error.strerror}); use another backup") from error
        if found != wanted:
            raise BackupError(f"{name} of the backup is not what its manifest says; use another backup")


def describe(path: Path) -> File:
    """Hash a file."""
    seen, size = hashlib.sha256(), 0
    for chunk in _chunks(path):
        seen.update(chunk)
        size += len(chunk)
    return File(sha256=seen.hexdigest(), size=size)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
