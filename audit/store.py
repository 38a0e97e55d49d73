"""What the log keeps in the database: the head, tiles and entries, written and read (SQL; no signatures here).

Whoever declares tables or runs migrations needs only this module: it also hands on the tables and their guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from audit.countersignatures import COSIGNATURES, TIMESTAMPS, CosignatureRow, TimestampRow
from audit.errors import LogDivergedError, ProofError
from audit.guards import append_only_ddl, assert_append_only
from audit.merkle import HASH_BYTES, Frontier, complete_root, split_hashes
from audit.tables import (
    CHECKPOINTS,
    ENTRIES,
    HEAD,
    OUTBOX,
    TILES,
    CheckpointRow,
    EntryRow,
    HeadRow,
    Octets,
    OutboxRow,
    TileRow,
    UtcDateTime,
)
from audit.tiles import TILE_BYTES, TILE_HASHES, TILE_HEIGHT

__all__ = [
    "CHECKPOINTS",
    "COSIGNATURES",
    "ENTRIES",
    "HEAD",
    "OUTBOX",
    "PAGE_ENTRIES",
    "TILES",
    "TILE_HASHES",
    "TIMESTAMPS",
    "CheckpointRow",
    "CosignatureRow",
    "EntryRow",
    "HeadRow",
    "Octets",
    "OutboxRow",
    "StoredCheckpoint",
    "StoredEntry",
    "StoredNodes",
    "TileRow",
    "TimestampRow",
    "UtcDateTime",
    "advance_head",
    "append_only_ddl",
    "assert_append_only",
    "complete_tile",
    "read_checkpoints",
    "read_entries",
    "read_head",
    "read_leaf_hashes",
    "read_leaves",
    "reading",
]

PAGE_ENTRIES = 500  # rows read at a time: at most 32 MiB of leaves, usually a few hundred KiB


def read_head(session: Session, *, lock: bool = False) -> Frontier:
    """Return the stored frontier, checked against the stored root.

    `lock` holds every other writer off until the transaction ends: PostgreSQL locks the row; on SQLite the engine must
    begin transactions IMMEDIATE. Raises `LogDivergedError` if the row is missing or contradicts itself.
    """
    statement = select(HEAD.c.size, HEAD.c.root, HEAD.c.frontier).where(HEAD.c.id == 1)
    row = session.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise LogDivergedError("the log has no head row; run the database migrations, then fsck")
    try:
        frontier = Frontier.decode(row.size, row.frontier)
    except ProofError as error:
        raise LogDivergedError(f"the head contradicts itself: {error}; run fsck") from error
    if frontier.root() != row.root:
        raise LogDivergedError(f"the head's root at size {row.size} is not the root of its frontier; run fsck")
    return frontier


def advance_head(session: Session, *, old_size: int, frontier: Frontier) -> None:
    """Move the head from `old_size` to `frontier`; raises `LogDivergedError` if another writer was there first."""
    statement = (
        update(HEAD)
        .where(HEAD.c.id == 1, HEAD.c.size == old_size)
        .values(size=frontier.size, root=frontier.root(), frontier=frontier.encode())
    )
    if session.connection().execute(statement).rowcount != 1:
        raise LogDivergedError(
            f"the head moved on from {old_size} while its lock was held; on SQLite, begin transactions IMMEDIATE"
        )


def complete_tile(session: Session, *, level: int, idx: int, hashes: Sequence[bytes]) -> None:
    """Store a full tile's root one level up, and so on where that fills a tile; a level-0 tile is stored itself."""
    if level == 0:
        session.execute(insert(TILES).values(level=0, idx=idx, hashes=b"".join(hashes)))
    root = complete_root(hashes)
    parent, position = divmod(idx, TILE_HASHES)
    if position == 0:
        session.execute(insert(TILES).values(level=level + 1, idx=parent, hashes=root))
        return
    here = (TILES.c.level == level + 1) & (TILES.c.idx == parent)
    stored = session.execute(select(TILES.c.hashes).where(here)).scalar_one_or_none()
    if stored is None or len(stored) != position * HASH_BYTES:
        raise LogDivergedError(f"tile {parent} of level {level + 1} does not hold {position} hashes; run fsck")
    grown = stored + root
    session.execute(update(TILES).where(here).values(hashes=grown))
    if len(grown) == TILE_BYTES:
        complete_tile(session, level=level + 1, idx=parent, hashes=split_hashes(grown))


