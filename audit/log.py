"""The log: record events inside the caller's transaction, give them their places, sign checkpoints, prove and check.

Order of things, and what a crash between them costs:

1. `record` puts the event in the outbox in the caller's transaction, together with the state that it records. Rolled
   back or crashed: neither has happened. It holds nobody up.
2. `sequence` gives waiting events their places in the log, under the lock of the head. Crashed: they wait as before.
   `append` does 1 and 2 at once, for callers who need the index in the same transaction.
3. `seal` first does 2, so that no committed event is left out, then signs the head and stores the checkpoint in one
   transaction. Nobody may see the checkpoint before the commit: a rolled-back checkpoint that was shown around would
   contradict a later one.
4. `published.write_checkpoint_file` shows it, after the commit. Crashed before: the next one covers more.

This object keeps no state besides its name and key; the database's head row orders all writers. Errors of the database
itself pass through unchanged, because the session and its retries belong to the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from audit import merkle, outbox, sequencer
from audit.checkpoint import Checkpoint, LogKey, Verifier, parse_and_verify, sign_checkpoint
from audit.cose_receipt import sign_cose_receipt
from audit.errors import EventError, LogDivergedError, ProofError
from audit.event import Event, parse_event
from audit.published import read_checkpoint_file, write_checkpoint_file
from audit.receipt import Receipt, verify_receipt
from audit.store import (
    CHECKPOINTS,
    ENTRIES,
    StoredNodes,
    read_entries,
    read_head,
)

__all__ = ["SEQUENCE_BATCH", "Log", "LoggedEvent", "Receipt", "verify_receipt", "write_checkpoint_file"]

SEQUENCE_BATCH = sequencer.BATCH


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event and its place in the log; `leaf` is what a receipt for it proves."""

    index: int
    event: Event
    leaf: bytes


