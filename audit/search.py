"""Find entries by kind, subject, actor and time; for people who read the log (SQL)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from audit.errors import EventError, LogDivergedError
from audit.event import Event, EventKind, parse_event
from audit.store import ENTRIES

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; an empty field excludes nothing."""

    kinds: frozenset[EventKind] = frozenset()
    subject: str | None = None
    actor: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and where it stands."""

    index: int
    event: Event


def newest(session: Session, wanted: Wanted, *, count: int) -> list[Found]:
    """Return the newest `count` entries that are wanted, the oldest of them first."""
    found: list[Found] = []
    for one in _read(session, _matching(wanted).order_by(ENTRIES.c.idx.desc()), wanted):
        found.append(one)
        if len(found) == count:
            break
    return found[::-1]


def after(session: Session, wanted: Wanted, *, index: int) -> Iterator[Found]:
    """Yield the wanted entries behind `index`, in order."""
    yield from _read(session, _matching(wanted).where(ENTRIES.c.idx > index).order_by(ENTRIES.c.idx), wanted)


def _matching(wanted: Wanted) -> Select[Any]:
    statement = select(ENTRIES.c.idx, ENTRIES.c.leaf)
    if wanted.kinds:
        statement = statement.where(ENTRIES.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.subject is not None:
        statement = statement.where(ENTRIES.c.subject == wanted.subject)
    if wanted.since is not None:
        statement = statement.where(ENTRIES.c.at >= wanted.since)
    return statement


def _read(session: Session, statement: Select[Any], wanted: Wanted) -> Iterator[Found]:
    """Read events from their exact bytes; raises `LogDivergedError` for an entry that is none."""
    with session.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)) as rows:
        for row in rows:
            try:
                event = parse_event(row.leaf)
            except EventError as error:
                raise LogDivergedError(f"entry {row.idx} is not an event: {error}; run fsck") from error
            if wanted.actor is None or event.actor == wanted.actor:
                yield Found(row.idx, event)
