"""Fsck: a sound log is sound, and the first divergence is named exactly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_log import ORIGIN, START, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint, LogKey, sign_checkpoint
from audit.errors import LogDivergedError
from audit.fsck import FsckReport, Part, fsck
from audit.log import Log
from audit.merkle import EMPTY_ROOT, Frontier, leaf_hash
from audit.store import read_head

SEALED = (1, 100, 600)  # sizes at which the log under test was signed
ENTRIES = 620


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the log under test, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "assay.db"
    engine = sqlite_engine(path, synchronous="OFF")
    create_log_tables(engine)
    log = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x01" * 32))
    size = 0
    for sealed in SEALED:
        fill(engine, log, sealed - size, start=size)
        seal(engine, log)
        size = sealed
    fill(engine, log, ENTRIES - size, start=size)
    engine.dispose()
    return path


@pytest.fixture
def filled(filled_file: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(shutil.copy(filled_file, tmp_path / "filled.db"), synchronous="OFF")
    yield engine
    engine.dispose()


def check(engine: Engine, log: Log, **options: Any) -> FsckReport:
    with Session(engine) as session:
        return fsck(session, origin=ORIGIN, verifier=log.verifier, **options)


def edit(engine: Engine, *statements: str, **values: Any) -> None:
    drop_guards(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(text(statement), values)


def test_sound_log_is_sound(filled: Engine, log: Log) -> None:
    report = check(filled, log)
    assert report.divergence is None
    assert (report.size, report.entries, report.checkpoints, report.sealed) == (ENTRIES, ENTRIES, 3, 600)
    with Session(filled) as session:
        assert report.root == read_head(session).root()
    report.require_sound()


def test_empty_log_is_sound(engine: Engine, log: Log) -> None:
    assert check(engine, log) == FsckReport(0, 0, 0, 0, EMPTY_ROOT, None)
    seal(engine, log)
    assert check(engine, log).checkpoints == 1


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513])
def test_sizes_around_a_full_tile_are_sound(size: int, engine: Engine, log: Log) -> None:
    fill(engine, log, size)
    seal(engine, log)
    check(engine, log).require_sound()


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four hashes to a tile, so that a small log has several levels of tiles."""
    monkeypatch.setattr("audit.store.TILE_HEIGHT", 2)
    monkeypatch.setattr("audit.store.TILE_BYTES", 4 * 32)
    for module in ("store", "sequencer", "fsck"):
        monkeypatch.setattr(f"audit.{module}.TILE_HASHES", 4)


