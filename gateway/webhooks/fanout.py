"""From the log to messages: every event becomes one message for every endpoint that may and wants to hear of it.

An endpoint's place in the log moves in the transaction that stores its messages. If we crash in it, both are as before;
the database takes no second message about the same entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from audit.event import parse_event
from audit.store import ENTRIES, read_head
from gateway.db import Database
from gateway.submissions import ApiKey, Submission
from gateway.webhooks.endpoints import new_delivery
from gateway.webhooks.messages import TOLD, message_body, wants
from gateway.webhooks.rows import WebhookEndpoint

PAGE_ENTRIES = 500  # turned into messages in one transaction


@dataclass(frozen=True, slots=True)
class _About:
    """Whom an entry is about."""

    submitter: str
    state: str


def fan_out(database: Database, *, clock: Callable[[], datetime], public_url: str) -> int:
    """Store the messages about everything that was logged since, and return how many."""
    with database.read() as session:
        size = read_head(session).size
        behind = session.exec(
            select(WebhookEndpoint.id).where(
                col(WebhookEndpoint.disabled_at).is_(None), col(WebhookEndpoint.next_entry) < size
            )
        ).all()
    stored = 0
    for endpoint_id in behind:
        while True:
            with database.write() as session:
                made, caught_up = _advance(session, endpoint_id, size, clock(), public_url)
            stored += made
            if caught_up:
                break
    return stored


def _advance(session: Session, endpoint_id: str, size: int, at: datetime, public_url: str) -> tuple[int, bool]:
    """Take one page of the log for one endpoint; returns how many messages it made, and whether that was the last."""
    row = session.get(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
    if row is None or row.disabled_at is not None or row.next_entry >= size:
        return 0, True  # another worker was here
    page = session.execute(
        select_columns(ENTRIES.c.idx, ENTRIES.c.leaf, ENTRIES.c.kind, ENTRIES.c.subject)
        .where(ENTRIES.c.idx >= row.next_entry, ENTRIES.c.idx < size, ENTRIES.c.kind.in_([kind.value for kind in TOLD]))
        .order_by(ENTRIES.c.idx)
        .limit(PAGE_ENTRIES)
    ).all()
    about = _about(session, {entry.subject for entry in page})
    people = _people(session, [row.owner or "", *(one.submitter for one in about.values())])
    made = 0
    for entry in page:
        known = about.get(entry.subject)
        if known is None or not wants(row.events, entry.kind):
            continue
        if row.owner is not None and people.get(known.submitter, known.submitter) != people.get(row.owner, row.owner):
            continue
        body = message_body(parse_event(entry.leaf), entry=entry.idx, state=known.state, public_url=public_url)
        session.add(new_delivery(row, kind=entry.kind, body=body, at=at, entry=entry.idx, episode_id=entry.subject))
        made += 1
    caught_up = len(page) < PAGE_ENTRIES
    row.next_entry = size if caught_up else page[-1].idx + 1
    session.add(row)
    return made, caught_up


def _about(session: Session, subjects: set[str]) -> Mapping[str, _About]:
    rows = session.exec(
        select(Submission.id, Submission.submitter, Submission.state).where(col(Submission.id).in_(subjects))
    )
    return {episode_id: _About(submitter, state) for episode_id, submitter, state in rows}


def _people(session: Session, keys: Sequence[str]) -> Mapping[str, str]:
    """Return, of keys that belong to somebody with an account, that account."""
    rows = session.exec(select(ApiKey.id, ApiKey.account_id).where(col(ApiKey.id).in_(set(keys))))
    return {key_id: account_id for key_id, account_id in rows if account_id is not None}
