"""Re-derive the whole log from its entries and name the first thing that is not as it was signed.

Nothing stored is believed except the entries' bytes: leaf hashes, tiles, head and the root at every checkpoint are
computed again and compared, in log order, in one pass. Memory does not grow with the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from audit import merkle
from audit.checkpoint import Checkpoint, Verifier, parse_and_verify
from audit.errors import CheckpointError, EventError, LogDivergedError
from audit.event import parse_event
from audit.outbox import StoredWaiting, read_waiting
from audit.store import (
    CHECKPOINTS,
    ENTRIES,
    TILE_HASHES,
    TILES,
    StoredCheckpoint,
    StoredEntry,
    read_checkpoints,
    read_entries,
    read_head,
)


class Part(StrEnum):
    """The part of the log in which the first divergence was found."""

    HEAD = "head"  # the one row with size, root and frontier
    ENTRY = "entry"  # a leaf, its hash or its look-up columns
    TILE = "tile"  # a stored node of the tree
    OUTBOX = "outbox"  # an event that waits for its place
    CHECKPOINT = "checkpoint"  # a signed statement that does not fit the entries, or is not signed


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where the stored log is not the log that was signed."""

    part: Part
    position: int  # entry index, first entry under a tile's hash, size of the checkpoint or head, number in the outbox
    reason: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.part} {self.position}: {self.reason}"


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was checked; without a divergence, everything up to `size` is as it was signed."""

    size: int  # entries according to the head
    entries: int  # entries that were checked
    checkpoints: int  # checkpoints that were checked
    sealed: int  # size of the newest checkpoint; later entries are consistent, but nobody has signed them
    root: bytes  # root over the checked entries
    divergence: Divergence | None
    waiting: int = 0  # sound events in the outbox, committed and without a place; a worker or the next seal takes them

    def require_sound(self) -> None:
        """Raise `LogDivergedError` with the first divergence, if there is one."""
        if self.divergence is not None:
            raise LogDivergedError(f"the log diverges at {self.divergence}")


def fsck(session: Session, *, origin: str, verifier: Verifier, published: Checkpoint | None = None) -> FsckReport:
    """Check the stored log against itself, its signatures and, if given, a checkpoint kept outside the database.

    1. The head exists and agrees with itself.
    2. Every entry, in order: none missing, the hash is of its bytes, the bytes are a canonical event of a known kind,
       the look-up columns say what the bytes say.
    3. Every full tile, as its last entry is read; the unfinished tiles of the upper levels at the end.
    4. Every checkpoint, as its size is reached: its signature, its row, and its root over the entries so far.
    5. The head at the end, no rows beyond it, and nothing signed or published beyond it.
    6. Every event that waits: its id is the hash of its bytes, they are a canonical event, and it is not in the log.

    Stops at the first divergence. Entries appended while it runs are left for the next run.
    """
    check = _Check(session, origin=origin, verifier=verifier, published=published)
    divergence = None
    try:
        check.run()
    except _FoundError as found:
        divergence = found.divergence
    return FsckReport(
        size=check.size,
        entries=check.derived.size,
        checkpoints=check.checkpoints,
        sealed=check.sealed,
        root=check.derived.root(),
        divergence=divergence,
        waiting=check.waiting,
    )


class _FoundError(Exception):
    """Carries the first divergence out of the pass; never leaves this module."""

    def __init__(self, part: Part, position: int, reason: str) -> None:
        super().__init__(reason)
        self.divergence = Divergence(part, position, reason)


class _Check:
    """One pass over the log, and how far it has come."""

    def __init__(self, session: Session, *, origin: str, verifier: Verifier, published: Checkpoint | None) -> None:
        self._session = session
        self._origin = origin
        self._verifier = verifier
        self._published = published
        self._edge: list[list[bytes]] = []  # per tile level, the hashes of the tile that is being filled
        self._stored_checkpoints = read_checkpoints(session)
        self._next_checkpoint: StoredCheckpoint | None = None
        self.derived = merkle.Frontier()
        self.size = self.checkpoints = self.sealed = self.waiting = 0

    def run(self) -> None:
        """Check everything, in the order that `fsck` documents."""
        # Counted before the head is read: whatever is appended or sealed in between only makes the head larger.
        signed = self._scalar(select(func.max(CHECKPOINTS.c.size)))
        lowest, highest = self._scalar(select(func.min(ENTRIES.c.idx))), self._scalar(select(func.max(ENTRIES.c.idx)))
        tiles = self._scalar(select(func.count()).select_from(TILES)) or 0
        # 1.
        try:
            head = read_head(self._session)
        except LogDivergedError as error:
            raise _FoundError(Part.HEAD, 0, str(error)) from error
        self.size = head.size
        # 2. to 4.
        if lowest is not None and lowest < 0:
            raise _FoundError(Part.ENTRY, lowest, "an entry is stored before the first")
        self._advance()
        self._take_checkpoints()
        try:
            for entry in read_entries(self._session, start=0, end=self.size):
                self._take_entry(entry)
                self._take_checkpoints()
        except LogDivergedError as error:
            raise _FoundError(Part.ENTRY, self.derived.size, str(error)) from error
        if self.derived.size < self.size:
            raise _FoundError(Part.ENTRY, self.derived.size, f"the entry is missing; the head counts {self.size}")
        self._compare_edge()
        # 5.
        if self.derived != head:
            raise _FoundError(Part.HEAD, self.size, "the head is not the root over the entries")
        if highest is not None and highest >= self.size:
            raise _FoundError(Part.ENTRY, self.size, f"entries are stored beyond the head, which counts {self.size}")
        if tiles > _tiles_of(self.size):
            raise _FoundError(Part.TILE, self.size, f"{tiles - _tiles_of(self.size)} tiles are stored without entries")
        published = self._published.size if self._published else 0
        for claimed, where in ((signed or 0, "signed"), (published, "published")):
            if claimed > self.size:
                raise _FoundError(Part.CHECKPOINT, claimed, f"it was {where}, but the log ends at {self.size} entries")
        # 6.
        self._check_outbox()

    def _scalar(self, statement: Select[Any]) -> int | None:
        value: int | None = self._session.execute(statement).scalar_one()
        return value

    def _take_entry(self, entry: StoredEntry) -> None:
        index = self.derived.size
        if entry.index != index:
            raise _FoundError(Part.ENTRY, index, f"the entry is missing; the next one stored is {entry.index}")
        hashed = merkle.leaf_hash(entry.leaf)
        if hashed != entry.leaf_hash:
            raise _FoundError(Part.ENTRY, index, "the stored hash is not the hash of the entry's bytes")
        self._read_event(Part.ENTRY, index, entry)
        self.derived = self.derived.append(hashed)
        self._take_hash(0, hashed)

    def _check_outbox(self) -> None:
        try:
            for row in read_waiting(self._session):
                if merkle.leaf_hash(row.leaf) != row.event_id:
                    raise _FoundError(Part.OUTBOX, row.id, "the event's id is not the hash of its bytes")
                if row.is_logged:
                    raise _FoundError(Part.OUTBOX, row.id, "the event waits, and is in the log already")
                self._read_event(Part.OUTBOX, row.id, row)
                self.waiting += 1
        except LogDivergedError as error:
            raise _FoundError(Part.OUTBOX, 0, str(error)) from error

    @staticmethod
    def _read_event(part: Part, position: int, row: StoredEntry | StoredWaiting) -> None:
        """Insist that the row's bytes are an event, and that what stands beside them says the same."""
        try:
            event = parse_event(row.leaf)
        except EventError as error:
            raise _FoundError(part, position, str(error)) from error
        if (event.kind.value, event.subject, event.at) != (row.kind, row.subject, row.at):
            raise _FoundError(part, position, "kind, subject or time beside the entry is not what the entry says")

    def _take_hash(self, level: int, value: bytes) -> None:
        if level == len(self._edge):
            self._edge.append([])
        filling = self._edge[level]
        filling.append(value)
        if len(filling) == TILE_HASHES:
            self._compare_tile(level)
            self._edge[level] = []
            self._take_hash(level + 1, merkle.complete_root(filling))

    def _compare_tile(self, level: int) -> None:
        """Compare the tile being filled at `level`, full or not, with the stored one."""
        expected = self._edge[level]
        span = TILE_HASHES**level  # entries under one hash of this level
        first = (self.derived.size // span) - len(expected)
        idx = first // TILE_HASHES
        stored = self._session.execute(
            select(TILES.c.hashes).where(TILES.c.level == level, TILES.c.idx == idx)
        ).scalar_one_or_none()
        if stored is None:
            raise _FoundError(Part.TILE, first * span, f"tile {idx} of level {level} is missing")
        found = merkle.split_hashes(stored)
        for offset, value in enumerate(expected):
            if found[offset : offset + 1] != (value,):
                reason = f"hash {offset} of tile {idx} at level {level} is not the hash of the entries under it"
                raise _FoundError(Part.TILE, (first + offset) * span, reason)
        # An append during the check may have added hashes on the right; without one they have no entries.
        if len(found) > len(expected) and read_head(self._session).size == self.size:
            raise _FoundError(Part.TILE, self.size, f"tile {idx} of level {level} holds hashes without entries")

    def _compare_edge(self) -> None:
        """Compare the unfinished tiles above level 0; level 0 is stored only when full."""
        for level, hashes in enumerate(self._edge):
            if level and hashes:
                self._compare_tile(level)

    def _take_checkpoints(self) -> None:
        """Check what was signed and published at exactly the size that the pass has reached."""
        here, root = self.derived.size, self.derived.root()
        if self._published is not None and self._published.size == here and self._published.root != root:
            raise _FoundError(Part.CHECKPOINT, here, f"the published root is not that of the entries{self._since()}")
        while (stored := self._next_checkpoint) is not None and stored.size <= here:
            try:
                checkpoint = parse_and_verify(stored.note, origin=self._origin, verifiers=(self._verifier,))
            except CheckpointError as error:
                raise _FoundError(Part.CHECKPOINT, stored.size, str(error)) from error
            if (checkpoint.size, checkpoint.root) != (stored.size, stored.root):
                raise _FoundError(Part.CHECKPOINT, stored.size, "size or root beside the note is not what was signed")
            if checkpoint.root != root:
                raise _FoundError(Part.CHECKPOINT, here, f"the signed root is not that of the entries{self._since()}")
            self.checkpoints, self.sealed = self.checkpoints + 1, here
            self._advance()

    def _advance(self) -> None:
        try:
            self._next_checkpoint = next(self._stored_checkpoints, None)
        except LogDivergedError as error:  # which one cannot be read, but it comes after the last good one
            raise _FoundError(Part.CHECKPOINT, self.sealed, str(error)) from error

    def _since(self) -> str:
        """Name the entries among which the change must lie; the earlier ones are confirmed by a signature."""
        return f"; the first change is among entries {self.sealed} to {self.derived.size - 1}"


def _tiles_of(size: int) -> int:
    """Return how many tiles a log of `size` entries has: full ones at level 0, started ones above."""
    count, nodes = size // TILE_HASHES, size // TILE_HASHES
    while nodes:
        count += -(-nodes // TILE_HASHES)
        nodes //= TILE_HASHES
    return count
