"""Leases: who is alive is who said so lately, and on SQLite there is one worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

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
    leases = Leases(database=database, clock=clock, seconds=30)
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
    leases = Leases(database=database, clock=Clock(), seconds=30)
    leases.claim()
    leases.release()
    leases.release()
    assert leases.living() == frozenset()


def test_next_worker_takes_over_at_once_on_sqlite_and_joins_on_postgres(database: Database) -> None:
    clock = Clock()
    first, second = (Leases(database=database, clock=clock, seconds=30) for _ in range(2))
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
