"""The outbox: events that are committed with the state they record, and wait for their place in the log (SQL).

Putting an event here locks no row that others need, so any number of transactions write at the same time. An event's id
is the hash that its leaf will have in the tree: equal bytes are the same event, which is accepted once and never again.
The database refuses the second one here, or where the first is in the log already (`audit.guards`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from audit.bulk import among, insert_rows
from audit.errors import DuplicateEventError, LogDivergedError
from audit.event import Event
from audit.merkle import leaf_hash
from audit.store import ENTRIES, OUTBOX, PAGE_ENTRIES, reading

_MARKS = ("event_id", "leaf_hash", "audit_outbox_guards_insert", "is in the log already")  # in a refusal of a duplicate


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """One row of the outbox, its hash compared with its bytes."""

    id: int
    event_id: bytes  # SHA-256, the leaf's hash
    is_logged: bool  # the log has these very bytes already


def rows_of(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return what both tables store of each event, in order; raises `EventError` for one that cannot be logged."""
    rows = []
    for event in events:
        leaf = event.canonical()
        rows.append(
            {
                "event_id": leaf_hash(leaf),
                "leaf": leaf,
                "kind": event.kind.value,
                "subject": event.subject,
                "at": event.at,
            }
        )
    return rows


def put(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add events to the caller's transaction, to be given their places in this order.

    Raises `DuplicateEventError` if one of them waits or is in the log already; then roll back.
    """
    try:
        insert_rows(session, OUTBOX, rows)
    except IntegrityError as error:
        raise as_duplicate(error) from error


def as_duplicate(error: IntegrityError) -> Exception:
    """Return what to raise for a refused row: `DuplicateEventError`, or `error` itself where it has another cause."""
    if any(mark in str(error.orig) for mark in _MARKS):
        return DuplicateEventError(
            "the same event, byte for byte, was recorded before; it happened once, so log it once"
        )
    return error


def is_empty(session: Session) -> bool:
    """True if no committed event waits, as far as this session sees; takes no lock."""
    return session.execute(select(OUTBOX.c.id).limit(1)).first() is None


def count(session: Session) -> int:
    """Return how many events wait."""
    return int(session.execute(select(func.count()).select_from(OUTBOX)).scalar_one())


def read_batch(session: Session, limit: int) -> list[WaitingEvent]:
    """Return the first `limit` events that wait, in order; raises `LogDivergedError` if one is not what was put there.

    Only for the holder of the head's lock: nobody else may move rows.
    """
    statement = select(OUTBOX.c.id, OUTBOX.c.event_id, OUTBOX.c.leaf).order_by(OUTBOX.c.id).limit(limit)
    rows = session.execute(statement).all()
    for number, event_id, leaf in rows:
        if leaf_hash(leaf) != event_id:  # better here than in the log, where it could not be mended
            raise LogDivergedError(f"event {number} in the outbox was changed while it waited; run fsck")
    known = _logged(session, [row.event_id for row in rows]) if rows else frozenset()
    return [WaitingEvent(row.id, row.event_id, row.event_id in known) for row in rows]


@dataclass(frozen=True, slots=True)
class StoredWaiting:
    """One row of the outbox as the database holds it, unverified."""

    id: int
    event_id: bytes
    leaf: bytes
    kind: str
    subject: str
    at: datetime
    is_logged: bool  # at the moment of reading


def read_waiting(session: Session) -> Iterator[StoredWaiting]:
    """Yield what waits, in order, holding few at a time; raises `LogDivergedError` for values that we never write.

    Takes no lock, so a row may get its place meanwhile; then it is not yielded.
    """
    after = -(2**63)
    is_logged = select(ENTRIES.c.idx).where(ENTRIES.c.leaf_hash == OUTBOX.c.event_id).exists()
    while True:
        later = select(OUTBOX, is_logged.label("is_logged")).where(OUTBOX.c.id > after)
        with reading("an event in the outbox"):
            page = session.execute(later.order_by(OUTBOX.c.id).limit(PAGE_ENTRIES)).all()
        for row in page:
            yield StoredWaiting(row.id, row.event_id, row.leaf, row.kind, row.subject, row.at, row.is_logged)
        if len(page) < PAGE_ENTRIES:
            return
        after = page[-1].id


def _logged(session: Session, hashes: Sequence[bytes]) -> frozenset[bytes]:
    # No join with the outbox: PostgreSQL would remember a plan that was made while the log was small.
    found = select(ENTRIES.c.leaf_hash).where(among(session, ENTRIES.c.leaf_hash, hashes))
    return frozenset(session.execute(found).scalars())


def move_to_entries(session: Session, ids: Sequence[int], *, first: int) -> None:
    """Copy these rows, in order, to the entries `first`, `first + 1` and so on."""
    number = literal(first) + func.row_number().over(order_by=OUTBOX.c.id) - 1
    source = (
        select(number, OUTBOX.c.leaf, OUTBOX.c.event_id, OUTBOX.c.kind, OUTBOX.c.subject, OUTBOX.c.at)
        .where(among(session, OUTBOX.c.id, ids))
        .order_by(OUTBOX.c.id)
    )
    columns = ["idx", "leaf", "leaf_hash", "kind", "subject", "at"]
    session.execute(insert(ENTRIES).from_select(columns, source))


def remove(session: Session, ids: Sequence[int]) -> None:
    """Take exactly these rows out; a lower number may be committed later, and must stay."""
    session.execute(delete(OUTBOX).where(among(session, OUTBOX.c.id, ids)))
