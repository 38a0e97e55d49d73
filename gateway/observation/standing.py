"""Where the installation stands, asked of the database whenever the numbers are read: queue, reviews, log, witnesses.

Every process answers alike, so dashboards and alerts take the maximum over processes. A database that is out of reach
is `assay_database_up 0` and no other number: an old one would look like a healthy one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func
from sqlmodel import Session, col, select

from audit.countersignatures import CosignatureRow
from audit.tables import CheckpointRow, HeadRow, OutboxRow
from gateway.db import Database, is_unavailable
from gateway.leases import ExecutorLease
from gateway.submissions import RESTING, ReviewCase, State, Submission

UNFINISHED = tuple(state for state in State if state not in RESTING)
QUEUED = (*UNFINISHED, State.AWAITING_REVIEW)  # what somebody waits for: a worker, or a person


class Standing(Collector):
    """Asks the database, once each time; the witnesses are those that the settings name."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        lease: timedelta,
        witnesses: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._witnesses = witnesses

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Answer with the numbers of this moment."""
        now = self._clock()
        try:
            with self._database.read() as session:
                found = [*self._queue(session, now), *self._log(session, now), *self._others(session, now)]
        except Exception as error:
            if not is_unavailable(error):
                raise
            yield _gauge("assay_database_up", "1 if the database answers.", 0)
            return
        yield _gauge("assay_database_up", "1 if the database answers.", 1)
        yield from found

    def _queue(self, session: Session, now: datetime) -> Iterator[Metric]:
        counted = session.exec(
            select(Submission.state, func.count(), func.min(Submission.received_at))
            .where(col(Submission.state).in_([state.value for state in QUEUED]))
            .group_by(Submission.state)
        ).all()
        waiting = {state: (number, oldest) for state, number, oldest in counted}
        length = GaugeMetricFamily("assay_queue_episodes", "Episodes that rest in this state.", labels=["state"])
        age = GaugeMetricFamily(
            "assay_queue_age_seconds",
            "Seconds since the oldest of them was submitted; 0 if there is none.",
            labels=["state"],
        )
        for state in QUEUED:
            number, oldest = waiting.get(state.value, (0, None))
            length.add_metric([state.value], number)
            age.add_metric([state.value], 0.0 if oldest is None else _seconds(now - oldest))
        yield length
        yield age
        held = session.exec(
            select(func.count()).where(
                Submission.state == State.APPROVED.value,  # no other waits; and there is an index over states
                col(Submission.waiting_for).is_not(None),
            )
        ).one()
        yield _gauge("assay_waiting_for_countersignatures", "Approved episodes that wait for others to sign.", held)
        overdue = session.exec(
            select(func.count()).select_from(ReviewCase).where(col(ReviewCase.open), col(ReviewCase.due_at) < now)
        ).one()
        yield _gauge("assay_reviews_overdue", "Open reviews whose due time has passed.", overdue)

    def _log(self, session: Session, now: datetime) -> Iterator[Metric]:
        entries = session.exec(select(HeadRow.size)).one_or_none() or 0
        sealed, signed_at = _newest_checkpoint(session)
        yield _gauge("assay_log_entries", "Entries of the audit log.", entries)
        yield _gauge("assay_log_unsealed_entries", "Entries that no signed checkpoint covers yet.", entries - sealed)
        if signed_at is not None:
            yield _gauge(
                "assay_checkpoint_age_seconds",
                "Seconds since the newest checkpoint was signed.",
                _seconds(now - signed_at),
            )
        events, oldest = session.exec(select(func.count(), func.min(OutboxRow.at))).one()
        yield _gauge("assay_log_outbox_events", "Committed events that have no place in the log yet.", events)
        yield _gauge(
            "assay_log_outbox_age_seconds",
            "Seconds since the oldest of them; 0 if there is none.",
            0.0 if oldest is None else _seconds(now - oldest),
        )

    def _others(self, session: Session, now: datetime) -> Iterator[Metric]:
        living = session.exec(
            select(func.count()).select_from(ExecutorLease).where(col(ExecutorLease.seen_at) > now - self._lease)
        ).one()
        yield _gauge("assay_workers", "Worker processes that said lately that they are alive.", living)
        if not self._witnesses:
            return
        newest, _ = _newest_checkpoint(session)
        behind = GaugeMetricFamily(
            "assay_witness_behind_entries",
            "Entries under our newest checkpoint that this witness has not cosigned.",
            labels=["witness"],
        )
        age = GaugeMetricFamily(
            "assay_witness_age_seconds",
            "Seconds since this witness last cosigned; absent if it never did.",
            labels=["witness"],
        )
        for name in self._witnesses:
            # From the newest on, so that one that is up to date is found at once.
            found = session.exec(
                select(CosignatureRow.size, CosignatureRow.created)
                .where(CosignatureRow.witness == name)
                .order_by(col(CosignatureRow.size).desc())
                .limit(1)
            ).first()
            size, at = (0, None) if found is None else (found[0], found[1])
            behind.add_metric([name], newest - size)
            if at is not None:
                age.add_metric([name], _seconds(now - at))
        yield behind
        yield age


def _newest_checkpoint(session: Session) -> tuple[int, datetime | None]:
    row = session.exec(
        select(CheckpointRow.size, CheckpointRow.created).order_by(col(CheckpointRow.size).desc()).limit(1)
    ).one_or_none()
    return (0, None) if row is None else (row[0], row[1])


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _seconds(age: timedelta) -> float:
    """Machines' clocks differ a little: what seems to come from the future is of now."""
    return max(0.0, age.total_seconds())
