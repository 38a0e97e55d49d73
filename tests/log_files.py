"""What tests of the published files share: a log that is published, and a picture of what lies in its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_log import ORIGIN, fill, seal
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint
from audit.files import FileTree
from audit.log import Log
from audit.monitor import Audit, audit_files
from audit.publication import Publication, Reading


def reading(engine: Engine) -> Reading:
    @contextmanager
    def read() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    return read


def latest(engine: Engine, log: Log) -> Checkpoint:
    with Session(engine) as session:
        checkpoint = log.latest_checkpoint(session)
    assert checkpoint is not None
    return checkpoint


def grow(engine: Engine, log: Log, to: int) -> Checkpoint:
    """Append up to `to` entries in all, and seal."""
    with Session(engine) as session:
        known = log.latest_checkpoint(session)
    size = known.size if known else 0
    fill(engine, log, to - size, start=size)
    seal(engine, log)
    return latest(engine, log)


def publish(engine: Engine, log: Log, folder: Path) -> Checkpoint:
    publication = publication_of(log, folder)
    checkpoint = latest(engine, log)
    publication.show(publication.write(reading(engine), checkpoint))
    return checkpoint


def publication_of(log: Log, folder: Path) -> Publication:
    return Publication(folder, origin=ORIGIN, verifier=log.verifier)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below the folder by its name, without what is being staged."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.startswith(".staging/")}


def audit(folder: Path, log: Log, previous: Checkpoint | None = None) -> Audit:
    return audit_files(fetch_from(folder), verifier=log.verifier, previous=previous)


def fetch_from(folder: Path) -> Callable[[str, int], bytes | None]:
    tree = FileTree(folder)
    return lambda name, max_bytes: tree.read(name, max_bytes=max_bytes)
