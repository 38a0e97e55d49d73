"""Restore entries that the database lost from the published files, which hold every entry byte for byte.

For a database that came back from an old backup, or is new and empty: it must not sign again before it holds everything
that was shown. Order of things:

1. `examine` derives everything published again: the signature, every entry, every tile, the signed root. The entries
   that the database still has must be the first of them. No transaction is open, because this may take long.
2. `rebuild`, in one transaction of the caller's, adds the missing entries from the same files, which must lead to the
   same root, and stores the published checkpoint.
3. In the same transaction the whole log is derived once more, as the database now holds it.

Any mismatch raises, and the caller's transaction is rolled back: nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from audit import outbox
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify
from audit.errors import EventError, LogDivergedError, PublicationError, TileError
from audit.event import Event, parse_event
from audit.fsck import fsck
from audit.merkle import Frontier
from audit.monitor import Fetch, Progress, audit_files, fetch_checkpoint
from audit.sequencer import append_rows
from audit.store import CHECKPOINTS, read_head
from audit.tiles import TILE_HASHES, TileName, decode_bundle


@dataclass(frozen=True, slots=True)
class Examined:
    """Published files that hold what was signed, and begin with `head`; only `examine` makes one."""

    checkpoint: Checkpoint
    head: Frontier

    @property
    def missing(self) -> int:
        """How many published entries the database lacks."""
        return max(0, self.checkpoint.size - self.head.size)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was restored."""

    checkpoint: Checkpoint  # the published one, which the log now ends with
    restored: int  # entries
    subjects: frozenset[str]  # what the restored entries are about; tables beside the log know nothing of it


def examine(fetch: Fetch, *, head: Frontier, verifier: Verifier, progress: Progress | None = None) -> Examined:
    """Derive everything published at `fetch` again, and check that the log at `head` is a beginning of it.

    Raises `LogDivergedError` if the files do not hold what was signed, or the database holds something else,
    `CheckpointError` if the checkpoint is not the log's own, and `PublicationError` if a file cannot be fetched.
    """
    stored = Checkpoint(verifier.name, head.size, head.root(), "")  # nobody signed it, but it must be a beginning
    published = fetch_checkpoint(fetch, verifier=verifier)
    if head.size >= published.size:
        return Examined(published, head)
    audited = audit_files(fetch, verifier=verifier, previous=stored, progress=progress)
    divergence = audited.divergence
    if divergence is not None and divergence.history:
        raise LogDivergedError(
            f"the database's {head.size} entries are not the first of the published ones: it went on after the "
            "restore, or is of another log; restore the backup again, and start nothing before the rebuild"
        )
    if divergence is not None:
        raise LogDivergedError(f"the published files are not what was signed, and restore nothing: {divergence}")
    return Examined(audited.checkpoint, head)


def rebuild(session: Session, fetch: Fetch, examined: Examined, *, verifier: Verifier, at: datetime) -> Rebuilt:
    """Add the missing entries and the checkpoint in the caller's transaction; nothing counts before it commits.

    Memory does not grow with the log. Raises as `examine` does; then roll back.
    """
    # 2.
    checkpoint, frontier = examined.checkpoint, read_head(session, lock=True)
    if frontier != examined.head:
        raise LogDivergedError("the log grew while it was examined; stop every process that uses it, and try again")
    if not examined.missing:
        return Rebuilt(checkpoint, 0, frozenset())
    start, subjects = frontier.size, set[str]()
    for first, leaves in _bundles(fetch, start, checkpoint.size):
        missing = leaves[max(0, start - first) :]
        rows = outbox.rows_of([_event(number, leaf) for number, leaf in enumerate(missing, frontier.size)])
        frontier = append_rows(session, frontier, rows)
        subjects.update(row["subject"] for row in rows)
    if (frontier.size, frontier.root()) != (checkpoint.size, checkpoint.root):
        raise LogDivergedError("the published files changed while they were read; try again")
    values = {"size": checkpoint.size, "root": checkpoint.root, "created": at}
    session.execute(insert(CHECKPOINTS).values(note=_own_signatures(checkpoint, verifier), **values))
    # What waited for its place when the backup was made may have found it since.
    outbox.remove(session, [waiting.id for waiting in outbox.read_waiting(session) if waiting.is_logged])
    # 3.
    fsck(session, origin=verifier.name, verifier=verifier, published=checkpoint).require_sound()
    return Rebuilt(checkpoint, checkpoint.size - start, frozenset(subjects))


def _bundles(fetch: Fetch, first: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
    for start in range(first - first % TILE_HASHES, size, TILE_HASHES):
        name = TileName(None, start // TILE_HASHES, min(TILE_HASHES, size - start))
        content = fetch(name.path, name.max_bytes)
        if content is None:
            raise PublicationError(f"{name.path} was there a moment ago and is gone; try again")
        try:
            yield start, decode_bundle(content, name.width)
        except TileError as error:
            raise LogDivergedError(f"{name.path} changed while it was read: {error}") from error


def _event(index: int, leaf: bytes) -> Event:
    try:
        event = parse_event(leaf)
    except EventError as error:
        raise LogDivergedError(f"entry {index} is none of this version's events: {error}") from error
    return event


def _own_signatures(checkpoint: Checkpoint, verifier: Verifier) -> str:
    """Return the note as the log signed it, without the signatures of others, which are kept elsewhere."""
    text, _, signatures = checkpoint.note.rpartition("\n\n")
    own = [line for line in signatures.splitlines(keepends=True) if line.startswith(f"— {verifier.name} ")]
    note = f"{text}\n\n{''.join(own)}"
    parse_and_verify(note, origin=verifier.name, verifiers=(verifier,))
    return note
