"""Leases: who is alive is who said so lately, and on SQLite there is one worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.db import Database, migrate, open_database
from gateway.errors import ConflictError
from gateway.leases import Leases
from tests.gateway_chain import Clock


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'assay.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(url)
    database = open_database(url)
    yield database
    database.dispose()


def test_worker_lives_as_long_as_it_keeps_saying_so(database: Database) -> None:
    clock = Clock()
    leases = Leases(database=database, clock=clock, seconds=30, beat=3)
    assert leases.living() == frozenset()
    leases.claim()
    clock.now += timedelta(seconds=29)
    assert leases.living() == {leases.executor_id}
    leases.beat()
    clock.now += timedelta(seconds=29)
    assert leases.living() == {leases.executor_id}
    clock.now += timedelta(seconds=2)
    assert leases.living() == frozenset()
    leases.release()


def test_worker_that_signs_off_is_gone_at_once(database: Database) -> None:
    leases = Leases(database=database, clock=Clock(), seconds=30, beat=3)
    leases.claim()
    leases.release()
    leases.release()
    assert leases.living() == frozenset()


def test_next_worker_takes_over_at_once_on_sqlite_and_joins_on_postgres(database: Database) -> None:
    clock = Clock()
    first, second = (Leases(database=database, clock=clock, seconds=30, beat=3) for _ in range(2))
    assert first.executor_id != second.executor_id
    first.claim()
    if database.is_sqlite:
        with pytest.raises(ConflictError, match="another worker serves this SQLite file"):
            second.claim()
        assert first._sole is not None
        first._sole.close()  # as the kernel does for a process that was killed: the lease row stays behind
        second.claim()
        assert second.living() == {second.executor_id}
        first._sole = None
    else:
        second.claim()
        assert second.living() == {first.executor_id, second.executor_id}
    for leases in (first, second):
        leases.release()


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[Clock, Leases, Leases]]:
    migrate(postgres_url)
    database, clock = open_database(postgres_url), Clock()
    first, second = (Leases(database=database, clock=clock, seconds=30, beat=3) for _ in range(2))
    first.claim()
    second.claim()
    yield clock, first, second
    first.release()
    second.release()
    database.dispose()


def cut(leases: Leases, url: str) -> None:
    """End the connection that shows this worker's presence, as its death would."""
    admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        pids = connection.exec_driver_sql(
            f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {leases._presence._number}"
        ).scalars()
        for pid in list(pids):
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
    admin.dispose()


def test_worker_whose_connection_ended_and_that_missed_a_beat_is_dead(
    pair: tuple[Clock, Leases, Leases], postgres_url: str
) -> None:
    clock, first, second = pair
    cut(first, postgres_url)
    assert second.living() == {first.executor_id, second.executor_id}  # it may be about to connect again
    clock.now += timedelta(seconds=5)
    assert second.living() == {second.executor_id}


def test_worker_whose_connection_was_cut_takes_its_lock_again(
    pair: tuple[Clock, Leases, Leases], postgres_url: str
) -> None:
    clock, first, second = pair
    cut(first, postgres_url)
    first.beat()  # notices
    first.beat()  # connects again
    clock.now += timedelta(seconds=29)
    assert first.executor_id in second.living()


def test_worker_without_a_lock_of_its_own_lives_by_its_lease(
    pair: tuple[Clock, Leases, Leases], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler that lends a connection for one transaction only."""
    clock, first, second = pair
    cut(first, postgres_url)
    monkeypatch.setattr(first._presence, "hold", lambda: None)
    first.beat()
    clock.now += timedelta(seconds=29)
    assert first.executor_id in second.living()
    clock.now += timedelta(seconds=2)
    assert first.executor_id not in second.living()
