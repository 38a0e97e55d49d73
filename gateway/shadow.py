"""Policies in shadow: they judge every script that the gate judged, and decide nothing.

1. Remember that the judging has begun. If the process dies in it, the row says so, and after `MAX_ATTEMPTS` such deaths
   the pack is not tried on this script again: a rule that kills its process must not do so for ever.
2. Judge, holding no lock and no transaction.
3. Store the decision, or why there is none, together with its event.

Nothing here raises, changes an episode, or is shown to reviewers. `compare` reads what was stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import JSON, Column, Index, Text, tuple_
from sqlmodel import Field, Session, SQLModel, col, select

from audit.event import Event, EventKind, Fact
from audit.store import UtcDateTime
from gateway.commitments import commit, secret_of
from gateway.errors import problem_for
from gateway.facts import decision_document, decision_facts
from gateway.intake import manuscript_for
from gateway.sequencing import settle_soon
from gateway.submissions import TERMINAL, Erasure, Submission
from gateway.toolchain import Toolchain
from policies.difference import FAILED, Comparison, Outline
from policies.errors import PolicyError
from synth.errors import SynthError

if TYPE_CHECKING:
    from gateway.db import Database
    from policies.decision import Decision
    from policies.screen import Screener

MAX_ATTEMPTS = 3
ACTOR = "policy"
UNFINISHED = "it did not finish: the process ended meanwhile"
ROWS_AT_ONCE = 200  # read per query when comparing; a decision has some kilobytes

logger = logging.getLogger(__name__)


class ShadowDecision(SQLModel, table=True):
    """What a pack in shadow said about one episode's script; without decision and error it was begun and not ended."""

    __tablename__ = "shadow_decision"
    __table_args__ = (Index("ix_shadow_decision_policy_digest", "policy_digest", "begun_at"),)

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    policy_digest: str = Field(primary_key=True, max_length=80)
    policy_id: str = Field(max_length=64)
    policy_version: str = Field(max_length=32)
    live_digest: str = Field(max_length=80)  # of the policy that decided
    attempts: int = 0
    decision: dict[str, object] | None = Field(default=None, sa_column=Column(JSON))
    error: str | None = Field(default=None, sa_type=Text)
    seconds: float | None = None
    begun_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(slots=True)
class ShadowReport:
    """One pack in shadow, compared with what decided meanwhile."""

    policy_id: str
    policy_version: str
    policy_digest: str
    comparison: Comparison = field(default_factory=Comparison)
    failed: int = 0
    erased: int = 0  # episodes whose decision is no longer there
    seconds: float = 0.0  # that the pack took, in all

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "policy_id": self.policy_id,
            "policy_version": self.policy_version,
            "policy_digest": self.policy_digest,
            "failed": self.failed,
            "erased": self.erased,
            "seconds": round(self.seconds, 3),
            **self.comparison.to_dict(),
        }


def run(episode_id: str, *, toolchain: Toolchain) -> None:
    """Let every pack in shadow judge the episode's script, once; whatever goes wrong is recorded and never raised."""
    for screener in toolchain.shadows:
        try:
            _run_one(episode_id, screener, toolchain)
            settle_soon(toolchain.database, toolchain.log)
        except Exception as error:  # noqa: BLE001  # a trial must not stop the episode it looks at
            # Safe to go on: the episode rests as it is, and the row, if there is one, says that nothing came of it.
            logger.warning(
                "episode %s: the policy %s in shadow left no decision (%s)",
                episode_id,
                screener.policy.digest,
                type(error).__name__,
            )


def unfinished(database: Database, *, screeners: Sequence[Screener]) -> list[str]:
    """Return the settled episodes that these packs began to judge and did not finish, because their process ended.

    One that waits for a reviewer is left out: it is judged when it goes on.
    """
    digests = [screener.policy.digest for screener in screeners]
    if not digests:
        return []
    query = (
        select(ShadowDecision.episode_id)
        .join(Submission, col(Submission.id) == col(ShadowDecision.episode_id))
        .where(col(ShadowDecision.policy_digest).in_(digests))
        .where(col(ShadowDecision.seconds).is_(None), col(ShadowDecision.error).is_(None))
        .where(col(Submission.state).in_([state.value for state in TERMINAL]))
        .distinct()
    )
    with database.read() as session:
        return sorted(session.exec(query).all())


