"""The database: migrations on both engines, transactions that lose no update, and honest readiness."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel, select

import gateway.accounts  # declares a table
import gateway.appealed  # declares a table
import gateway.cases  # declares a table
import gateway.federation  # declares a table
import gateway.leases  # declares a table
import gateway.listeners  # declares a table
import gateway.quality.rows  # declares tables
import gateway.reminders  # declares a table
import gateway.saved  # declares a table
import gateway.savedviews  # declares a table
import gateway.shadow  # declares a table
import gateway.soundindex  # declares a table
import gateway.webhooks.rows  # noqa: F401  # declares a table
from audit.guards import GUARDS, assert_append_only
from gateway.db import Database, check_schema, is_unavailable, migrate, migration_config, open_database
from gateway.errors import ConflictError, DatabaseUnavailableError
from gateway.submissions import State, Submission, lock, move

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deeper' / 'assay.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    migrate(url)
    database = open_database(url)
    yield database
    database.dispose()


def a_row(episode_id: str = "ep_1") -> Submission:
    return Submission(
        id=episode_id,
        state=State.RECEIVED.value,
        submitter="key",
        request_digest="sha256:0",
        title="t",
        show="s",
        language="en",
        script="Words that no log may show.",
        script_digest="sha256:0",
        received_at=AT,
        changed_at=AT,
    )


def test_fresh_database_migrates_to_exactly_the_declared_tables(database: Database) -> None:
    with database.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    check_schema(database)


def test_migrating_again_changes_nothing(database: Database, url: str) -> None:
    with database.write() as session:
        session.add(a_row())
    migrate(url)
    with database.read() as session:
        assert session.get(Submission, "ep_1") is not None


def test_downgrade_leaves_nothing_and_upgrade_brings_everything_back(database: Database) -> None:
    with database.writer.begin() as connection:
        command.downgrade(migration_config(connection), "base")
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
        if not database.is_sqlite:
            left = connection.execute(
                sa.text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'audit%guards%'")
            ).scalar()
            assert left == 0
    with pytest.raises(DatabaseUnavailableError, match="at migration none"):
        check_schema(database)
    with database.writer.begin() as connection:
        command.upgrade(migration_config(connection), "head")
    check_schema(database)


REFUSED = (
    "UPDATE audit_entry SET kind = 'x'",
    "DELETE FROM audit_entry",
    "INSERT INTO audit_entry SELECT 7, leaf, leaf_hash, kind, subject, at FROM audit_entry",
    "UPDATE audit_head SET root = frontier",
    "DELETE FROM audit_head",
)


def test_guards_of_the_log_survive_every_migration_up_and_down(url: str) -> None:
    """An entry from the first release stays as it is, and nothing may touch it at any revision."""
    database = open_database(url)
    with database.writer.begin() as connection:
        script = ScriptDirectory.from_config(migration_config(connection))
        revisions = [revision.revision for revision in script.walk_revisions()][::-1]
        for step, revision in enumerate([*revisions, *reversed(revisions[:-1])]):
            (command.upgrade if step < len(revisions) else command.downgrade)(migration_config(connection), revision)
            if step == 0:
                octets = ("X'00'", f"X'{'ab' * 32}'") if database.is_sqlite else ("'\\x00'", f"'\\x{'ab' * 32}'")
                connection.exec_driver_sql(
                    f"INSERT INTO audit_entry VALUES (0, {octets[0]}, {octets[1]}, 'key.created', 's', '2026-03-01')"
                )
            for statement in REFUSED:
                with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
                    connection.exec_driver_sql(statement)
            found = connection.exec_driver_sql("SELECT idx, kind, subject FROM audit_entry").all()
            assert [tuple(row) for row in found] == [(0, "key.created", "s")], revision
            if revision == revisions[-1]:
                assert_append_only(connection)
    database.dispose()


def test_log_with_the_same_bytes_twice_migrates_and_takes_each_event_once_from_then_on(url: str) -> None:
    """Earlier releases let equal entries in; their log must not be locked out."""
    database = open_database(url)
    first, second = ("X'00'", f"X'{'ab' * 32}'") if database.is_sqlite else ("'\\x00'", f"'\\x{'ab' * 32}'")
    with database.writer.begin() as connection:
        command.upgrade(migration_config(connection), "0003")
        for idx in (0, 1):
            connection.exec_driver_sql(
                f"INSERT INTO audit_entry VALUES ({idx}, {first}, {second}, 'key.created', 's', '2026-03-01')"
            )
        command.upgrade(migration_config(connection), "head")
        new = second.replace("ab", "cd")
        row = f"{first}, {new}, 'key.created', 's', '2026-03-01'"
        connection.exec_driver_sql(f"INSERT INTO audit_entry VALUES (2, {row})")
        with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
            connection.exec_driver_sql(f"INSERT INTO audit_entry VALUES (3, {row})")
        columns = "(event_id, leaf, kind, subject, at)"
        with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
            connection.exec_driver_sql(
                f"INSERT INTO audit_outbox {columns} VALUES ({second}, {first}, 'key.created', 's', '2026-03-01')"
            )
    database.dispose()


def test_outbox_is_not_dropped_while_an_event_waits(database: Database) -> None:
    octets = ("X'00'", f"X'{'ab' * 32}'") if database.is_sqlite else ("'\\x00'", f"'\\x{'ab' * 32}'")
    columns = "(leaf, event_id, kind, subject, at)"
    with database.writer.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO audit_outbox {columns} VALUES ({octets[0]}, {octets[1]}, 'k', 's', '2026-03-01')"
        )
    with database.writer.connect() as connection, pytest.raises(RuntimeError, match="events wait in the outbox"):
        command.downgrade(migration_config(connection), "0003")


def test_database_that_was_never_migrated_is_not_ready(url: str) -> None:
    database = open_database(url)
    with pytest.raises(DatabaseUnavailableError, match="at migration none"):
        check_schema(database)
    database.dispose()


def test_missing_append_only_guard_makes_the_service_not_ready(database: Database) -> None:
    guard = GUARDS[1]
    on = "" if database.is_sqlite else f" ON {guard.table}"
    with database.writer.begin() as connection:
        connection.execute(sa.text(f"DROP TRIGGER {guard.name}{on}"))
    with pytest.raises(DatabaseUnavailableError, match=guard.name):
        check_schema(database)


def test_several_processes_migrate_one_empty_database_at_once(url: str) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=migrate, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    database = open_database(url)
    check_schema(database)
    database.dispose()


def test_concurrent_readers_who_write_lose_no_update(database: Database) -> None:
    with database.write() as session:
        session.add(a_row())

    def count_up() -> None:
        for _ in range(15):
            with database.write() as session:
                row = lock(session, "ep_1")
                row.version += 1

    run_in_threads(count_up, 4)
    with database.read() as session:
        assert session.exec(select(Submission.version)).one() == 61


def test_of_two_concurrent_moves_only_one_happens(database: Database) -> None:
    with database.write() as session:
        session.add(a_row())
    outcomes: list[str] = []

    def block() -> None:
        try:
            with database.write() as session:
                move(lock(session, "ep_1"), State.BLOCKED, at=AT)
            outcomes.append("moved")
        except ConflictError:
            outcomes.append("refused")

    run_in_threads(block, 4)
    assert sorted(outcomes) == ["moved", "refused", "refused", "refused"]


def test_reader_sees_committed_rows_while_a_writer_is_busy(database: Database) -> None:
    with database.write() as session:
        session.add(a_row("ep_1"))
    with database.write() as writing:
        writing.add(a_row("ep_2"))
        writing.flush()
        with database.read() as session:
            assert session.exec(select(Submission.id)).all() == ["ep_1"]


def test_reading_session_cannot_write(database: Database) -> None:
    with database.read() as session:
        session.add(a_row())
        with pytest.raises((DatabaseUnavailableError, sa.exc.DBAPIError)):
            session.flush()
    with database.read() as session:
        assert session.exec(select(Submission.id)).all() == []


def test_failed_transaction_leaves_nothing_behind(database: Database) -> None:
    def half_way() -> None:
        with database.write() as session:
            session.add(a_row())
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    with database.read() as session:
        assert session.exec(select(Submission.id)).all() == []


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    with database.write() as session:
        session.add(a_row())
    with database.read() as session:
        assert session.exec(select(Submission.received_at)).one() == AT


def test_error_of_the_database_never_shows_the_script(database: Database) -> None:
    with database.write() as session:
        session.add(a_row())
    with database.writer.begin() as connection:
        again = sa.insert(Submission.__table__).values(**a_row().model_dump())  # type: ignore[attr-defined]
        with pytest.raises(sa.exc.IntegrityError) as caught:
            connection.execute(again)
        connection.rollback()
    assert "Words that no log may show" not in str(caught.value)


def test_every_commit_on_sqlite_reaches_the_disk(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'assay.db'}")
    for engine in (database.writer, database.reader):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.dispose()


def test_every_commit_on_postgres_reaches_the_disk(postgres_url: str) -> None:
    database = open_database(postgres_url)
    with database.writer.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
        assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"
    database.dispose()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://root@localhost/assay", "mysql is not supported"),
        ("not a url", "not a SQLAlchemy URL"),
        ("", "not a SQLAlchemy URL"),
        ("sqlite:////proc/nowhere/assay.db", "cannot make"),
    ],
)
def test_url_that_cannot_be_used_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match=reason):
        open_database(url)


def test_unreachable_postgres_is_named_unavailable() -> None:
    database = open_database("postgresql://nobody@127.0.0.1:1/assay")
    with pytest.raises(DatabaseUnavailableError), database.read() as session:
        session.exec(select(Submission.id)).all()
    with pytest.raises(DatabaseUnavailableError):
        check_schema(database)


def test_file_that_is_no_database_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "assay.db"
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    with pytest.raises((DatabaseUnavailableError, sa.exc.DatabaseError)):
        migrate(f"sqlite:///{path}")


def test_cause_of_an_error_decides_whether_the_database_is_away() -> None:
    away = sa.exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error"))
    wrapped = ValueError("the log could not be read")
    wrapped.__cause__ = away
    assert is_unavailable(away)
    assert is_unavailable(wrapped)
    assert not is_unavailable(ValueError("other"))
    assert not is_unavailable(None)


def run_in_threads(work: Callable[[], None], count: int) -> None:
    errors: list[Exception] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # reported below
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
