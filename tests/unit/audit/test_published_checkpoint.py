"""The checkpoint file, and the rollback that only it can show."""

from __future__ import annotations

import errno
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from audit_log import ORIGIN, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint, LogKey, sign_checkpoint
from audit.errors import CheckpointError, LogDivergedError, PublicationError
from audit.log import Log, write_checkpoint_file
from audit.merkle import leaf_hash


def sealed(engine: Engine, log: Log) -> Checkpoint:
    seal(engine, log)
    with Session(engine) as session:
        checkpoint = log.latest_checkpoint(session)
    assert checkpoint is not None
    return checkpoint


def test_nothing_published_is_nothing_to_compare(tmp_path: Path, engine: Engine, log: Log) -> None:
    with Session(engine) as session:
        assert log.check_against_published(session, tmp_path / "checkpoint") is None


def test_published_checkpoint_is_the_note_and_the_log_begins_with_it(tmp_path: Path, engine: Engine, log: Log) -> None:
    path = tmp_path / "checkpoint"
    fill(engine, log, 5)
    first = sealed(engine, log)
    write_checkpoint_file(path, first)
    assert path.read_text() == first.note
    assert path.stat().st_mode & 0o777 == 0o644
    fill(engine, log, 5, start=5)
    second = sealed(engine, log)
    with Session(engine) as session:
        assert log.check_against_published(session, path) == first
    write_checkpoint_file(path, second)
    with Session(engine) as session:
        assert log.check_against_published(session, path) == second
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("checkpoint")] == ["checkpoint"]


def test_database_restored_from_an_old_copy_is_found(tmp_path: Path, log: Log) -> None:
    old, now, path = tmp_path / "old.db", tmp_path / "now.db", tmp_path / "checkpoint"
    engine = sqlite_engine(now)
    create_log_tables(engine)
    fill(engine, log, 3)
    seal(engine, log)
    engine.dispose()
    shutil.copy(now, old)
    engine = sqlite_engine(now)
    fill(engine, log, 3, start=3)
    write_checkpoint_file(path, sealed(engine, log))
    engine.dispose()

    restored = sqlite_engine(old)
    with Session(restored) as session:
        assert log.check_not_forked(session) is not None  # by itself the old copy is flawless
        with pytest.raises(LogDivergedError, match=r"size 6 was published, but the newest stored is one of size 3"):
            log.check_against_published(session, path)
    # A log that went on writing after the restore is a fork, even when it is longer than what was published.
    fill(restored, log, 9, start=100)
    seal(restored, log)
    with Session(restored) as session, pytest.raises(LogDivergedError, match="first 6 entries are not those"):
        log.check_against_published(session, path)
    restored.dispose()


def test_new_database_behind_an_old_file_is_found(tmp_path: Path, engine: Engine, log: Log, key: LogKey) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint_file(path, sign_checkpoint(origin=ORIGIN, size=4, root=leaf_hash(b""), key=key))
    with Session(engine) as session, pytest.raises(LogDivergedError, match="the newest stored is none"):
        log.check_against_published(session, path)


def test_lost_checkpoint_rows_are_found(tmp_path: Path, engine: Engine, log: Log) -> None:
    path = tmp_path / "checkpoint"
    fill(engine, log, 3)
    write_checkpoint_file(path, sealed(engine, log))
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_checkpoint"))
    with Session(engine) as session, pytest.raises(LogDivergedError, match="newest stored is none"):
        log.check_against_published(session, path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"hello\n", b"x" * 2_000_000])
def test_damaged_file_is_refused(content: bytes, tmp_path: Path, engine: Engine, log: Log) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(content)
    with Session(engine) as session, pytest.raises(CheckpointError):
        log.check_against_published(session, path)


def test_file_signed_by_a_stranger_is_refused(tmp_path: Path, engine: Engine, log: Log) -> None:
    path = tmp_path / "checkpoint"
    stranger = sign_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(an_event().canonical()), key=LogKey.generate())
    write_checkpoint_file(path, stranger)
    with Session(engine) as session, pytest.raises(CheckpointError, match="no signature by an expected key"):
        log.check_against_published(session, path)


def test_file_that_cannot_be_written_leaves_the_old_one_whole(tmp_path: Path, key: LogKey) -> None:
    checkpoint = sign_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b""), key=key)
    (tmp_path / "file").touch()
    with pytest.raises(PublicationError, match="cannot write"):
        write_checkpoint_file(tmp_path / "file" / "checkpoint", checkpoint)
    occupied = tmp_path / "checkpoint"
    occupied.mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        write_checkpoint_file(occupied, checkpoint)
    assert sorted(tmp_path.iterdir()) == [occupied, tmp_path / "file"]


def test_full_disk_leaves_the_old_checkpoint_and_no_litter(
    tmp_path: Path, key: LogKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    old = sign_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b""), key=key)
    write_checkpoint_file(path, old)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("audit.files.os.fsync", full)
    with pytest.raises(PublicationError, match="No space left"):
        write_checkpoint_file(path, sign_checkpoint(origin=ORIGIN, size=2, root=leaf_hash(b""), key=key))
    assert path.read_text() == old.note
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_more_signatures_replace_fewer_and_never_the_other_way(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "checkpoint"
    alone = sign_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b""), key=key)
    witnessed = replace(alone, note=alone.note + "— witness.example AAAAAAAA\n")
    other = replace(alone, note=alone.note + "— other.example AAAAAAAA\n")
    for checkpoint in (alone, witnessed, alone, other):
        write_checkpoint_file(path, checkpoint)
    assert path.read_text() == witnessed.note


def test_later_checkpoint_is_never_replaced_by_an_earlier_one(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "checkpoint"
    later = sign_checkpoint(origin=ORIGIN, size=12, root=leaf_hash(b"12"), key=key)
    for checkpoint in (later, sign_checkpoint(origin=ORIGIN, size=9, root=leaf_hash(b"9"), key=key), later):
        write_checkpoint_file(path, checkpoint)
        assert path.read_text() == later.note


def test_checkpoints_written_at_the_same_time_end_with_the_latest(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "checkpoint"
    checkpoints = [sign_checkpoint(origin=ORIGIN, size=size, root=leaf_hash(b""), key=key) for size in range(1, 17)]
    threads = [threading.Thread(target=write_checkpoint_file, args=(path, one)) for one in reversed(checkpoints)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == checkpoints[-1].note


def test_file_that_is_not_an_earlier_checkpoint_of_this_log_is_left_alone(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "checkpoint"
    checkpoint = sign_checkpoint(origin=ORIGIN, size=5, root=leaf_hash(b"5"), key=key)
    other_log = sign_checkpoint(origin="other.example", size=1, root=leaf_hash(b""), key=key).note
    fork = sign_checkpoint(origin=ORIGIN, size=5, root=leaf_hash(b"fork"), key=key).note
    for content, error, reason in (
        (other_log, CheckpointError, "is not a checkpoint of"),
        ("mine\n", CheckpointError, "is not a checkpoint of"),
        (f"{ORIGIN}\n05\nroot\n", CheckpointError, "shortest form"),
        (fork, LogDivergedError, "has forked"),
    ):
        path.write_text(content)
        with pytest.raises(error, match=reason):
            write_checkpoint_file(path, checkpoint)
        assert path.read_text() == content
