"""The restore drill: an old backup, or no database at all, brought up to what was published; and every refusal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from audit_log import ORIGIN, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from log_files import audit, fetch_from, files_of, grow, latest, publication_of, publish
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey
from audit.errors import CheckpointError, LogDivergedError, PublicationError
from audit.fsck import fsck
from audit.log import Log
from audit.monitor import Fetch
from audit.rebuild import Examined, Rebuilt, examine, rebuild
from audit.store import read_head

OLD, SHOWN = 300, 1_100


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 1,100 published entries, `old.db` from when it had 300, and `empty.db`, which never had any."""
    home, log = tmp_path_factory.mktemp("scene"), the_log()
    engine = sqlite_engine(home / "assay.db", synchronous="OFF")
    create_log_tables(engine)
    grow(engine, log, OLD)
    publish(engine, log, home / "log")
    engine.dispose()
    shutil.copy(home / "assay.db", home / "old.db")
    for size in (400, SHOWN):
        grow(engine, log, size)
        publish(engine, log, home / "log")
    engine.dispose()
    empty = sqlite_engine(home / "empty.db", synchronous="OFF")
    create_log_tables(empty)
    empty.dispose()
    return home


def the_log() -> Log:
    return Log(origin=ORIGIN, key=LogKey.from_seed(b"\x01" * 32))


def restored(scene: Path, tmp_path: Path, name: str) -> Engine:
    shutil.copy(scene / name, tmp_path / "restored.db")
    return sqlite_engine(tmp_path / "restored.db", synchronous="OFF")


def examined(engine: Engine, fetch: Fetch) -> Examined:
    with Session(engine) as session:
        head = read_head(session)
    return examine(fetch, head=head, verifier=the_log().verifier)


def brought_up(engine: Engine, fetch: Fetch) -> Rebuilt:
    found = examined(engine, fetch)
    with Session(engine) as session, session.begin():
        return rebuild(session, fetch, found, verifier=the_log().verifier, at=an_event().at)


def rows(engine: Engine, table: str) -> list[object]:
    order = {"audit_tile": "level, idx", "audit_head": "id", "audit_entry": "idx"}[table]
    with engine.begin() as connection:
        return list(connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}")))


@pytest.mark.parametrize(("name", "had"), [("old.db", OLD), ("empty.db", 0)])
def test_drill(name: str, had: int, scene: Path, tmp_path: Path) -> None:
    """Backup, more releases, restore: refused; rebuilt: accepted, and the log goes on append-only."""
    log, folder = the_log(), tmp_path / "log"
    shutil.copytree(scene / "log", folder)
    engine = restored(scene, tmp_path, name)
    with Session(engine) as session, pytest.raises(LogDivergedError, match="was rolled back"):
        log.check_against_published(session, folder / "checkpoint")
    found = brought_up(engine, fetch_from(folder))
    assert found.restored == SHOWN - had
    assert {f"episode-{number}" for number in (had, SHOWN - 1)} <= found.subjects
    original = sqlite_engine(scene / "assay.db", synchronous="OFF")
    for table in ("audit_entry", "audit_tile", "audit_head"):
        assert rows(engine, table) == rows(original, table)
    original.dispose()
    with Session(engine) as session:
        log.check_not_forked(session)
        log.check_against_published(session, folder / "checkpoint")
        publication_of(log, folder).check_unshown(session)
    kept = latest(engine, log)
    assert kept.note == (folder / "checkpoint").read_text()
    grow(engine, log, SHOWN + 200)
    publish(engine, log, folder)
    assert audit(folder, log, kept).divergence is None
    with Session(engine) as session:
        assert fsck(session, origin=ORIGIN, verifier=log.verifier, published=latest(engine, log)).divergence is None
    engine.dispose()


def test_event_that_waited_in_the_backup_is_not_logged_twice(scene: Path, tmp_path: Path) -> None:
    engine, log = restored(scene, tmp_path, "old.db"), the_log()
    with Session(engine) as session, session.begin():
        log.record(session, an_event(OLD + 5), an_event(90_000))
    brought_up(engine, fetch_from(scene / "log"))
    with Session(engine) as session, session.begin():
        log.sequence(session)
        assert read_head(session).size == SHOWN + 1
        assert len(log.events_for(session, f"episode-{OLD + 5}")) == 1
        assert len(log.events_for(session, "episode-90000")) == 1
    engine.dispose()


def test_nothing_is_missing(scene: Path, tmp_path: Path) -> None:
    engine = restored(scene, tmp_path, "assay.db")
    assert brought_up(engine, fetch_from(scene / "log")).restored == 0
    fill(engine, the_log(), 5, start=5_000)
    assert brought_up(engine, fetch_from(scene / "log")).restored == 0
    engine.dispose()


