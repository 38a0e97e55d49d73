"""Shows the audit log to the world: the one place where its static files and the published checkpoint are written.

`<folder>/checkpoint`, `tile/...` and `tile/entries/...` are laid out as C2SP tlog-tiles: any web server can serve them,
and any tool that knows the format can audit them. `vkey` beside them is the log's public key, and further texts may
stand there, such as the policy that says which witnesses count.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint
from audit.errors import AuditError, CheckpointError, PublicationError
from audit.files import FileTree
from audit.log import Log
from audit.publication import Publication, Reading
from gateway.errors import StorageError

MAX_TEXT_BYTES = 262_144  # a key or a policy, not a book

Newest = Callable[[Session], Checkpoint | None]  # what the world may see: cosigned, where the settings demand it
Progress = Callable[[int, int], None]

logger = logging.getLogger(__name__)


class LogFiles:
    """The published files of the installation's log; safe to use from several threads and processes."""

    def __init__(
        self,
        *,
        folder: Path,
        log: Log,
        former: Path | None = None,
        texts: Mapping[str, str] | None = None,
        newest: Newest | None = None,
    ) -> None:
        self.folder = folder
        self._log = log
        self._publication = Publication(folder, origin=log.origin, verifier=log.verifier)
        self._former = former  # the checkpoint file of earlier versions, which published nothing else
        self._texts = {"vkey": f"{log.verifier.vkey}\n", **(texts or {})}  # by file name, beside the checkpoint
        self._newest = newest or log.latest_checkpoint

    def publish(self, read: Reading, *, again: bool = False, progress: Progress | None = None) -> Checkpoint | None:
        """Publish everything that the newest checkpoint to be shown covers, and return it; None if there is none yet.

        `again` goes over all files instead of the new ones. Raises `StorageError` if a file cannot be written, and
        `AuditError` if the log cannot vouch for itself.
        """
        with read() as session:
            checkpoint = self._newest(session)
        if checkpoint is None:
            return None
        try:
            written = self._publication.write(read, checkpoint, again=again, progress=progress)
            self._write_texts()
            self._publication.show(written)
        except PublicationError as error:
            raise StorageError(f"the log could not be published: {error}") from error
        return checkpoint

    def publish_if_possible(self, read: Reading) -> None:
        """Publish where a full or missing disk may wait: what is stored is shown by a later call."""
        try:
            self.publish(read)
        except (StorageError, CheckpointError) as error:
            logger.warning("the log is published later: %s", error)  # safe to go on: nothing rests on these files yet

    def check(self, session: Session) -> None:
        """Check that the database holds everything that was published; for start-up and readiness.

        Raises `LogDivergedError`, `CheckpointError` or `PublicationError`.
        """
        self._log.check_not_forked(session)
        if self._former is not None:
            self._log.check_against_published(session, self._former)
        self._log.check_against_published(session, self.folder / "checkpoint")
        self._publication.check_unshown(session)

    def shown(self) -> Checkpoint | None:
        """Return the checkpoint that the world sees, verified; raises `AuditError`."""
        return self._publication.shown()

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return a published file, or None if there is none; `name` must come from us. Raises `StorageError`."""
        try:
            return FileTree(self.folder).read(name, max_bytes=max_bytes)
        except AuditError as error:
            raise StorageError(f"a published file cannot be read: {error}") from error

    def _write_texts(self) -> None:
        tree = FileTree(self.folder)
        for name, text in self._texts.items():
            if tree.read(name, max_bytes=MAX_TEXT_BYTES) != text.encode():
                tree.replace(name, text.encode())
