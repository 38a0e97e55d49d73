"""The log on both databases, as they are: guards, writers at the same time, rollback, reopening."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audit_log import ORIGIN, START, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey
from audit.errors import AppendOnlyError, LogDivergedError
from audit.fsck import fsck
from audit.guards import GUARDS, append_only_ddl, assert_append_only
from audit.log import Log
from audit.merkle import Frontier, leaf_hash
from audit.receipt import verify_receipt
from audit.store import CHECKPOINTS, ENTRIES, HEAD, read_head

WRITERS = 4
EVENTS_EACH = 40
DATABASES = ("sqlite", "postgresql")


def open_database(name: str, request: pytest.FixtureRequest) -> Engine:
    if name == "sqlite":
        path: Path = request.getfixturevalue("tmp_path")
        return sqlite_engine(path / "assay.db")
    return create_engine(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened = open_database(request.param, request)
    create_log_tables(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened = open_database("postgresql", request)
    create_log_tables(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def log() -> Log:
    return Log(origin=ORIGIN, key=LogKey.from_seed(b"\x02" * 32))


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work(0)` to `work(WRITERS - 1)` at the same time and raise the first error of any."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(WRITERS)

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            work(number)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def refused(engine: Engine, statement: str) -> None:
    """Run `statement` and expect the database to refuse it, by a guard or by a key."""
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except IntegrityError:
            return
    pytest.fail(f"the database accepted: {statement}")


def test_life_of_a_log(engine: Engine, log: Log) -> None:
    size = 0
    for batch in (1, 5, 250, 1, 300):
        fill(engine, log, batch, start=size)
        seal(engine, log)
        size += batch
    with Session(engine) as session:
        report = fsck(session, origin=ORIGIN, verifier=log.verifier)
        report.require_sound()
        assert (report.size, report.checkpoints) == (size, 5)
        assert log.check_not_forked(session) == log.latest_checkpoint(session)
        for index in (0, 255, 256, size - 1):
            receipt = log.prove(session, index)
            leaf = an_event(index).canonical()
            assert verify_receipt(receipt, leaf=leaf, origin=ORIGIN, verifier=log.verifier).size == size
        found = log.events_for(session, "episode-256")
        assert [(one.index, one.event) for one in found] == [(256, an_event(256))]


CHANGES = (
    "UPDATE audit_entry SET kind = 'x' WHERE idx = 1",
    "UPDATE audit_entry SET idx = 7 WHERE idx = 1",
    "DELETE FROM audit_entry WHERE idx = 2",
    "INSERT INTO audit_entry SELECT 999, leaf, leaf_hash, kind, subject, at FROM audit_entry WHERE idx = 1",
    "INSERT INTO audit_entry SELECT -1, leaf, leaf_hash, kind, subject, at FROM audit_entry WHERE idx = 1",
    "INSERT INTO audit_entry SELECT 1, leaf, leaf_hash, kind, subject, at FROM audit_entry WHERE idx = 0 "
    "ON CONFLICT (idx) DO UPDATE SET kind = 'x'",
    "UPDATE audit_tile SET idx = 5",
    "UPDATE audit_tile SET hashes = leaf_hash FROM audit_entry WHERE audit_entry.idx = 1",
    "DELETE FROM audit_tile",
    "UPDATE audit_head SET size = 1",
    "UPDATE audit_head SET root = frontier",
    "DELETE FROM audit_head",
    "INSERT INTO audit_head SELECT 1, size, root, frontier FROM audit_head",
    "UPDATE audit_checkpoint SET note = 'x'",
    "UPDATE audit_checkpoint SET size = 999",
    "DELETE FROM audit_checkpoint",
    "INSERT INTO audit_checkpoint SELECT 1, root, note, created FROM audit_checkpoint",
)
TABLES = ("audit_entry", "audit_tile", "audit_head", "audit_checkpoint")


def test_every_change_to_a_row_is_refused(engine: Engine, log: Log) -> None:
    fill(engine, log, 256)
    seal(engine, log)
    for statement in CHANGES:
        refused(engine, statement)
    with Session(engine) as session:
        fsck(session, origin=ORIGIN, verifier=log.verifier).require_sound()


def test_replacing_a_row_is_refused_on_sqlite(tmp_path: Path, log: Log) -> None:
    engine = sqlite_engine(tmp_path / "assay.db")
    create_log_tables(engine)
    fill(engine, log, 256)
    seal(engine, log)
    for table in TABLES:
        refused(engine, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
        refused(engine, f"REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
    engine.dispose()


def test_emptying_a_table_is_refused_on_postgresql(postgres: Engine, log: Log) -> None:
    fill(postgres, log, 256)
    seal(postgres, log)
    for table in TABLES:
        refused(postgres, f"TRUNCATE {table} CASCADE")
        with postgres.connect() as connection:
            connection.execute(text("SET session_replication_role = replica"))  # switches ordinary triggers off
            with pytest.raises(IntegrityError):
                connection.execute(text(f"DELETE FROM {table}"))


def test_missing_or_altered_guard_is_named_and_put_back(postgres: Engine) -> None:
    with postgres.begin() as connection:
        assert_append_only(connection)
        for damage, reason in (
            ("DROP TRIGGER audit_entry_guards_update ON audit_entry", "audit_entry_guards_update is missing"),
            ("ALTER TABLE audit_head DISABLE TRIGGER audit_head_guards_update", "audit_head_guards_update is missing"),
            ("ALTER TABLE audit_head ENABLE TRIGGER audit_head_guards_update", "missing or disabled"),
            (
                "CREATE OR REPLACE FUNCTION audit_entry_guards_delete() RETURNS trigger LANGUAGE plpgsql "
                "AS $$BEGIN RETURN OLD; END$$",
                "audit_entry_guards_delete was altered",
            ),
        ):
            connection.execute(text(damage))
            with pytest.raises(AppendOnlyError, match=reason):
                assert_append_only(connection)
            for statement in append_only_ddl("postgresql"):
                connection.execute(text(statement))
            assert_append_only(connection)


def test_application_role_can_append_and_nothing_else(postgres: Engine, log: Log) -> None:
    fill(postgres, log, 256)
    seal(postgres, log)
    with postgres.connect() as connection:
        role = f"app_{postgres.url.database}"
        connection.execute(text(f"CREATE ROLE {role}"))  # rolled back with the transaction: roles outlive databases
        connection.execute(text(f"GRANT SELECT, INSERT ON audit_entry, audit_tile, audit_checkpoint TO {role}"))
        connection.execute(text(f"GRANT SELECT, UPDATE ON audit_head TO {role}"))
        connection.execute(text(f"GRANT UPDATE ON audit_tile TO {role}"))
        connection.execute(text(f"GRANT SELECT, INSERT, DELETE ON audit_outbox TO {role}"))
        connection.execute(text(f"SET ROLE {role}"))
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            log.append_all(session, [an_event(number) for number in range(256, 520)])
            assert log.seal(session, at=START).size == 520
        for guard in GUARDS:
            with pytest.raises(DBAPIError, match="must be owner"), connection.begin_nested():
                connection.execute(text(f"ALTER TABLE {guard.table} DISABLE TRIGGER {guard.name}"))
        connection.rollback()


def test_writers_at_the_same_time_lose_nothing(engine: Engine, log: Log) -> None:
    indexes: list[int] = []

    def write(number: int) -> None:
        for step in range(EVENTS_EACH):
            with Session(engine) as session, session.begin():
                indexes.append(log.append(session, an_event(number * EVENTS_EACH + step, subject=f"writer-{number}")))

    in_threads(write)
    assert sorted(indexes) == list(range(WRITERS * EVENTS_EACH))
    seal(engine, log)
    with Session(engine) as session:
        fsck(session, origin=ORIGIN, verifier=log.verifier).require_sound()
        for number in range(WRITERS):
            events = log.events_for(session, f"writer-{number}")
            assert [one.event.facts["bytes"] for one in events] == [
                number * EVENTS_EACH + step for step in range(EVENTS_EACH)
            ]


def test_sealing_and_checking_beside_writers_see_one_history(engine: Engine, log: Log) -> None:
    def work(number: int) -> None:
        for step in range(20):
            with Session(engine) as session, session.begin():
                if number == 0:
                    log.seal(session, at=START)
                elif number == 1:
                    log.check_not_forked(session)
                    fsck(session, origin=ORIGIN, verifier=log.verifier).require_sound()
                else:
                    log.append_all(session, [an_event(1000 * number + 13 * step + one) for one in range(13)])

    in_threads(work)
    seal(engine, log)
    with Session(engine) as session:
        report = fsck(session, origin=ORIGIN, verifier=log.verifier)
        report.require_sound()
        assert report.sealed == report.size == 2 * 20 * 13


def test_two_sealers_sign_one_checkpoint(engine: Engine, log: Log) -> None:
    fill(engine, log, 9)
    notes: set[str] = set()

    def work(number: int) -> None:
        with Session(engine) as session, session.begin():
            notes.add(log.seal(session, at=START).note)

    in_threads(work)
    assert len(notes) == 1
    with Session(engine) as session:
        assert len(session.execute(select(CHECKPOINTS.c.size)).all()) == 1


def test_rolled_back_writer_leaves_no_gap_for_the_one_that_waited(engine: Engine, log: Log) -> None:
    first_has_appended, second_may_finish = threading.Event(), threading.Event()
    second: list[int] = []

    def waiting() -> None:
        first_has_appended.wait(timeout=30)
        with Session(engine) as session, session.begin():
            second.append(log.append(session, an_event(2)))
        second_may_finish.set()

    thread = threading.Thread(target=waiting)
    thread.start()
    with Session(engine) as session:
        assert log.append(session, an_event(1)) == 0
        first_has_appended.set()
        assert not second_may_finish.wait(timeout=0.3)  # it waits for the head
        session.rollback()
    thread.join(timeout=30)
    assert second == [0]
    with Session(engine) as session:
        assert read_head(session) == Frontier().append(leaf_hash(an_event(2).canonical()))


def test_first_edited_row_is_named_once_the_guards_are_gone(engine: Engine, log: Log) -> None:
    fill(engine, log, 300)
    seal(engine, log)
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(ENTRIES.update().where(ENTRIES.c.idx.in_((123, 200))).values(leaf=b"{}"))
    with Session(engine) as session:
        report = fsck(session, origin=ORIGIN, verifier=log.verifier)
    assert str(report.divergence) == "entry 123: the stored hash is not the hash of the entry's bytes"


def test_truncated_log_is_not_signed(engine: Engine, log: Log) -> None:
    fill(engine, log, 10)
    with Session(engine) as session:
        shorter = read_head(session)
    fill(engine, log, 10, start=10)
    seal(engine, log)
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(ENTRIES.delete().where(ENTRIES.c.idx >= 10))
        connection.execute(HEAD.update().values(size=10, root=shorter.root(), frontier=shorter.encode()))
    with Session(engine) as session:
        for attempt in (lambda: log.check_not_forked(session), lambda: log.seal(session, at=START)):
            with pytest.raises(LogDivergedError, match="10 entries, but 20 were signed"):
                attempt()
        report = fsck(session, origin=ORIGIN, verifier=log.verifier)
        assert str(report.divergence) == "checkpoint 20: it was signed, but the log ends at 10 entries"


def test_log_survives_reopening(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "assay.db"
    for start in (0, 200, 400):
        engine = sqlite_engine(path)
        if start == 0:
            create_log_tables(engine)
        with Session(engine) as session:
            log.check_not_forked(session)
        fill(engine, log, 200, start=start)
        seal(engine, log)
        engine.dispose()
    engine = sqlite_engine(path)
    with Session(engine) as session:
        assert fsck(session, origin=ORIGIN, verifier=log.verifier).sealed == 600
    engine.dispose()