class Log:
    """One log: `origin` names it to the world, `key` signs its checkpoints."""

    def __init__(self, *, origin: str, key: LogKey) -> None:
        self.origin = origin
        self.verifier: Verifier = key.verifier(origin)  # refuses an origin that cannot name a key
        self._key = key

    def record(self, session: Session, *events: Event) -> None:
        """Put events in the outbox of the caller's open transaction, in order; commits nothing, locks no shared row.

        They get their places from `sequence`, or anybody's next `append` or `seal`. Raises `EventError` for one that
        cannot be logged, and `DuplicateEventError` for one that was recorded before; then roll back.
        """
        if events:
            outbox.put(session, outbox.rows_of(events))

    def append(self, session: Session, event: Event) -> int:
        """Add one event and return its index; see `append_all`."""
        return self.append_all(session, (event,))[0]

    def append_all(self, session: Session, events: Sequence[Event]) -> list[int]:
        """Add events in order to the caller's open transaction and return their indexes; never commits.

        What waits in the outbox gets its place first. Locks the head until the transaction ends, so lock your own rows
        before and append last, or use `record` where no index is needed. Raises `EventError` as `record` does, and
        `LogDivergedError` for a head that contradicts itself; then roll back.
        """
        rows = outbox.rows_of(events)
        if not rows:
            return []
        frontier = sequencer.sequence_all(session)
        sequencer.append_rows(session, frontier, rows)
        return list(range(frontier.size, frontier.size + len(rows)))

    def has_waiting(self, session: Session) -> bool:
        """True if a committed event has no place yet; takes no lock."""
        return not outbox.is_empty(session)

    def sequence(self, session: Session, *, limit: int = SEQUENCE_BATCH) -> int:
        """Give up to `limit` waiting events their places in the caller's transaction; returns how many there were.

        Raises `LogDivergedError` if the head or a waiting event is not as it was written; then roll back.
        """
        return sequencer.sequence_batch(session, limit=limit)

    def index_of(self, session: Session, event: Event) -> int | None:
        """Return where the log has this event, or None if it has no place (yet)."""
        found = select(ENTRIES.c.idx).where(ENTRIES.c.leaf_hash == merkle.leaf_hash(event.canonical()))
        index: int | None = session.execute(found).scalar_one_or_none()
        return index

    def seal(self, session: Session, *, at: datetime) -> Checkpoint:
        """Sign the head, store the checkpoint in the caller's transaction and return it; show it only after commit.

        Where nothing was added since the newest checkpoint, returns that one.

        1. Hold off everybody who gives places, and give every committed event its own.
        2. The stored tree must still begin with the newest signed one.
        3. The entries since then, hashed again from their bytes, must give the head's root.
        4. Sign and store.

        Raises `LogDivergedError` or `CheckpointError`, and signs nothing then.
        """
        # 1.
        frontier = sequencer.sequence_all(session)
        # 2.
        newest = self.latest_checkpoint(session)
        self._require_beginning(session, newest, frontier)
        if newest is not None and newest.size == frontier.size:
            return newest
        # 3.
        self._require_entries(session, start=newest.size if newest else 0, frontier=frontier)
        # 4.
        checkpoint = sign_checkpoint(origin=self.origin, size=frontier.size, root=frontier.root(), key=self._key)
        session.execute(
            insert(CHECKPOINTS).values(size=checkpoint.size, root=checkpoint.root, note=checkpoint.note, created=at)
        )
        return checkpoint

    def latest_checkpoint(self, session: Session) -> Checkpoint | None:
        """Return the newest stored checkpoint with its signature verified, or None if nothing was sealed yet.

        Raises `CheckpointError` if it was not signed by this log's key, `LogDivergedError` if its row was edited.
        """
        row = session.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.size.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        checkpoint = parse_and_verify(row.note, origin=self.origin, verifiers=(self.verifier,))
        if (checkpoint.size, checkpoint.root) != (row.size, row.root):
            raise LogDivergedError(f"the stored checkpoint of size {row.size} is not what was signed; run fsck")
        return checkpoint

    def prove(self, session: Session, index: int, checkpoint: Checkpoint | None = None) -> Receipt:
        """Return a receipt for entry `index` under `checkpoint`, by default the newest; it has been verified.

        Raises `ProofError` if no checkpoint covers the entry yet, and `LogDivergedError` if the stored log does not
        lead to the signed root.
        """
        checkpoint = self._covering(session, index, checkpoint)
        leaf = session.execute(select(ENTRIES.c.leaf).where(ENTRIES.c.idx == index)).scalar_one_or_none()
        if leaf is None:
            raise LogDivergedError(f"entry {index} was signed but is not stored; run fsck")
        path = merkle.inclusion_proof(index, checkpoint.size, StoredNodes(session))
        receipt = Receipt(index, leaf, path, checkpoint.note)
        try:
            verify_receipt(receipt, leaf=receipt.leaf, origin=self.origin, verifier=self.verifier)
        except ProofError as error:
            raise LogDivergedError(f"entry {index} does not lead to the signed root; run fsck") from error
        return receipt

    def cose_receipt(self, receipt: Receipt) -> bytes:
        """Return a receipt of this log in COSE, signed over the same root; raises `ProofError` if it is not one."""
        return sign_cose_receipt(receipt, origin=self.origin, key=self._key)

    def prove_consistency(self, session: Session, *, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the hashes that connect the trees of two sizes; raises `ProofError` if the log is shorter."""
        if new_size > read_head(session).size:
            raise ProofError(f"the log does not have {new_size} entries yet")
        return merkle.consistency_proof(old_size, new_size, StoredNodes(session))

    def events_for(self, session: Session, subject: str) -> list[LoggedEvent]:
        """Return all events of `subject` in log order; raises `LogDivergedError` if an entry is not an event."""
        rows = session.execute(
            select(ENTRIES.c.idx, ENTRIES.c.leaf).where(ENTRIES.c.subject == subject).order_by(ENTRIES.c.idx)
        )
        events = []
        for row in rows:
            try:
                events.append(LoggedEvent(row.idx, parse_event(row.leaf), row.leaf))
            except EventError as error:
                raise LogDivergedError(f"entry {row.idx} is not an event: {error}; run fsck") from error
        return events

    def check_not_forked(self, session: Session) -> Checkpoint | None:
        """Check that the stored log still begins with the newest stored checkpoint, and return it; for start-up.

        Costs O(log n) and does not read old entries: `fsck` does. Raises `LogDivergedError` or `CheckpointError`.
        """
        newest = self.latest_checkpoint(session)  # before the head: what comes in between only makes the head larger
        self._require_beginning(session, newest, read_head(session))
        return newest

    def check_against_published(self, session: Session, path: Path) -> Checkpoint | None:
        """Check that the stored log begins with the checkpoint in the file at `path`, and return that; for start-up.

        Finds what `check_not_forked` cannot: a database that was rolled back as a whole, checkpoints included. No file
        means that nothing was published yet. Raises `LogDivergedError` or `CheckpointError`.
        """
        note = read_checkpoint_file(path)
        if note is None:
            return None
        published = parse_and_verify(note, origin=self.origin, verifiers=(self.verifier,))
        newest = self.latest_checkpoint(session)
        if newest is None or newest.size < published.size:
            known = "none" if newest is None else f"one of size {newest.size}"
            raise LogDivergedError(
                f"a checkpoint of size {published.size} was published, but the newest stored is {known}: "
                "the database was rolled back; restore the missing entries before anything is signed"
            )
        self._require_beginning(session, published, read_head(session))
        return published

    def _covering(self, session: Session, index: int, checkpoint: Checkpoint | None) -> Checkpoint:
        if checkpoint is None:
            checkpoint = self.latest_checkpoint(session)
        if checkpoint is None:
            raise ProofError("the log has no checkpoint yet; seal it first")
        if not 0 <= index < checkpoint.size:
            raise ProofError(
                f"the checkpoint of size {checkpoint.size} does not cover entry {index}; seal the log first"
            )
        return checkpoint

    def _require_beginning(self, session: Session, checkpoint: Checkpoint | None, frontier: merkle.Frontier) -> None:
        """Insist that the stored tree ends at `frontier` and begins with `checkpoint`."""
        nodes = StoredNodes(session)
        if merkle.frontier_at(frontier.size, nodes) != frontier:
            raise LogDivergedError(f"the stored tree does not end in the head of size {frontier.size}; run fsck")
        if checkpoint is None:
            return
        if frontier.size < checkpoint.size:
            raise LogDivergedError(
                f"the log has {frontier.size} entries, but {checkpoint.size} were signed: it was cut short or restored "
                "from an old copy; restore the missing entries before anything is signed"
            )
        if merkle.range_root(0, checkpoint.size, nodes) != checkpoint.root:
            raise LogDivergedError(
                f"the first {checkpoint.size} entries are not those that were signed; run fsck to find the first change"
            )

    def _require_entries(self, session: Session, *, start: int, frontier: merkle.Frontier) -> None:
        """Insist that the entries from `start` on, hashed from their bytes, lead to `frontier`."""
        derived = merkle.frontier_at(start, StoredNodes(session))
        for entry in read_entries(session, start=start, end=frontier.size):
            hashed = merkle.leaf_hash(entry.leaf)
            if entry.index != derived.size or hashed != entry.leaf_hash:
                raise LogDivergedError(f"entry {derived.size} is missing or was changed; run fsck")
            derived = derived.append(hashed)
        if derived != frontier:
            raise LogDivergedError(f"the entries do not give the head's root at size {frontier.size}; run fsck")
