"""Judge everything in history again with another policy, and say what would have been different; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_
from sqlmodel import col, select

from gateway.intake import manuscript_for
from gateway.submissions import Submission
from policies.difference import FAILED, Comparison, Outline
from policies.errors import PolicyError
from synth.errors import SynthError

if TYPE_CHECKING:
    from gateway.db import Database
    from policies.screen import Screener

ROWS_AT_ONCE = 20  # scripts in memory at a time; one may have a quarter of a megabyte


@dataclass(slots=True)
class Replay:
    """What came out."""

    policy_digest: str
    models: tuple[tuple[str, str], ...]
    comparison: Comparison = field(default_factory=Comparison)
    erased: int = 0  # submissions whose script is no longer there
    unreadable: int = 0  # submissions whose stored decision cannot be read; compared as if there were none

    def to_dict(self) -> dict[str, object]:
        """Return the replay as JSON values."""
        return {
            "policy_digest": self.policy_digest,
            "models": [[name, digest] for name, digest in self.models],
            "erased": self.erased,
            "unreadable": self.unreadable,
            **self.comparison.to_dict(),
        }


def count_history(database: Database, *, since: datetime | None = None, limit: int | None = None) -> int:
    """Return how many submissions `replay` would look at."""
    query = select(func.count()).select_from(Submission)
    if since is not None:
        query = query.where(col(Submission.received_at) >= since)
    with database.read() as session:
        total = session.exec(query).one()
    return total if limit is None else min(total, limit)


def replay(
    database: Database,
    *,
    screener: Screener,
    against: Screener | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Replay:
    """Judge every stored script with `screener`, the newest first, and compare.

    Compared is the stored decision, whichever policy made it; with `against` it is what that screener says now, so that
    only the policies differ and not their models. `progress` is called after every submission. A script that cannot be
    judged is counted and listed with the reason.
    """
    result = Replay(screener.policy.digest, screener.models)
    for row in _history(database, since=since, limit=limit):
        if not row.script:
            result.erased += 1
        else:
            _compare(row, screener, against, result)
        progress()
    return result


def _compare(row: Submission, screener: Screener, against: Screener | None, result: Replay) -> None:
    if against is not None:
        old, _ = _judge(row, against)
    else:
        try:
            old = Outline.parse(row.decision)
        except ValueError:
            result.unreadable += 1
            old = Outline.parse(None)
    new, error = _judge(row, screener)
    result.comparison.add(old, new, episode_id=row.id, title=row.title, text=row.script, error=error)


def _judge(row: Submission, screener: Screener) -> tuple[Outline, str]:
    """Return what the screener says, and the reason if it could not."""
    try:
        return Outline.of(screener.screen(manuscript_for(row))), ""
    except (PolicyError, SynthError) as error:
        return Outline(FAILED), str(error)


def _history(database: Database, *, since: datetime | None, limit: int | None) -> Iterator[Submission]:
    """Yield submissions from the newest to the oldest; no transaction is open while one is looked at."""
    received, episode = col(Submission.received_at), col(Submission.id)
    last: Submission | None = None
    left = limit
    while left is None or left > 0:
        query = select(Submission).order_by(received.desc(), episode.desc())
        if since is not None:
            query = query.where(received >= since)
        if last is not None:
            query = query.where(or_(received < last.received_at, and_(received == last.received_at, episode < last.id)))
        wanted = ROWS_AT_ONCE if left is None else min(ROWS_AT_ONCE, left)
        with database.read() as session:
            page = list(session.exec(query.limit(wanted)))
        yield from page
        if len(page) < wanted:
            return
        last = page[-1]
        left = None if left is None else left - len(page)