class StoredNodes:
    """Reads nodes of the tree from tiles and, at the unfinished right edge, from entries; remembers what it read.

    Use one per proof: it trusts that rows do not change under it, which holds for one transaction of an append-only
    log. Calling it raises `LogDivergedError` where the store lacks a node.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree `(level, index)`."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile, offset = divmod(first, TILE_HASHES)
        hashes = self._tile(tile_level, tile)[offset : offset + (1 << height)]
        if len(hashes) != 1 << height:
            raise LogDivergedError(f"the store lacks node {index} of tree level {level}; run fsck")
        return complete_root(hashes)

    def _tile(self, level: int, idx: int) -> tuple[bytes, ...]:
        known = self._tiles.get((level, idx))
        if known is None:
            known = self._tiles[level, idx] = self._read(level, idx)
        return known

    def _read(self, level: int, idx: int) -> tuple[bytes, ...]:
        stored = self._session.execute(
            select(TILES.c.hashes).where(TILES.c.level == level, TILES.c.idx == idx)
        ).scalar_one_or_none()
        if stored is not None or level:
            return split_hashes(stored or b"")
        return read_leaf_hashes(self._session, start=idx * TILE_HASHES, end=(idx + 1) * TILE_HASHES)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry as the database holds it, unverified."""

    index: int
    leaf: bytes
    leaf_hash: bytes
    kind: str
    subject: str
    at: datetime


def read_entries(session: Session, *, start: int, end: int) -> Iterator[StoredEntry]:
    """Yield the entries with `start <= index < end` in order, as many as there are, holding few at a time.

    Raises `LogDivergedError` naming an entry that holds what the log never writes.
    """
    limit = PAGE_ENTRIES
    while start < end:
        within = (ENTRIES.c.idx >= start) & (ENTRIES.c.idx < end)
        try:
            with reading(f"entry {start}"):
                page = session.execute(select(ENTRIES).where(within).order_by(ENTRIES.c.idx).limit(limit)).all()
        except LogDivergedError:
            if limit == 1:
                raise
            limit = 1  # one of the rows is to blame: read up to it one by one
            continue
        for row in page:
            yield StoredEntry(row.idx, row.leaf, row.leaf_hash, row.kind, row.subject, row.at)
        if len(page) < limit:
            return
        start = page[-1].idx + 1


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """One checkpoint as the database holds it, unverified."""

    size: int
    root: bytes
    note: str


def read_checkpoints(session: Session) -> Iterator[StoredCheckpoint]:
    """Yield all checkpoints by rising size, holding few at a time; raises `LogDivergedError` like `read_entries`."""
    columns = (CHECKPOINTS.c.size, CHECKPOINTS.c.root, CHECKPOINTS.c.note)
    after = -(2**63)  # even what no checkpoint can have: whoever verifies must see it
    while True:
        larger = select(*columns).where(CHECKPOINTS.c.size > after).order_by(CHECKPOINTS.c.size).limit(PAGE_ENTRIES)
        with reading("a stored checkpoint"):
            page = session.execute(larger).all()
        for row in page:
            yield StoredCheckpoint(row.size, row.root, row.note)
        if len(page) < PAGE_ENTRIES:
            return
        after = page[-1].size


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn values that cannot be read back, such as text that is no time, into `LogDivergedError`."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise LogDivergedError(f"{what} holds a value that the log never writes: {error}") from error
    except OperationalError as error:
        if "decode" not in str(error.orig):  # the database is out of reach, which says nothing about the log
            raise
        raise LogDivergedError(f"{what} holds text that is not UTF-8") from error


def read_leaves(session: Session, *, start: int, end: int) -> list[bytes]:
    """Return the bytes of the entries `[start, end)`, as many as there are; all at once, so ask for few."""
    within = (ENTRIES.c.idx >= start) & (ENTRIES.c.idx < end)
    with reading(f"an entry between {start} and {end}"):
        return list(session.execute(select(ENTRIES.c.leaf).where(within).order_by(ENTRIES.c.idx)).scalars())


def read_leaf_hashes(session: Session, *, start: int, end: int) -> tuple[bytes, ...]:
    """Return the stored leaf hashes of the entries `[start, end)`, as many as there are."""
    rows = session.execute(
        select(ENTRIES.c.leaf_hash).where(ENTRIES.c.idx >= start, ENTRIES.c.idx < end).order_by(ENTRIES.c.idx)
    )
    return tuple(row.leaf_hash for row in rows)
