"""The one order of the log: events get their places, under the lock of the head row (SQL).

1. Lock the head. From here on nobody else gives places, however many processes try.
2. Read events from the outbox, by rising number. What commits later is taken by whoever comes next.
3. Give each its place: entries, the tiles that they complete, the head.
4. Delete exactly the rows that were read.

All in the caller's transaction: rolled back or crashed, the events wait as before. Any process may run it at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from audit import outbox
from audit.bulk import insert_rows
from audit.errors import LogDivergedError
from audit.merkle import Frontier
from audit.store import ENTRIES, TILE_HASHES, advance_head, complete_tile, read_head, read_leaf_hashes

BATCH = 1000  # events per round: at most 65 MB of leaves in memory, usually half a megabyte


def sequence_batch(session: Session, *, limit: int = BATCH) -> int:
    """Give up to `limit` waiting events their places, and return how many rows left the outbox.

    Raises `LogDivergedError` if the head or a waiting event is not as it was written.
    """
    # 1.
    frontier = read_head(session, lock=True)
    # 2. to 4.
    return _take(session, frontier, limit)[1]


def sequence_all(session: Session) -> Frontier:
    """Give every committed event its place, and return the head, which stays locked until the transaction ends."""
    frontier = read_head(session, lock=True)
    while True:
        frontier, taken = _take(session, frontier, BATCH)
        if taken < BATCH:
            return frontier


def append_rows(session: Session, frontier: Frontier, rows: Sequence[Mapping[str, Any]]) -> Frontier:
    """Give events that never waited the next places; `frontier` is the locked head, and the new one is returned.

    Raises `DuplicateEventError` if one of them is in the log already; then roll back.
    """
    entries = [
        {
            "idx": index,
            "leaf": row["leaf"],
            "leaf_hash": row["event_id"],
            "kind": row["kind"],
            "subject": row["subject"],
            "at": row["at"],
        }
        for index, row in enumerate(rows, frontier.size)
    ]
    try:
        insert_rows(session, ENTRIES, entries)
    except IntegrityError as error:
        raise outbox.as_duplicate(error) from error
    return _extend(session, frontier, [row["event_id"] for row in rows])


def _take(session: Session, frontier: Frontier, limit: int) -> tuple[Frontier, int]:
    batch = outbox.read_batch(session, limit)
    if not batch:
        return frontier, 0
    # The guards let no duplicate in. Should one wait all the same, its bytes are in the log: nothing is lost with it.
    new = [waiting for waiting in batch if not waiting.is_logged]
    if new:
        outbox.move_to_entries(session, [waiting.id for waiting in new], first=frontier.size)
        frontier = _extend(session, frontier, [waiting.event_id for waiting in new])
    outbox.remove(session, [waiting.id for waiting in batch])
    return frontier, len(batch)


def _extend(session: Session, frontier: Frontier, hashes: Sequence[bytes]) -> Frontier:
    """Build the tree over entries that were just inserted behind `frontier`, and move the head."""
    grown = frontier.extend(hashes)
    for tile in range(frontier.size // TILE_HASHES, grown.size // TILE_HASHES):
        stored = read_leaf_hashes(session, start=tile * TILE_HASHES, end=(tile + 1) * TILE_HASHES)
        if len(stored) != TILE_HASHES:
            raise LogDivergedError(f"entries are missing before {grown.size}; run fsck")
        complete_tile(session, level=0, idx=tile, hashes=stored)
    advance_head(session, old_size=frontier.size, frontier=grown)
    return grown