@pytest.mark.usefixtures("small_tiles")
def test_log_with_many_levels_of_tiles_is_sound_at_every_size(engine: Engine, log: Log) -> None:
    for size in range(1, 90):
        fill(engine, log, 1, start=size - 1)
        with Session(engine) as session, session.begin():
            assert log.seal(session, at=START).size == size
            log.prove(session, size // 2)
    check(engine, log).require_sound()


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(
    ("statement", "divergence"),
    [
        (
            "UPDATE audit_tile SET hashes = zeroblob(128) WHERE level = 1 AND idx = 3",
            "tile 48: hash 0 of tile 3 at level 1",
        ),
        ("UPDATE audit_tile SET hashes = zeroblob(32) WHERE level = 3", "tile 0: hash 0 of tile 0 at level 3"),
        ("DELETE FROM audit_tile WHERE level = 2 AND idx = 1", "tile 64: tile 1 of level 2 is missing"),
        ("INSERT INTO audit_tile VALUES (2, 2, zeroblob(32))", "tile 89: 1 tiles are stored without entries"),
    ],
)
def test_divergence_high_up_in_the_tree_is_named(statement: str, divergence: str, engine: Engine, log: Log) -> None:
    fill(engine, log, 89)
    edit(engine, statement)
    assert str(check(engine, log).divergence).startswith(divergence)


@pytest.mark.parametrize(
    ("statement", "part", "position", "reason"),
    [
        ("UPDATE audit_entry SET leaf = X'00' WHERE idx IN (17, 400)", Part.ENTRY, 17, "not the hash of"),
        ("UPDATE audit_entry SET leaf_hash = zeroblob(32) WHERE idx = 17", Part.ENTRY, 17, "not the hash of"),
        ("UPDATE audit_entry SET subject = 'episode-x' WHERE idx = 17", Part.ENTRY, 17, "kind, subject or time"),
        ("UPDATE audit_entry SET kind = 'key.created' WHERE idx = 17", Part.ENTRY, 17, "kind, subject or time"),
        ("UPDATE audit_entry SET at = '2020-01-01 00:00:00.000000' WHERE idx = 17", Part.ENTRY, 17, "subject or time"),
        ("DELETE FROM audit_entry WHERE idx = 0", Part.ENTRY, 0, "missing; the next one stored is 1"),
        ("DELETE FROM audit_entry WHERE idx = 17", Part.ENTRY, 17, "missing; the next one stored is 18"),
        ("DELETE FROM audit_entry WHERE idx >= 610", Part.ENTRY, 610, "missing; the head counts 620"),
        ("DELETE FROM audit_entry", Part.ENTRY, 0, "missing"),
        (
            "UPDATE audit_tile SET hashes = zeroblob(8192) WHERE level = 0 AND idx = 1",
            Part.TILE,
            256,
            "hash 0 of tile 1",
        ),
        ("DELETE FROM audit_tile WHERE level = 0 AND idx = 1", Part.TILE, 256, "tile 1 of level 0 is missing"),
        ("DELETE FROM audit_tile WHERE level = 1", Part.TILE, 0, "tile 0 of level 1 is missing"),
        ("UPDATE audit_tile SET hashes = hashes || hashes WHERE level = 1", Part.TILE, 620, "without entries"),
        ("UPDATE audit_tile SET hashes = substr(hashes, 1, 32) WHERE level = 1", Part.TILE, 256, "hash 1 of tile 0"),
        ("INSERT INTO audit_tile VALUES (0, 2, zeroblob(8192))", Part.TILE, 620, "1 tiles are stored without"),
        ("INSERT INTO audit_tile VALUES (3, 0, zeroblob(32))", Part.TILE, 620, "1 tiles are stored without"),
        ("UPDATE audit_entry SET at = 'noon' WHERE idx = 17", Part.ENTRY, 17, "never writes"),
        ("UPDATE audit_entry SET subject = CAST(X'ff' AS TEXT) WHERE idx = 17", Part.ENTRY, 17, "not UTF-8"),
        ("UPDATE audit_entry SET leaf = CAST(leaf AS TEXT) || '!' WHERE idx = 17", Part.ENTRY, 17, "not the hash"),
        ("UPDATE audit_checkpoint SET note = CAST(X'ff' AS TEXT) WHERE size = 1", Part.CHECKPOINT, 0, "not UTF-8"),
        ("UPDATE audit_entry SET idx = -1 WHERE idx = 0", Part.ENTRY, -1, "before the first"),
        ("DELETE FROM audit_head", Part.HEAD, 0, "no head row"),
        ("UPDATE audit_head SET root = zeroblob(32)", Part.HEAD, 0, "not the root of its frontier"),
        ("UPDATE audit_checkpoint SET root = zeroblob(32) WHERE size = 100", Part.CHECKPOINT, 100, "beside the note"),
        ("UPDATE audit_checkpoint SET size = 99 WHERE size = 100", Part.CHECKPOINT, 99, "beside the note"),
        ("UPDATE audit_checkpoint SET note = '' WHERE size = 100", Part.CHECKPOINT, 100, "no signatures"),
        ("UPDATE audit_checkpoint SET size = 9999 WHERE size = 600", Part.CHECKPOINT, 9999, "log ends at 620"),
        ("UPDATE audit_checkpoint SET size = -1 WHERE size = 1", Part.CHECKPOINT, -1, "beside the note"),
        (
            "INSERT INTO audit_entry SELECT 620, leaf, zeroblob(32), kind, subject, at FROM audit_entry WHERE idx = 0",
            Part.ENTRY,
            620,
            "beyond the head",
        ),
    ],
)
def test_first_divergence_is_named(
    statement: str, part: Part, position: int, reason: str, filled: Engine, log: Log
) -> None:
    edit(filled, statement)
    report = check(filled, log)
    assert report.divergence is not None
    assert (report.divergence.part, report.divergence.position) == (part, position)
    assert reason in report.divergence.reason
    with pytest.raises(LogDivergedError, match=f"{part} {position}"):
        report.require_sound()


def test_entry_rewritten_with_its_hash_is_named_by_its_tile(filled: Engine, log: Log) -> None:
    forged = an_event(300, actor="nobody").canonical()
    edit(
        filled,
        "UPDATE audit_entry SET leaf = :leaf, leaf_hash = :hash WHERE idx = 300",
        leaf=forged,
        hash=leaf_hash(forged),
    )
    assert str(check(filled, log).divergence).startswith("tile 300: hash 44 of tile 1 at level 0")


def test_head_of_another_history_is_named(filled: Engine, log: Log) -> None:
    other = Frontier()
    for number in range(ENTRIES):
        other = other.append(leaf_hash(b"other" + bytes([number % 256])))
    edit(filled, "UPDATE audit_head SET root = :root, frontier = :frontier", root=other.root(), frontier=other.encode())
    assert str(check(filled, log).divergence) == "head 620: the head is not the root over the entries"


def test_more_checkpoints_than_fit_on_a_page_are_all_checked(engine: Engine, log: Log) -> None:
    with Session(engine) as session, session.begin():
        for number in range(501):
            log.append(session, an_event(number))
            log.seal(session, at=START)
    assert check(engine, log).checkpoints == 501
    edit(engine, "UPDATE audit_checkpoint SET note = '' WHERE size = 501")
    assert str(check(engine, log).divergence).startswith("checkpoint 501: ")


def test_event_of_an_unknown_kind_is_named(filled: Engine, log: Log) -> None:
    strange = an_event(610).canonical().replace(b"submission.received", b"submission.invented")
    edit(
        filled,
        "UPDATE audit_entry SET leaf = :leaf, leaf_hash = :hash WHERE idx = 610",
        leaf=strange,
        hash=leaf_hash(strange),
    )
    assert str(check(filled, log).divergence).startswith("entry 610: the entry is not an event of a known kind")


def rewrite(engine: Engine, log: Log, index: int) -> Frontier:
    """Replace one entry and recompute everything that needs no key, as an owner of the database can."""
    frontier, replaced = Frontier(), {}
    for number in range(150):
        leaf = an_event(number, actor="nobody" if number == index else "system").canonical()
        replaced[number] = leaf
        frontier = frontier.append(leaf_hash(leaf))
    edit(
        engine,
        "UPDATE audit_entry SET leaf = :leaf, leaf_hash = :hash WHERE idx = :index",
        "UPDATE audit_head SET root = :root, frontier = :frontier",
        leaf=replaced[index],
        hash=leaf_hash(replaced[index]),
        index=index,
        root=frontier.root(),
        frontier=frontier.encode(),
    )
    return frontier


def test_history_rewritten_whole_contradicts_the_next_checkpoint(engine: Engine, log: Log) -> None:
    fill(engine, log, 40)
    seal(engine, log)
    fill(engine, log, 60, start=40)
    seal(engine, log)
    fill(engine, log, 50, start=100)
    rewrite(engine, log, 77)
    divergence = check(engine, log).divergence
    assert divergence is not None
    assert (divergence.part, divergence.position) == (Part.CHECKPOINT, 100)
    assert "the first change is among entries 40 to 99" in divergence.reason


def test_history_rewritten_with_its_checkpoints_contradicts_the_published_one(engine: Engine, log: Log) -> None:
    """Even the log's own key cannot take back what was shown to the world."""
    fill(engine, log, 150)
    with Session(engine) as session, session.begin():
        published = log.seal(session, at=START)
    rewrite(engine, log, 77)
    edit(engine, "DELETE FROM audit_checkpoint")
    seal(engine, log)
    check(engine, log).require_sound()
    divergence = check(engine, log, published=published).divergence
    assert divergence is not None
    assert "the published root is not that of the entries" in divergence.reason


def test_log_cut_back_with_its_checkpoints_is_behind_the_published_one(filled: Engine, log: Log, key: LogKey) -> None:
    later: Checkpoint = sign_checkpoint(origin=ORIGIN, size=700, root=leaf_hash(b""), key=key)
    assert str(check(filled, log, published=later).divergence) == (
        "checkpoint 700: it was published, but the log ends at 620 entries"
    )


def test_checkpoints_of_a_stranger_are_named(filled: Engine, log: Log) -> None:
    stranger = LogKey.generate().verifier(ORIGIN)
    with Session(filled) as session:
        report = fsck(session, origin=ORIGIN, verifier=stranger)
    assert str(report.divergence).startswith("checkpoint 1: the note has no signature by an expected key")
