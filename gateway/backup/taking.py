"""Taking a backup of a running installation.

1. The folder must be new or empty.
2. The rows, in one consistent look: what was committed before is in, what comes after is not.
3. The blobs. After the rows: a blob is stored before its row is committed, so every blob that a row names is there.
4. The small files that nothing else holds.
5. The keys, if they are asked for, encrypted.
6. The manifest, last.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit.log import Log
from audit.store import read_head
from gateway.backup.keybox import NAME as KEY_BOX
from gateway.backup.keybox import seal_keys
from gateway.backup.manifest import FORMAT, File, Manifest, describe, sync_folder, write_manifest
from gateway.backup.rows import migration_of, write_rows
from gateway.blobs import BlobStore, LocalBlobs
from gateway.db import Database
from gateway.errors import BackupError
from gateway.settings import Settings

BLOBS = "blobs"
TEXTS = "protected-texts.ndjson"


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished backup."""

    manifest: Manifest
    sha256: str  # of the manifest; keep it elsewhere, and it vouches for all the rest


def take_backup(
    folder: Path,
    *,
    settings: Settings,
    database: Database,
    log: Log,
    blobs: BlobStore,
    software: str,
    at: datetime,
    passphrase: str = "",
) -> Taken:
    """Back up into `folder`; with a `passphrase` also the keys. Raises `BackupError`, `StorageError`."""
    # 1.
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty; name a new folder, a backup is never changed")
    folder.chmod(0o700)  # it holds scripts that were never published
    # 2.
    with database.read() as session:
        migration, head = migration_of(session.connection()), read_head(session)
        rows = write_rows(session, folder)
    # 3.
    here = isinstance(blobs, LocalBlobs)
    if here:
        for digest in blobs.names():
            _copy_blob(blobs, digest, folder / BLOBS / digest[:2] / digest)
    # 4.
    if settings.protected_texts.exists():
        shutil.copyfile(settings.protected_texts, folder / TEXTS)
    # 5.
    if passphrase:
        (folder / KEY_BOX).write_bytes(seal_keys(settings.keys, passphrase))
    # 6.
    files: dict[str, File] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        files[str(path.relative_to(folder))] = describe(path)
        _sync(path)
    for inner in [path for path in folder.rglob("*") if path.is_dir()]:
        sync_folder(inner)
    manifest = Manifest(
        format=FORMAT,
        made_at=at.astimezone(UTC).isoformat(),
        software=software,
        migration=migration,
        origin=log.origin,
        log_size=head.size,
        log_root=head.root().hex(),
        database="sqlite" if database.is_sqlite else "postgresql",
        rows=rows,
        blobs="here" if here else "elsewhere",
        keys=bool(passphrase),
        files=files,
    )
    return Taken(manifest, write_manifest(folder, manifest))


def _copy_blob(blobs: BlobStore, digest: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if not blobs.exists(digest):
        return  # erased since it was listed: then it must not be in a backup either
    to.write_bytes(blobs.read(digest))  # checked against its name


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
