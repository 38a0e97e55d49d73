"""Appending and sealing: one transaction, one order, nothing signed twice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from audit_log import ORIGIN, START, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey
from audit.errors import AuditError, CheckpointError, EventError, LogDivergedError
from audit.event import EventKind
from audit.log import Log
from audit.merkle import EMPTY_ROOT, Frontier, leaf_hash
from audit.store import CHECKPOINTS, ENTRIES, TILES, advance_head, read_head


def frontier_over(entries: int) -> Frontier:
    frontier = Frontier()
    for number in range(entries):
        frontier = frontier.append(leaf_hash(an_event(number).canonical()))
    return frontier


def count(engine: Engine, table: object) -> int:
    with Session(engine) as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def edit(engine: Engine, statement: str) -> None:
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_events_get_consecutive_indexes_and_move_the_head(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        assert log.append(session, an_event(0)) == 0
        assert log.append_all(session, [an_event(1), an_event(2)]) == [1, 2]
        assert log.append_all(session, []) == []
        assert read_head(session) == frontier_over(3)


@pytest.mark.parametrize("batch", [1, 7, 256, 700])
def test_head_and_tiles_do_not_depend_on_the_size_of_batches(batch: int, engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        for start in range(0, 700, batch):
            log.append_all(session, [an_event(number) for number in range(start, min(start + batch, 700))])
        assert read_head(session) == frontier_over(700)
        tiles = session.execute(select(TILES.c.level, TILES.c.idx, func.length(TILES.c.hashes))).all()
    assert sorted(tuple(tile) for tile in tiles) == [(0, 0, 8192), (0, 1, 8192), (1, 0, 64)]


def test_rolled_back_transaction_leaves_no_trace(engine: Engine, log: Log) -> None:
    fill(engine, log, 255)
    with Session(engine) as session:
        log.append(session, an_event(255))  # would complete a tile
        log.seal(session, at=START)
        session.rollback()
    assert (count(engine, ENTRIES), count(engine, TILES), count(engine, CHECKPOINTS)) == (255, 0, 0)
    fill(engine, log, 2, start=255)
    with Session(engine) as session:
        assert read_head(session) == frontier_over(257)


def test_append_never_commits(engine: Engine, log: Log) -> None:
    with Session(engine) as session:
        log.append(session, an_event())
        assert session.in_transaction()
    assert count(engine, ENTRIES) == 0


def test_rolled_back_savepoint_leaves_the_rest(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        log.append(session, an_event(0))
        with session.begin_nested() as savepoint:
            log.append(session, an_event(99))
            savepoint.rollback()
        assert log.append(session, an_event(1)) == 1
        assert read_head(session) == frontier_over(2)


def test_unloggable_event_takes_its_whole_batch_with_it(engine: Engine, log: Log) -> None:
    with Session(engine) as session:
        with pytest.raises(EventError):
            log.append_all(session, [an_event(0), an_event(1, facts={"x": float("inf")})])
        assert read_head(session).size == 0


def test_events_of_a_subject_come_back_in_order(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        log.append(session, an_event(0, subject="episode-a"))
        log.append(session, an_event(1, subject="episode-b"))
        log.append(session, an_event(2, subject="episode-a", kind=EventKind.REVIEW_CLAIMED, facts={"role": "reviewer"}))
        found = log.events_for(session, "episode-a")
        assert [(one.index, one.event.kind) for one in found] == [
            (0, EventKind.SUBMISSION_RECEIVED),
            (2, EventKind.REVIEW_CLAIMED),
        ]
        assert found[0].event == an_event(0, subject="episode-a")
        assert found[0].leaf == found[0].event.canonical()
        assert log.events_for(session, "episode-c") == []


def test_entry_that_is_no_event_is_not_shown(engine: Engine, log: Log) -> None:
    fill(engine, log, 2)
    edit(engine, "UPDATE audit_entry SET leaf = X'00' WHERE idx = 1")
    with Session(engine) as session, pytest.raises(LogDivergedError, match="entry 1 is not an event"):
        log.events_for(session, "episode-1")


def test_sealing_signs_the_head_once(engine: Engine, log: Log) -> None:
    fill(engine, log, 3)
    with Session(engine) as session, session.begin():
        checkpoint = log.seal(session, at=START)
    assert (checkpoint.size, checkpoint.root) == (3, frontier_over(3).root())
    with Session(engine) as session, session.begin():
        assert log.seal(session, at=START) == checkpoint
        assert log.latest_checkpoint(session) == checkpoint
        assert log.check_not_forked(session) == checkpoint
    assert count(engine, CHECKPOINTS) == 1


def test_empty_log_can_be_sealed(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        assert log.latest_checkpoint(session) is None
        assert log.check_not_forked(session) is None
        assert log.seal(session, at=START).root == EMPTY_ROOT
        assert log.seal(session, at=START).size == 0
        log.append(session, an_event())
        assert log.seal(session, at=START).size == 1


def test_checkpoint_time_must_have_a_zone(engine: Engine, log: Log) -> None:
    with Session(engine) as session, pytest.raises(StatementError, match="time zone"):
        log.seal(session, at=datetime(2026, 3, 1))  # noqa: DTZ001 - the naive time is the point


def test_times_come_back_aware(engine: Engine, log: Log) -> None:
    fill(engine, log, 1)
    with Session(engine) as session:
        assert session.execute(select(ENTRIES.c.at)).scalar_one() == START


def test_wrong_key_neither_seals_nor_proves(engine: Engine, log: Log) -> None:
    fill(engine, log, 3)
    seal(engine, log)
    stranger = Log(origin=ORIGIN, key=LogKey.generate())
    with Session(engine) as session:
        for attempt in (
            lambda: stranger.seal(session, at=START),
            lambda: stranger.check_not_forked(session),
            lambda: stranger.prove(session, 0),
        ):
            with pytest.raises(CheckpointError, match="no signature by an expected key"):
                attempt()


def test_origin_that_no_note_could_carry_is_refused(key: LogKey) -> None:
    with pytest.raises(CheckpointError, match="cannot name a key"):
        Log(origin="my log", key=key)


def test_log_cut_back_behind_its_checkpoint_is_not_signed(engine: Engine, log: Log) -> None:
    fill(engine, log, 310)
    seal(engine, log)
    drop_guards(engine)
    shorter = frontier_over(300)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry WHERE idx >= 300"))
        connection.execute(
            text("UPDATE audit_head SET size = 300, root = :root, frontier = :frontier"),
            {"root": shorter.root(), "frontier": shorter.encode()},
        )
    with Session(engine) as session:
        with pytest.raises(LogDivergedError, match="300 entries, but 310 were signed"):
            log.check_not_forked(session)
        with pytest.raises(LogDivergedError, match="300 entries, but 310 were signed"):
            log.seal(session, at=START)


def test_log_rewritten_behind_its_checkpoint_is_not_signed(engine: Engine, log: Log) -> None:
    """A careful forger replaces an entry and recomputes everything that needs no key."""
    fill(engine, log, 3)
    seal(engine, log)
    forged = [an_event(0).canonical(), an_event(1, actor="nobody").canonical(), an_event(2).canonical()]
    frontier = Frontier()
    for leaf in forged:
        frontier = frontier.append(leaf_hash(leaf))
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE audit_entry SET leaf = :leaf, leaf_hash = :hash WHERE idx = 1"),
            {"leaf": forged[1], "hash": leaf_hash(forged[1])},
        )
        connection.execute(
            text("UPDATE audit_head SET root = :root, frontier = :frontier"),
            {"root": frontier.root(), "frontier": frontier.encode()},
        )
    fill(engine, log, 2, start=3)
    with Session(engine) as session:
        for attempt in (lambda: log.check_not_forked(session), lambda: log.seal(session, at=START)):
            with pytest.raises(LogDivergedError, match="first 3 entries are not those that were signed"):
                attempt()
        with pytest.raises(LogDivergedError, match="does not lead to the signed root"):
            log.prove(session, 0)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_entry SET leaf = X'00' WHERE idx = 5", "entry 5 is missing or was changed"),
        ("DELETE FROM audit_entry WHERE idx = 5", "run fsck"),
        ("DELETE FROM audit_entry WHERE idx = 7", "run fsck"),
        ("UPDATE audit_entry SET leaf_hash = zeroblob(32) WHERE idx = 7", "does not end in the head"),
        ("UPDATE audit_head SET root = zeroblob(32)", "is not the root of its frontier"),
        ("UPDATE audit_head SET size = 9", "contradicts itself"),
        ("UPDATE audit_head SET size = 16", "does not end in the head|lacks node"),
        ("DELETE FROM audit_head", "no head row"),
        ("UPDATE audit_checkpoint SET root = zeroblob(32)", "not what was signed"),
        ("UPDATE audit_checkpoint SET size = 2", "not what was signed"),
    ],
)
def test_tampering_before_the_next_checkpoint_is_not_signed(
    statement: str, reason: str, engine: Engine, log: Log
) -> None:
    fill(engine, log, 4)
    seal(engine, log)
    fill(engine, log, 4, start=4)
    edit(engine, statement)
    with Session(engine) as session, pytest.raises(LogDivergedError, match=reason):
        log.seal(session, at=START)


def test_entries_changed_under_an_untouched_tile_are_not_signed(engine: Engine, log: Log) -> None:
    """A full tile keeps the old hashes, so that the tree alone looks whole."""
    fill(engine, log, 256)
    forged = an_event(100, actor="nobody").canonical()
    drop_guards(engine)
    with engine.begin() as connection:
        here = ENTRIES.c.idx == 100
        connection.execute(ENTRIES.update().where(here).values(leaf=forged, leaf_hash=leaf_hash(forged)))
    with Session(engine) as session:
        assert log.check_not_forked(session) is None
        with pytest.raises(LogDivergedError, match="entries do not give the head's root at size 256"):
            log.seal(session, at=START)


def test_missing_entry_stops_the_append_that_would_complete_its_tile(engine: Engine, log: Log) -> None:
    fill(engine, log, 255)
    edit(engine, "DELETE FROM audit_entry WHERE idx = 17")
    with pytest.raises(LogDivergedError, match="entries are missing before 256"):
        fill(engine, log, 1, start=255)


def test_missing_tile_stops_the_append_that_would_build_on_it(engine: Engine, log: Log) -> None:
    fill(engine, log, 511)
    edit(engine, "DELETE FROM audit_tile WHERE level = 1")
    with pytest.raises(LogDivergedError, match="tile 0 of level 1 does not hold 1 hashes"):
        fill(engine, log, 1, start=511)


def test_signed_entry_that_is_gone_cannot_be_proven(engine: Engine, log: Log) -> None:
    fill(engine, log, 3)
    seal(engine, log)
    edit(engine, "DELETE FROM audit_entry WHERE idx = 1")
    with Session(engine) as session, pytest.raises(LogDivergedError, match="entry 1 was signed but is not stored"):
        log.prove(session, 1)


def test_engine_that_does_not_lock_loses_the_race_without_losing_an_entry(tmp_path: Path, log: Log) -> None:
    """With the driver's default transactions both writers read the same head; the second must fail, not overwrite."""
    path = tmp_path / "assay.db"
    prepared = sqlite_engine(path)
    create_log_tables(prepared)
    careless = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.1})
    try:
        with Session(careless) as session:
            read_before = read_head(session)
            fill(prepared, log, 1)
            assert read_before.size == 0
            with pytest.raises(LogDivergedError, match="begin transactions IMMEDIATE"):
                advance_head(session, old_size=0, frontier=frontier_over(1))
    finally:
        careless.dispose()
        prepared.dispose()


def test_every_error_is_an_audit_error() -> None:
    assert all(issubclass(error, AuditError) for error in (EventError, CheckpointError, LogDivergedError))
