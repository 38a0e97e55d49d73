"""Outbox and sequencer on both databases: crashes, full disks, duplicates, rivals, and clocks that run backwards."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import ORIGIN, START, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from sqlalchemy import Engine, create_engine, event, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey
from audit.errors import DuplicateEventError, LogDivergedError
from audit.fsck import FsckReport, fsck
from audit.log import Log
from audit.merkle import leaf_hash
from audit.outbox import count
from audit.store import ENTRIES, OUTBOX

LOG = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x04" * 32))
SPAWNED = multiprocessing.get_context("spawn")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "assay.db")
    return str(request.getfixturevalue("postgres_url"))


def connect(address: str) -> Engine:
    return create_engine(address) if "://" in address else sqlite_engine(Path(address))


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    opened = connect(address)
    create_log_tables(opened)
    yield opened
    opened.dispose()


def record(engine: Engine, *numbers: int, **changes: Any) -> None:
    with Session(engine) as session, session.begin():
        LOG.record(session, *(an_event(number, **changes) for number in numbers))


def sequence(engine: Engine, limit: int = 1000) -> int:
    with Session(engine) as session, session.begin():
        return LOG.sequence(session, limit=limit)


def check(engine: Engine) -> FsckReport:
    with Session(engine) as session:
        return fsck(session, origin=ORIGIN, verifier=LOG.verifier)


def logged(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.execute(select(ENTRIES.c.subject).order_by(ENTRIES.c.idx)).scalars())


def test_recorded_events_wait_and_get_their_places_in_order(engine: Engine) -> None:
    record(engine, 0, 1)
    record(engine, 2)
    assert (logged(engine), check(engine).waiting) == ([], 3)
    assert [sequence(engine, 2), sequence(engine, 2), sequence(engine, 2)] == [2, 1, 0]
    assert logged(engine) == ["episode-0", "episode-1", "episode-2"]
    with Session(engine) as session:
        assert [LOG.index_of(session, an_event(number)) for number in range(4)] == [0, 1, 2, None]
        assert not LOG.has_waiting(session)
    check(engine).require_sound()


def test_rolled_back_event_never_waits(engine: Engine) -> None:
    with Session(engine) as session:
        LOG.record(session, an_event(0))
        session.rollback()
    assert check(engine).waiting == 0


def test_recording_holds_up_nobody_on_postgresql(postgres_url: str) -> None:
    """One writer is in mid-transaction; others record, sequence and seal beside it, and leave its event for later."""
    engine = create_engine(postgres_url)
    create_log_tables(engine)
    with Session(engine) as slow:
        LOG.record(slow, an_event(0))
        record(engine, 1)
        assert sequence(engine) == 1
        seal(engine, LOG)
        slow.commit()
    assert sequence(engine) == 1
    assert logged(engine) == ["episode-1", "episode-0"]  # a lower number that was committed later is not lost
    engine.dispose()


def test_sealing_leaves_no_committed_event_out(engine: Engine) -> None:
    record(engine, *range(300))
    with Session(engine) as session, session.begin():
        checkpoint = LOG.seal(session, at=START)
        assert LOG.prove(session, 299, checkpoint).leaf == an_event(299).canonical()
    report = check(engine)
    assert (report.sealed, report.waiting) == (300, 0)


def test_appending_takes_its_place_after_what_waits(engine: Engine) -> None:
    record(engine, 0, 1)
    with Session(engine) as session, session.begin():
        LOG.record(session, an_event(2))
        assert LOG.append_all(session, [an_event(3), an_event(4)]) == [3, 4]
    assert logged(engine) == [f"episode-{number}" for number in range(5)]
    check(engine).require_sound()


def test_same_event_is_refused_wherever_the_first_one_is(engine: Engine) -> None:
    record(engine, 0)
    with pytest.raises(DuplicateEventError):
        record(engine, 0)
    sequence(engine)
    with pytest.raises(DuplicateEventError):
        record(engine, 0)
    with pytest.raises(DuplicateEventError):
        fill(engine, LOG, 1)
    with pytest.raises(DuplicateEventError):
        record(engine, 7, 7)
    record(engine, 8)
    with pytest.raises(DuplicateEventError):
        fill(engine, LOG, 1, start=8)  # the one that waits is put in its place first, and rolled back with the rest
    assert (logged(engine), check(engine).waiting) == (["episode-0"], 1)


def test_duplicate_that_slipped_past_the_guards_is_dropped_and_not_logged_twice(engine: Engine) -> None:
    fill(engine, LOG, 1)
    drop_guards(engine, "audit_outbox")
    record(engine, 0)
    assert str(check(engine).divergence) == "outbox 1: the event waits, and is in the log already"
    record(engine, 1)
    assert sequence(engine) == 2
    assert logged(engine) == ["episode-0", "episode-1"]
    check(engine).require_sound()


def test_clock_that_runs_backwards_changes_no_order(engine: Engine) -> None:
    for number in (5, 3, 1):
        record(engine, number)
    fill(engine, LOG, 1)
    assert logged(engine) == ["episode-5", "episode-3", "episode-1", "episode-0"]
    seal(engine, LOG)
    check(engine).require_sound()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_outbox SET kind = 'x'",
        "DELETE FROM audit_outbox",
        "INSERT INTO audit_outbox (event_id, leaf, kind, subject, at) "
        "SELECT leaf_hash, leaf, kind, subject, at FROM audit_entry",
    ],
)
def test_waiting_event_is_neither_changed_nor_lost_nor_repeated(statement: str, engine: Engine) -> None:
    fill(engine, LOG, 1)
    record(engine, 1)
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text(statement))
    assert check(engine).waiting == 1


def test_waiting_event_is_not_replaced_on_sqlite(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "assay.db")
    create_log_tables(engine)
    record(engine, 1)
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text("INSERT OR REPLACE INTO audit_outbox SELECT * FROM audit_outbox"))
    engine.dispose()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leaf": b"{}"}, "not the hash of its bytes"),
        ({"leaf": b"{}", "event_id": leaf_hash(b"{}")}, "not an event"),
        ({"subject": "episode-x"}, "kind, subject or time"),
    ],
)
def test_changed_event_in_the_outbox_is_named(changes: dict[str, Any], reason: str, engine: Engine) -> None:
    record(engine, 0)
    drop_guards(engine, "audit_outbox")
    with engine.begin() as connection:
        connection.execute(OUTBOX.update().values(**changes))
    divergence = str(check(engine).divergence)
    assert divergence.startswith("outbox 1: ")
    assert reason in divergence
    if "event_id" not in changes and "leaf" in changes:
        with pytest.raises(LogDivergedError, match="changed while it waited"):
            seal(engine, LOG)


CRASH_POINTS = ("recorded", "committed", "entries", "moved", "sequenced", "sealed", "shown")


def be_killed(address: str, point: str) -> None:
    """Record 300 events, sequence and seal, and die at `point`."""
    engine = connect(address)

    def die(at: str) -> None:
        if at == point:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(engine, "after_cursor_execute")
    def watch(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO audit_entry"):
            die("entries")
        if statement.startswith("UPDATE audit_head"):
            die("moved")

    with Session(engine) as session:
        LOG.record(session, *(an_event(number) for number in range(100, 400)))
        session.flush()
        die("recorded")
        session.commit()
    die("committed")
    with Session(engine) as session:
        LOG.sequence(session)
        die("sequenced")
        session.commit()
    with Session(engine) as session:
        LOG.seal(session, at=START)
        die("sealed")
        session.commit()
    die("shown")


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_process_killed_at_any_point_loses_and_repeats_nothing(point: str, address: str, engine: Engine) -> None:
    fill(engine, LOG, 100)
    seal(engine, LOG)
    engine.dispose()
    child = SPAWNED.Process(target=be_killed, args=(address, point))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    report = check(engine)
    report.require_sound()
    expected = 0 if point == "recorded" else 300
    assert report.entries - 100 + report.waiting == expected
    assert report.sealed == (400 if point == "shown" else 100)
    sequence(engine)
    seal(engine, LOG)
    assert logged(engine) == [f"episode-{number}" for number in range(100 + expected)]
    check(engine).require_sound()


def test_full_disk_costs_the_step_and_nothing_else(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "assay.db")
    create_log_tables(engine)
    fill(engine, LOG, 200)
    record(engine, *range(200, 500))
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    engine.dispose()

    @event.listens_for(engine, "connect")
    def limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(OperationalError, match="full"):
        sequence(engine)
    with pytest.raises(OperationalError, match="full"):
        record(engine, *range(1000, 3000))
    report = check(engine)
    assert (report.entries, report.waiting) == (200, 300)
    event.remove(engine, "connect", limit)
    engine.dispose()
    assert sequence(engine) == 300
    seal(engine, LOG)
    assert check(engine).sealed == 500


def produce(address: str, producer: int, events: int) -> None:
    engine = connect(address)
    for number in range(events):
        record(engine, 1000 * producer + number, subject=f"producer-{producer}")
    engine.dispose()


def test_rival_sequencers_and_many_producers_make_one_log(address: str, engine: Engine) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def keep_sequencing() -> None:
        try:
            while not done.is_set():
                sequence(engine, 7)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    rivals = [threading.Thread(target=keep_sequencing) for _ in range(2)]
    inside = [threading.Thread(target=produce, args=(address, number, 30)) for number in range(2)]
    outside = [SPAWNED.Process(target=produce, args=(address, number, 30)) for number in range(2, 4)]
    for one in (*rivals, *inside, *outside):
        one.start()
    for one in (*inside, *outside):
        one.join(120)
    assert [process.exitcode for process in outside] == [0, 0]
    done.set()
    for rival in rivals:
        rival.join(60)
    assert failures == []
    seal(engine, LOG)
    check(engine).require_sound()
    with Session(engine) as session:
        assert session.execute(select(func.count()).select_from(ENTRIES)).scalar_one() == 120
        assert count(session) == 0
        for producer in range(4):
            times = [one.event.at for one in LOG.events_for(session, f"producer-{producer}")]
            assert len(times) == 30
            assert times == sorted(times)  # what one producer says in order stays in order


def test_event_numbered_out_of_turn_is_refused_by_the_statement_guard(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    create_log_tables(engine)
    fill(engine, LOG, 3)
    for first, second in ((4, 5), (3, 5), (-2, -1)):
        leaves = f"VALUES ({first}, decode('00', 'hex')), ({second}, decode('01', 'hex'))"
        with engine.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(
                text(
                    "INSERT INTO audit_entry (idx, leaf, leaf_hash, kind, subject, at) "
                    f"SELECT n, leaf, sha256(leaf), 'k', 's', now() FROM ({leaves}) AS given (n, leaf)"
                )
            )
    engine.dispose()
