"""What an outsider finds in published files: everything that was changed, cut off, exchanged or rewritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from audit_log import ORIGIN, create_log_tables, fill, seal, sqlite_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import audit, fetch_from, files_of, grow, latest, publication_of, publish, reading
from sqlalchemy import Engine

from audit.checkpoint import LogKey, sign_checkpoint
from audit.errors import CheckpointError, PublicationError
from audit.log import Log
from audit.monitor import audit_files
from audit.tiles import edge_tiles

SIZE = 700
SEED = b"\x01" * 32


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a log of 700 entries, published at three sizes."""
    home = tmp_path_factory.mktemp("published")
    engine, log = sqlite_engine(home / "assay.db", synchronous="OFF"), the_log()
    create_log_tables(engine)
    for size in (300, 511, SIZE):
        grow(engine, log, size)
        publish(engine, log, home / "log")
    engine.dispose()
    return home / "log"


def the_log() -> Log:
    return Log(origin=ORIGIN, key=LogKey.from_seed(SEED))


def needed(folder: Path) -> list[str]:
    """The files that the newest checkpoint rests on."""
    fulls = [name for name in files_of(folder) if ".p/" not in name and not name.endswith("checkpoint")]
    return sorted([*fulls, *(name.path for name in edge_tiles(SIZE)), "checkpoint"])


def test_honest_files_are_as_signed(published: Path) -> None:
    found = audit(published, the_log())
    assert (found.divergence, found.entries, found.files) == (None, SIZE, len(needed(published)))


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_changed_byte_in_any_file_is_found(published: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(needed(published)))
    content = bytearray((published / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    honest = fetch_from(published)

    def fetch(asked: str, max_bytes: int) -> bytes | None:
        return bytes(content) if asked == name else honest(asked, max_bytes)

    try:
        found = audit_files(fetch, verifier=the_log().verifier)
    except CheckpointError:
        assert name == "checkpoint"
        return
    assert found.divergence is not None
    assert name == found.divergence.file or name.startswith("tile/entries")  # a wrong entry is seen beside its tile


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_file_cut_short_lengthened_or_missing_is_found(published: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(needed(published)))
    whole = (published / name).read_bytes()
    cut = st.integers(0, len(whole) - 1).map(lambda end: whole[:end])
    longer = st.binary(min_size=1, max_size=40).map(lambda more: whole + more)
    content = data.draw(st.one_of(st.none(), cut, longer))
    honest = fetch_from(published)

    def fetch(asked: str, max_bytes: int) -> bytes | None:
        return content if asked == name else honest(asked, max_bytes)

    try:
        found = audit_files(fetch, verifier=the_log().verifier)
    except (CheckpointError, PublicationError):
        assert name == "checkpoint"
        return
    assert found.divergence is not None
    assert found.divergence.file == name


def test_changed_entry_is_named_by_its_index(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "log")
    bundle = tmp_path / "log/tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"episode-300", b"episode-3OO"))
    divergence = audit(tmp_path / "log", the_log()).divergence
    assert divergence is not None
    assert (divergence.file, divergence.entry) == ("tile/0/001", 300)
    assert str(divergence) == "tile/0/001 (entry 300): hash 44 is not the hash of entry 300"


def test_entry_changed_together_with_all_its_tiles_is_found_by_the_root(tmp_path: Path) -> None:
    """Whoever owns the web server can make all files fit each other, but cannot sign."""
    log = the_log()
    for name, start in (("honest", 0), ("forged", 1)):
        engine = sqlite_engine(tmp_path / f"{name}.db", synchronous="OFF")
        create_log_tables(engine)
        fill(engine, log, 300, start=start)
        seal(engine, log)
        publish(engine, log, tmp_path / name)
        engine.dispose()
    shutil.copy(tmp_path / "honest/checkpoint", tmp_path / "forged/checkpoint")
    divergence = audit(tmp_path / "forged", log).divergence
    assert divergence is not None
    assert divergence.file == "checkpoint"
    assert "not that of the published entries" in divergence.reason


def test_history_rewritten_by_the_holder_of_the_key_is_found_by_whoever_kept_a_checkpoint(tmp_path: Path) -> None:
    log = the_log()
    kept = None
    for name, start, size in (("before", 0, 200), ("after", 1, 300)):
        engine = sqlite_engine(tmp_path / f"{name}.db", synchronous="OFF")
        create_log_tables(engine)
        fill(engine, log, size, start=start)
        seal(engine, log)
        kept = kept or latest(engine, log)
        publish(engine, log, tmp_path / name)
        engine.dispose()
    assert audit(tmp_path / "after", log).divergence is None  # by itself it is flawless
    divergence = audit(tmp_path / "after", log, kept).divergence
    assert divergence is not None
    assert "history was rewritten" in divergence.reason


def test_log_that_became_shorter_is_found(published: Path, tmp_path: Path, engine: Engine, log: Log) -> None:
    grow(engine, log, 300)
    publish(engine, log, tmp_path / "log")
    kept = audit(published, log).checkpoint
    divergence = audit(tmp_path / "log", log, kept).divergence
    assert divergence is not None
    assert "700 were shown before" in divergence.reason


def test_strangers_checkpoint_is_refused(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "log")
    root = audit(published, the_log()).checkpoint.root
    forged = sign_checkpoint(origin=ORIGIN, size=SIZE, root=root, key=LogKey.generate())
    (tmp_path / "log/checkpoint").write_text(forged.note)
    with pytest.raises(CheckpointError, match="no signature by an expected key"):
        audit(tmp_path / "log", the_log())
    (tmp_path / "log/checkpoint").write_bytes(b"\xff")
    with pytest.raises(CheckpointError):
        audit(tmp_path / "log", the_log())
    (tmp_path / "log/checkpoint").unlink()
    with pytest.raises(PublicationError, match="nothing was published here"):
        audit(tmp_path / "log", the_log())


def test_partial_files_that_were_tidied_away_are_read_from_the_full_ones(
    tmp_path: Path, engine: Engine, log: Log
) -> None:
    """A visitor holds the checkpoint of 300 while the log grows to 600 and the partial files go."""
    grow(engine, log, 300)
    old = publish(engine, log, tmp_path / "log")
    grow(engine, log, 600)
    publish(engine, log, tmp_path / "log")
    assert not (tmp_path / "log/tile/0/001.p").exists()
    honest = fetch_from(tmp_path / "log")

    def fetch(asked: str, max_bytes: int) -> bytes | None:
        return old.note.encode() if asked == "checkpoint" else honest(asked, max_bytes)

    found = audit_files(fetch, verifier=log.verifier)
    assert (found.divergence, found.entries) == (None, 300)


def test_log_without_entries_and_log_that_is_written_but_not_shown(tmp_path: Path, engine: Engine, log: Log) -> None:
    seal(engine, log)
    publish(engine, log, tmp_path / "log")
    assert audit(tmp_path / "log", log).entries == 0
    checkpoint = grow(engine, log, 300)
    publication_of(log, tmp_path / "log").write(reading(engine), checkpoint)
    found = audit(tmp_path / "log", log)
    assert (found.divergence, found.entries) == (None, 0)
