"""Publishing as static files: what is there afterwards, growing step by step, and everything that can go wrong."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from audit_log import ORIGIN, an_event, create_log_tables, drop_guards, fill, seal, sqlite_engine
from log_files import audit, files_of, grow, latest, publication_of, publish, reading
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from audit.checkpoint import LogKey, sign_checkpoint
from audit.errors import CheckpointError, LogDivergedError, PublicationError
from audit.log import Log
from audit.merkle import leaf_hash
from audit.tiles import decode_bundle, edge_tiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published" / "log"


def test_published_files_are_exactly_those_of_the_format(tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 600)
    checkpoint = publish(engine, log, tmp_path / "log")
    files = files_of(tmp_path / "log")
    assert set(files) == {
        "checkpoint",
        *(f"tile/{level}/{name}" for level in ("entries", "0") for name in ("000", "001", "002.p/88")),
        "tile/1/000.p/2",
    }
    assert files["checkpoint"].decode() == checkpoint.note
    entries = decode_bundle(files["tile/entries/002.p/88"], 88)
    assert entries[0] == an_event(512).canonical()
    assert files["tile/0/002.p/88"] == b"".join(map(leaf_hash, entries))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "log").rglob("*") if path.is_file()} == {0o644}


def test_every_published_size_has_its_partial_files_until_the_tile_is_full(
    folder: Path, engine: Engine, log: Log
) -> None:
    shown = []
    for size in (1, 2, 200, 255, 256, 257, 300, 512, 513):
        grow(engine, log, size)
        shown.append(publish(engine, log, folder))
        names = {name.path for name in edge_tiles(size)}
        assert names <= set(files_of(folder))
        found = audit(folder, log, shown[-1])
        assert (found.divergence, found.entries) == (None, size)
    partial = {name for name in files_of(folder) if ".p/" in name}
    assert partial == {"tile/entries/002.p/1", "tile/0/002.p/1", "tile/1/000.p/1", "tile/1/000.p/2"}
    for checkpoint in shown:  # whoever kept an old one sees the same history
        assert audit(folder, log, checkpoint).divergence is None


def test_publishing_again_changes_nothing_and_reads_only_what_is_new(
    folder: Path, engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(engine, log, 700)
    publish(engine, log, folder)
    before = files_of(folder)
    publish(engine, log, folder)
    assert files_of(folder) == before
    asked: list[int] = []
    from audit import publication as module

    original = module.read_leaves
    monkeypatch.setattr(
        module,
        "read_leaves",
        lambda session, *, start, end: asked.append(start) or original(session, start=start, end=end),
    )
    grow(engine, log, 800)
    publish(engine, log, folder)
    assert set(asked) == {512, 768}


def test_log_that_existed_before_is_caught_up_in_one_go(folder: Path, engine: Engine, log: Log) -> None:
    for size in (10, 300, 1_000):
        grow(engine, log, size)
    seen: list[tuple[int, int]] = []
    publication = publication_of(log, folder)
    checkpoint = latest(engine, log)
    publication.show(
        publication.write(reading(engine), checkpoint, progress=lambda done, size: seen.append((done, size)))
    )
    assert seen == [(256, 1_000), (512, 1_000), (768, 1_000), (1_000, 1_000)]
    assert audit(folder, log).divergence is None


def test_checkpoint_is_shown_only_after_everything_under_it_was_flushed(
    folder: Path, engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(engine, log, 300)
    order: list[str] = []
    links, renames, flush = os.link, os.rename, os.fsync

    def flushed(descriptor: int) -> None:
        flush(descriptor)
        where = Path(f"/proc/self/fd/{descriptor}").readlink()
        order.append(f"flush {where.relative_to(folder)}" if where.is_dir() else "flush file")

    monkeypatch.setattr("audit.files.os.fsync", flushed)
    monkeypatch.setattr("audit.files.os.link", lambda *a, **k: order.append(f"link {a[1]}") or links(*a, **k))
    monkeypatch.setattr("audit.files.os.rename", lambda *a, **k: order.append(f"rename {a[1]}") or renames(*a, **k))
    publish(engine, log, folder)
    assert order.count("rename checkpoint") == 1
    shown = order.index("rename checkpoint")
    assert [step for step in order[shown + 1 :] if step != "flush ."] == []
    assert order[-1] == "flush ."
    for number, step in enumerate(order[:shown]):
        if step.startswith("link"):
            assert order[number - 1] == "flush file"  # no name before the bytes are safe
    last_link = max(number for number, step in enumerate(order) if step.startswith("link"))
    folders = {"tile/entries", "tile/entries/001.p", "tile/0", "tile/0/001.p", "tile/1/000.p", "tile/1", "tile", "."}
    assert {f"flush {folder}" for folder in folders} <= set(order[last_link:shown])


def test_changed_entry_in_the_database_publishes_nothing(folder: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 300)
    publish(engine, log, folder)
    before = files_of(folder)
    checkpoint = grow(engine, log, 600)
    drop_guards(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET leaf = :leaf WHERE idx = 400"), {"leaf": b"{}"})
    publication = publication_of(log, folder)
    with pytest.raises(LogDivergedError, match="first 600 entries are not those that were signed"):
        publication.write(reading(engine), checkpoint)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry WHERE idx = 400"))
    with pytest.raises(LogDivergedError, match="entries are missing after 511"):
        publication.write(reading(engine), checkpoint)
    assert files_of(folder) == before


def test_database_that_forked_below_what_was_shown_publishes_nothing(tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 300)
    publish(engine, log, tmp_path / "log")
    before = files_of(tmp_path / "log")
    other = sqlite_engine(tmp_path / "other.db", synchronous="OFF")
    create_log_tables(other)
    fill(other, log, 400, start=7)
    seal(other, log)
    with pytest.raises(LogDivergedError, match="first 300 entries are not those that were published"):
        publish(other, log, tmp_path / "log")
    assert files_of(tmp_path / "log") == before
    other.dispose()


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/000", "tile/entries/001.p/44", "tile/1/000.p/1"])
@pytest.mark.parametrize("content", [b"", b"other"])
def test_name_that_is_taken_by_other_bytes_stops_publication(
    name: str, content: bytes, folder: Path, engine: Engine, log: Log
) -> None:
    grow(engine, log, 300)
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(content)
    with pytest.raises(LogDivergedError, match=f"{name} holds other bytes"):
        publish(engine, log, folder)
    assert (folder / name).read_bytes() == content
    assert not (folder / "checkpoint").exists()


def test_missing_edge_is_made_again_and_a_damaged_one_is_named(folder: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 600)
    publish(engine, log, folder)
    edge = folder / "tile/1/000.p/2"
    edge.unlink()
    (folder / "tile/0/000").unlink()
    grow(engine, log, 800)
    publish(engine, log, folder)
    assert audit(folder, log).divergence is None
    (folder / "tile/1/000.p/3").write_bytes(bytes(96))
    grow(engine, log, 900)
    # The damaged edge cannot lead to the new root, so everything is compared.
    with pytest.raises(LogDivergedError, match=r"tile/1/000\.p/3 holds other bytes"):
        publish(engine, log, folder)


def test_going_over_everything_again_fills_gaps_and_names_what_was_changed(
    folder: Path, engine: Engine, log: Log
) -> None:
    grow(engine, log, 600)
    checkpoint = publish(engine, log, folder)
    before = files_of(folder)
    (folder / "tile/entries/000").unlink()
    publication = publication_of(log, folder)
    publication.show(publication.write(reading(engine), checkpoint, again=True))
    assert files_of(folder) == before
    (folder / "tile/entries/001").write_bytes(b"changed")
    with pytest.raises(LogDivergedError, match="tile/entries/001 holds other bytes"):
        publication.write(reading(engine), checkpoint, again=True)


def test_cosigned_note_is_shown_only_for_the_checkpoint_that_was_written(
    folder: Path, engine: Engine, log: Log, key: LogKey
) -> None:
    grow(engine, log, 3)
    publication = publication_of(log, folder)
    checkpoint = latest(engine, log)
    written = publication.write(reading(engine), checkpoint)
    other = sign_checkpoint(origin=ORIGIN, size=4, root=leaf_hash(b""), key=key)
    with pytest.raises(CheckpointError, match="of another checkpoint"):
        publication.show(written, note=other.note)
    cosigned = checkpoint.note + "— witness.example AAAAAAAA\n"
    publication.show(written, note=cosigned)
    assert (folder / "checkpoint").read_text() == cosigned
    publication.show(written)
    assert (folder / "checkpoint").read_text() == cosigned


@pytest.mark.parametrize("where", ["tile", "tile/entries", "tile/0", "tile/entries/000.p", ".staging"])
def test_planted_link_is_never_followed(where: str, tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 3)
    folder, elsewhere = tmp_path / "log", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / where).parent.mkdir(parents=True)
    (folder / where).symlink_to(elsewhere)
    with pytest.raises(PublicationError, match="a link or a file where a folder"):
        publish(engine, log, folder)
    assert list(elsewhere.iterdir()) == []
    assert not (folder / "checkpoint").exists()


@pytest.mark.parametrize("name", ["tile/entries/000.p/3", "tile/0/000.p/3", "checkpoint"])
def test_link_in_place_of_a_file_is_refused(name: str, tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 3)
    target = tmp_path / "secret"
    target.write_text("secret")
    (tmp_path / "log" / name).parent.mkdir(parents=True)
    (tmp_path / "log" / name).symlink_to(target)
    with pytest.raises((PublicationError, CheckpointError), match="a link"):
        publish(engine, log, tmp_path / "log")
    assert target.read_text() == "secret"


def test_pipe_in_place_of_a_file_does_not_hang(folder: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 3)
    (folder / "tile/entries/000.p").mkdir(parents=True)
    os.mkfifo(folder / "tile/entries/000.p/3")
    with pytest.raises(PublicationError, match="not a plain file"):
        publish(engine, log, folder)


def test_stray_files_of_a_crash_are_swept(folder: Path, engine: Engine, log: Log) -> None:
    (folder / ".staging").mkdir(parents=True)
    (folder / ".staging/0123").write_bytes(b"half a ti")
    grow(engine, log, 3)
    publish(engine, log, folder)
    assert list((folder / ".staging").iterdir()) == []
    assert audit(folder, log).divergence is None


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize(
    ("call", "number"),
    [
        *((call, number) for call in ("fsync", "link") for number in (0, 1, 3)),
        ("rename", 0),
        ("mkdir", 1),
        ("mkdir", 9),
    ],
)
def test_fault_of_the_disk_is_named_and_the_next_try_completes(
    call: str, number: int, persisted: bool, folder: Path, engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(engine, log, 300)
    publish(engine, log, folder)
    old = (folder / "checkpoint").read_bytes()
    grow(engine, log, 900)
    original, calls = getattr(os, call), 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls - 1 != number:
            return original(*arguments, **named)
        if persisted:
            with suppress(FileExistsError):
                original(*arguments, **named)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(f"audit.files.os.{call}", failing)
        with pytest.raises(PublicationError, match="No space left"):
            publish(engine, log, folder)
    if call != "rename" or not persisted:
        assert (folder / "checkpoint").read_bytes() == old
    assert audit(folder, log).divergence is None  # whatever stands is whole and true
    publish(engine, log, folder)
    found = audit(folder, log)
    assert (found.divergence, found.entries) == (None, 900)


def test_disk_that_fills_half_way_through_a_tile_leaves_no_half_tile(
    folder: Path, engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    grow(engine, log, 300)
    room = 20_000

    def short(self: io.FileIO, content: memoryview) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(room, len(content), 1_000)
        room -= taken
        return os.write(self.fileno(), content[:taken])

    original = os.fdopen

    class Filling(io.FileIO):
        write = short  # type: ignore[assignment]

    def fdopen(descriptor: int, mode: str, **named: object) -> object:
        return Filling(descriptor, mode) if "w" in mode else original(descriptor, mode)

    with monkeypatch.context() as broken:
        broken.setattr("audit.files.os.fdopen", fdopen)
        with pytest.raises(PublicationError, match="No space left"):
            publish(engine, log, folder)
    assert room == 0
    assert files_of(folder) == {}
    publish(engine, log, folder)
    assert audit(folder, log).divergence is None


def test_several_publishers_at_once_end_with_the_whole_log(folder: Path, engine: Engine, log: Log) -> None:
    failures: list[BaseException] = []
    grow(engine, log, 100)
    stop = threading.Event()

    def worker() -> None:
        try:
            while not stop.is_set():
                publish(engine, log, folder)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for size in range(150, 700, 50):
        grow(engine, log, size)
    stop.set()
    for thread in threads:
        thread.join()
    publish(engine, log, folder)
    assert failures == []
    found = audit(folder, log)
    assert (found.divergence, found.entries) == (None, 650)


def test_read_only_folder_is_named(folder: Path, engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(engine, log, 3)
    original = os.open

    def read_only(path: str, flags: int, *arguments: int, **named: int | None) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY):
            raise OSError(errno.EROFS, "Read-only file system")
        return original(path, flags, *arguments, **named)

    monkeypatch.setattr("audit.files.os.open", read_only)
    with pytest.raises(PublicationError, match="Read-only file system"):
        publish(engine, log, folder)


def test_database_behind_files_that_nobody_was_shown_yet_is_found(tmp_path: Path, engine: Engine, log: Log) -> None:
    """The process died between writing the files and replacing the checkpoint; then an old backup came back."""
    folder = tmp_path / "log"
    grow(engine, log, 300)
    publish(engine, log, folder)
    with Session(engine) as session:
        publication_of(log, folder).check_unshown(session)
    engine.dispose()
    shutil.copy(tmp_path / "assay.db", tmp_path / "old.db")
    checkpoint = grow(engine, log, 700)
    publication_of(log, folder).write(reading(engine), checkpoint)
    with Session(engine) as session:
        publication_of(log, folder).check_unshown(session)
    restored = sqlite_engine(tmp_path / "old.db", synchronous="OFF")
    with Session(restored) as session:
        log.check_against_published(session, folder / "checkpoint")  # the checkpoint alone does not tell
        with pytest.raises(LogDivergedError, match="entries up to 511, but the database has none or another at 300"):
            publication_of(log, folder).check_unshown(session)
    fill(restored, log, 900, start=5_000)
    with Session(restored) as session, pytest.raises(LogDivergedError, match="another at 300"):
        publication_of(log, folder).check_unshown(session)
    restored.dispose()


@pytest.mark.parametrize("name", ["tile/entries/001.p/44", "tile/0/001.p/44"])
def test_damaged_file_at_the_edge_is_named_at_start(name: str, tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 300)
    publish(engine, log, tmp_path / "log")
    path = tmp_path / "log" / name
    path.write_bytes(path.read_bytes()[:-1])
    with Session(engine) as session, pytest.raises(LogDivergedError, match=f"{name} was damaged"):
        publication_of(log, tmp_path / "log").check_unshown(session)
    content = bytearray(path.read_bytes() + b"\x00")
    content[-1] ^= 1
    path.write_bytes(content)
    with Session(engine) as session, pytest.raises(LogDivergedError, match=r"different entries|another at 299"):
        publication_of(log, tmp_path / "log").check_unshown(session)