def test_signatures_of_others_are_not_stored_as_the_logs_own(scene: Path, tmp_path: Path) -> None:
    shutil.copytree(scene / "log", tmp_path / "log")
    note = (tmp_path / "log/checkpoint").read_text()
    (tmp_path / "log/checkpoint").write_text(note + "— witness.example AAAAAAAA\n")
    engine = restored(scene, tmp_path, "empty.db")
    brought_up(engine, fetch_from(tmp_path / "log"))
    assert latest(engine, the_log()).note == note
    engine.dispose()


def test_database_that_went_on_after_the_restore_is_refused(scene: Path, tmp_path: Path) -> None:
    engine = restored(scene, tmp_path, "old.db")
    fill(engine, the_log(), 1, start=7_000)
    with pytest.raises(LogDivergedError, match="301 entries are not the first of the published ones"):
        examined(engine, fetch_from(scene / "log"))
    engine.dispose()


def test_database_that_moves_between_the_two_steps_is_refused(scene: Path, tmp_path: Path) -> None:
    engine, fetch = restored(scene, tmp_path, "old.db"), fetch_from(scene / "log")
    found = examined(engine, fetch)
    fill(engine, the_log(), 1, start=7_000)
    with Session(engine) as session, pytest.raises(LogDivergedError, match="grew while it was examined"):
        rebuild(session, fetch, found, verifier=the_log().verifier, at=an_event().at)
    engine.dispose()


@pytest.mark.parametrize("file", ["tile/entries/003", "tile/0/002", "tile/1/000.p/4", "tile/entries/004.p/76"])
def test_changed_or_missing_file_restores_nothing(file: str, scene: Path, tmp_path: Path) -> None:
    engine = restored(scene, tmp_path, "old.db")
    honest = fetch_from(scene / "log")

    def changed(name: str, max_bytes: int) -> bytes | None:
        content = honest(name, max_bytes)
        return content[:-1] + bytes([content[-1] ^ 1]) if name == file and content else content

    for fetch in (changed, lambda name, size: None if name == file else honest(name, size)):
        with pytest.raises(LogDivergedError, match="restore nothing"):
            examined(engine, fetch)
    engine.dispose()


def test_stranger_cannot_restore_anything(scene: Path, tmp_path: Path) -> None:
    stranger = Log(origin=ORIGIN, key=LogKey.generate())
    other = sqlite_engine(tmp_path / "other.db", synchronous="OFF")
    create_log_tables(other)
    grow(other, stranger, 2_000)
    publish(other, stranger, tmp_path / "log")
    other.dispose()
    engine = restored(scene, tmp_path, "empty.db")
    with pytest.raises(CheckpointError, match="no signature by an expected key"):
        examined(engine, fetch_from(tmp_path / "log"))
    with pytest.raises(PublicationError, match="nothing was published here"):
        examined(engine, fetch_from(tmp_path))
    engine.dispose()


@pytest.mark.parametrize("what", ["changed", "gone", "shorter"])
def test_files_that_change_between_the_two_steps_change_nothing(what: str, scene: Path, tmp_path: Path) -> None:
    """A server that shows one thing to the examination and another to the restoring."""
    engine, honest = restored(scene, tmp_path, "old.db"), fetch_from(scene / "log")
    found, before = examined(engine, honest), rows(engine, "audit_entry")

    def fetch(name: str, max_bytes: int) -> bytes | None:
        content = honest(name, max_bytes)
        if name != "tile/entries/003" or content is None:
            return content
        swapped = content.replace(b"episode-800", b"episode-80O")
        return {"changed": swapped, "gone": None, "shorter": content[:-1]}[what]

    with pytest.raises((LogDivergedError, PublicationError)), Session(engine) as session, session.begin():
        rebuild(session, fetch, found, verifier=the_log().verifier, at=an_event().at)
    assert rows(engine, "audit_entry") == before
    engine.dispose()


def test_damage_in_what_the_database_still_has_is_found_before_the_commit(scene: Path, tmp_path: Path) -> None:
    engine, fetch = restored(scene, tmp_path, "old.db"), fetch_from(scene / "log")
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET leaf = :leaf WHERE idx = 5"), {"leaf": b"{}"})
    with pytest.raises(LogDivergedError, match="diverges at entry 5"):
        brought_up(engine, fetch)
    assert len(rows(engine, "audit_entry")) == OLD
    engine.dispose()


def test_published_files_are_only_read(scene: Path, tmp_path: Path) -> None:
    before = files_of(scene / "log")
    engine = restored(scene, tmp_path, "empty.db")
    brought_up(engine, fetch_from(scene / "log"))
    seal(engine, the_log())
    assert files_of(scene / "log") == before
    engine.dispose()