def compare(database: Database, *, policy: str | None = None) -> list[ShadowReport]:
    """Compare every pack that ran in shadow (or the one with this id or digest) with the decisions that counted."""
    reports: dict[str, ShadowReport] = {}
    for shadow, episode in _stored(database, policy):
        report = reports.setdefault(
            shadow.policy_digest, ShadowReport(shadow.policy_id, shadow.policy_version, shadow.policy_digest)
        )
        report.seconds += shadow.seconds or 0.0
        if not episode.decision:
            report.erased += 1
            continue
        live = Outline.parse(episode.decision)
        if shadow.decision:
            judged = Outline.parse(shadow.decision)
            report.comparison.add(live, judged, episode_id=episode.id, title=episode.title, text=episode.script)
        else:
            report.failed += 1
            why = shadow.error or UNFINISHED
            report.comparison.add(live, Outline(FAILED), episode_id=episode.id, title=episode.title, error=why)
    return list(reports.values())


def _run_one(episode_id: str, screener: Screener, tools: Toolchain) -> None:
    # 1.
    row = _begin(episode_id, screener, tools)
    if row is None:
        return
    # 2.
    began = time.monotonic()
    decision: Decision | None = None
    failure: Exception | None = None
    try:
        decision = screener.screen(manuscript_for(row))
    except Exception as error:  # noqa: BLE001  # recorded below
        failure = error
    seconds = time.monotonic() - began
    # 3.
    at = tools.clock()
    live = row.decision or {}
    facts: dict[str, Fact] = {
        "live_policy_digest": str(live["policy_digest"]),
        "live_verdict": str(live["verdict"]),
    }
    with tools.database.write() as session:
        stored = session.get_one(ShadowDecision, (episode_id, screener.policy.digest), with_for_update=True)
        if stored.decision is not None or stored.error is not None:
            return  # another process was quicker
        if session.get(Erasure, episode_id) is not None:
            return  # the script was erased while it was judged, and what was found in it goes with it
        stored.decision = decision_document(decision) if decision else None
        stored.error = None if decision else _reason(failure)
        stored.seconds = seconds
        secret = secret_of(session, episode_id)
        if decision is not None:
            facts |= decision_facts(decision, secret)
        else:
            facts |= {
                "policy_digest": screener.policy.digest,
                "policy_id": screener.policy.id,
                "policy_version": screener.policy.version,
                "models": [[model, digest] for model, digest in screener.models],
                "script_commitment": commit(secret, "script", row.script_digest),
                "error": problem_for(failure).slug if failure else FAILED,
            }
        tools.log.record(session, Event(EventKind.SCREENING_SHADOWED, at, episode_id, ACTOR, facts))


def _begin(episode_id: str, screener: Screener, tools: Toolchain) -> Submission | None:
    """Return the episode to be judged; None if there is nothing to judge, or it was judged or tried often enough."""
    at = tools.clock()
    with tools.database.write() as session:
        row = session.get(Submission, episode_id)
        if row is None or not row.decision or not row.script:
            return None
        known = session.get(ShadowDecision, (episode_id, screener.policy.digest), with_for_update=True)
        if known is None:
            known = ShadowDecision(
                episode_id=episode_id,
                policy_digest=screener.policy.digest,
                policy_id=screener.policy.id,
                policy_version=screener.policy.version,
                live_digest=str(row.decision["policy_digest"]),
                begun_at=at,
            )
            session.add(known)
        elif known.decision is not None or known.error is not None:
            return None
        elif known.attempts >= MAX_ATTEMPTS:
            known.error = f"it was begun {known.attempts} times and never finished"
            return None
        known.attempts += 1
        # If we crash after this commit, the row stays without decision and error, and the next start tries once more.
        return row


def _reason(failure: Exception | None) -> str:
    """Say why there is no decision; messages of foreign errors are left out, because they may quote the script."""
    return str(failure) if isinstance(failure, PolicyError | SynthError) else type(failure).__name__


def _stored(database: Database, policy: str | None) -> Iterator[tuple[ShadowDecision, Submission]]:
    """Yield the rows that concern `policy` with their episodes, the oldest first, a page at a time."""
    last: tuple[datetime, str, str] | None = None
    while True:
        with database.read() as session:
            page = _page(session, policy, last)
        yield from page
        if len(page) < ROWS_AT_ONCE:
            return
        shadow = page[-1][0]
        last = (shadow.begun_at, shadow.episode_id, shadow.policy_digest)


def _page(
    session: Session, policy: str | None, last: tuple[datetime, str, str] | None
) -> list[tuple[ShadowDecision, Submission]]:
    place = tuple_(col(ShadowDecision.begun_at), col(ShadowDecision.episode_id), col(ShadowDecision.policy_digest))
    query = select(ShadowDecision, Submission).join(Submission, col(Submission.id) == col(ShadowDecision.episode_id))
    if policy is not None:
        query = query.where((ShadowDecision.policy_digest == policy) | (ShadowDecision.policy_id == policy))
    if last is not None:
        query = query.where(place > tuple_(*last))
    return list(session.exec(query.order_by(*place.clauses).limit(ROWS_AT_ONCE)))
