"""Restoring a backup into an empty installation, and saying whether it may go on from there.

1. Every file of the backup has the bytes that its manifest names.
2. The installation is empty: nothing is ever written over.
3. The backup is of this log and of this version's schema.
4. Keys, small files, blobs: what a row may name is there before the row.
5. The rows, in one transaction.
6. The fork check: the database holds everything that was published. If it does not, the backup is older than what the
   world has seen; it stays as it is, nothing starts, and `assay log rebuild` brings the rest back.
7. fsck, over everything.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from audit.errors import AuditError
from gateway.backup.keybox import NAME as KEY_BOX
from gateway.backup.keybox import open_keys
from gateway.backup.manifest import Manifest, check_files, read_manifest
from gateway.backup.rows import is_empty, migration_of, read_rows
from gateway.backup.taking import BLOBS, TEXTS
from gateway.blobs import BlobStore, LocalBlobs
from gateway.db import Database, migrate, open_database
from gateway.errors import BackupError
from gateway.logfiles import LogFiles
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and what the published log says to it."""

    manifest: Manifest
    behind: str  # why nothing may start yet; "" if all is well


def check_backup(folder: Path) -> Manifest:
    """Check a backup without restoring it; raises `BackupError`."""
    manifest = read_manifest(folder)
    check_files(folder, manifest)  # 1.
    return manifest


def restore_files(
    folder: Path, manifest: Manifest, *, settings: Settings, blobs: BlobStore, passphrase: str = ""
) -> None:
    """Bring back keys, small files and blobs, after the checks that need no key; raises `BackupError`."""
    _require_empty(settings, blobs, keys_too=manifest.keys)  # 2.
    # 3.
    if manifest.origin != settings.log_origin:
        raise BackupError(f"the backup is of the log {manifest.origin!r}; set ASSAY_LOG_ORIGIN, or use another one")
    # 4.
    if manifest.keys:
        if not passphrase:
            raise BackupError("the backup holds keys; name the file with their passphrase: --passphrase-file")
        open_keys((folder / KEY_BOX).read_bytes(), passphrase, settings.keys)
    if TEXTS in manifest.files:
        settings.protected_texts.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / TEXTS, settings.protected_texts)
    for name in manifest.files:
        if name.startswith(f"{BLOBS}/"):
            digest = blobs.put((folder / name).read_bytes())
            if digest != Path(name).name:
                raise BackupError(f"{name} of the backup is not the blob of its name; use another backup")


def restore_rows(folder: Path, manifest: Manifest, *, settings: Settings, files: LogFiles) -> Restored:
    """Bring back the rows, and ask the published log about them; raises `BackupError`."""
    migrate(settings.sqlalchemy_url)
    database = open_database(settings.sqlalchemy_url)
    try:
        with database.write() as session:  # 5.
            found = migration_of(session.connection())
            if found != manifest.migration:
                raise BackupError(
                    f"the backup is at migration {manifest.migration}, this version at {found}; restore with the "
                    f"version that made it ({manifest.software}), then upgrade"
                )
            try:
                read_rows(session, folder, manifest.rows)
            except sa.exc.DBAPIError as error:
                raise BackupError(f"the rows do not fit the database: {type(error.orig).__name__}") from error
        # If we crash here, the next try says that the installation is not empty; remove what was restored.
        return Restored(manifest, _behind(database, files))  # 6.
    finally:
        database.dispose()


def _behind(database: Database, files: LogFiles) -> str:
    try:
        with database.read() as session:
            files.check(session)
    except AuditError as error:
        return str(error)
    return ""


def _require_empty(settings: Settings, blobs: BlobStore, *, keys_too: bool) -> None:
    if settings.is_sqlite and Path(settings.sqlalchemy_url.removeprefix("sqlite:///")).exists():
        raise BackupError(f"{settings.home} has a database already; restore into an empty one, nothing is written over")
    if not settings.is_sqlite:
        database = open_database(settings.sqlalchemy_url)
        try:
            if not is_empty(database):
                raise BackupError("the PostgreSQL database has tables already; restore into an empty one")
        finally:
            database.dispose()
    if isinstance(blobs, LocalBlobs) and next(blobs.names(), None) is not None:
        raise BackupError(f"{settings.home} has blobs already; restore into an empty one, nothing is written over")
    if keys_too and settings.keys.exists() and any(settings.keys.iterdir()):
        raise BackupError(f"{settings.keys} has keys already; the backup brings its own, so move them away first")
