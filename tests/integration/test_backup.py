"""Backups: what comes back is what there was, on either database; what is wrong is refused before anything changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlmodel import SQLModel

from audit.errors import LogDivergedError
from gateway.backup.keybox import open_keys, seal_keys
from gateway.backup.manifest import NAME as MANIFEST
from gateway.backup.rows import tables
from gateway.cli import main
from gateway.db import open_database
from gateway.errors import BackupError
from gateway.keys import KeyFiles
from gateway.submissions import State
from tests.gateway_chain import ORIGIN, Chain, build_chain

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple"


@dataclass
class Site:
    """An installation, and its command line."""

    home: Path
    database_url: str
    published: Path
    monkeypatch: pytest.MonkeyPatch

    def assay(self, *arguments: object) -> Result:
        self.monkeypatch.setenv("ASSAY_HOME", str(self.home))
        self.monkeypatch.setenv("ASSAY_DATABASE_URL", self.database_url)
        self.monkeypatch.setenv("ASSAY_LOG_ORIGIN", ORIGIN)
        self.monkeypatch.setenv("ASSAY_PUBLISHED_LOG", str(self.published))
        return CliRunner().invoke(main, [str(one) for one in arguments])

    def chain(self) -> Chain:
        """The installation at work, with the key that its files hold."""
        from dataclasses import replace

        from audit.log import Log
        from gateway.logfiles import LogFiles
        from gateway.pipeline import Pipeline

        chain = build_chain(self.home, database_url=self.database_url, published_log=self.published)
        log = Log(origin=ORIGIN, key=KeyFiles(self.home / "keys").log_key())
        tools = replace(chain.tools, log=log, log_files=LogFiles(folder=self.published, log=log))
        return replace(chain, tools=tools, pipeline=Pipeline(toolchain=tools))

    def make(self, words: str = "Good morning.") -> str:
        chain = self.chain()
        episode_id = chain.submit(words)
        chain.run(episode_id)
        chain.database.dispose()
        return episode_id


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with two episodes, its published log, a passphrase, and a backup; tests work on copies."""
    folder = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as monkeypatch:
        site = Site(folder / "home", "", folder / "published", monkeypatch)
        assert site.assay("keygen").exit_code == 0
        site.make()
        site.make("please review")
        passphrase = folder / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text(f"{PASSPHRASE}\n")
        done = site.assay("backup", folder / "backup", "--keys", "--passphrase-file", passphrase)
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture
def passphrase(folder: Path) -> Path:
    return folder / "passphrase"


@pytest.fixture
def taken(folder: Path) -> Path:
    return folder / "backup"


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(folder / "home", "", folder / "published", monkeypatch)


@pytest.fixture
def target(site: Site, tmp_path: Path) -> Site:
    return Site(tmp_path / "restored", "", site.published, site.monkeypatch)


def rows_of(url: str) -> dict[str, list[Any]]:
    database = open_database(url)
    with database.read() as session:
        found = {
            table.name: [tuple(row) for row in session.execute(sa.select(table).order_by(*table.primary_key.columns))]
            for table in tables(session.connection())
        }
    database.dispose()
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def url_of(site: Site) -> str:
    return site.database_url or f"sqlite:///{site.home / 'assay.db'}"


@pytest.mark.parametrize("onto", ["sqlite", "postgres"])
def test_every_row_and_file_comes_back(
    onto: str, site: Site, target: Site, taken: Path, passphrase: Path, request: pytest.FixtureRequest
) -> None:
    if onto == "postgres":
        target.database_url = request.getfixturevalue("postgres_url")
    done = target.assay("restore", taken, "--passphrase-file", passphrase)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "sound"
    assert rows_of(url_of(target)) == rows_of(url_of(site))
    assert sum(map(len, rows_of(url_of(target)).values())) > 30
    for part in ("blobs/sha256", "keys"):
        before = {
            path.relative_to(site.home): path.read_bytes() for path in (site.home / part).rglob("*") if path.is_file()
        }
        after = {
            path.relative_to(target.home): path.read_bytes()
            for path in (target.home / part).rglob("*")
            if path.is_file()
        }
        assert before == after
        assert before
    assert (target.home / "keys" / "log.key").stat().st_mode & 0o077 == 0
    # And it goes on: the log grows, numbers continue, and the published files take what follows.
    chain = target.chain()
    episode_id = chain.submit()
    assert chain.run(episode_id) == State.RELEASED
    chain.database.dispose()
    assert target.assay("fsck").output.splitlines()[-1] == "sound"


def test_backup_of_postgres_comes_back_to_sqlite(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "home", postgres_url, tmp_path / "published", monkeypatch)
    assert site.assay("keygen").exit_code == 0
    site.make()
    assert site.assay("backup", tmp_path / "backup").exit_code == 0
    target = Site(tmp_path / "restored", "", site.published, monkeypatch)
    shutil.copytree(site.home / "keys", target.home / "keys")  # without --keys they travel by themselves
    done = target.assay("restore", tmp_path / "backup")
    assert done.exit_code == 0, done.output
    assert rows_of(url_of(target)) == rows_of(postgres_url)


def test_old_backup_is_held_against_the_published_log_until_it_is_rebuilt(
    site: Site, target: Site, taken: Path, passphrase: Path
) -> None:
    site.make()  # the world has seen this, and the backup has not
    done = target.assay("restore", taken, "--passphrase-file", passphrase)
    assert done.exit_code == 1
    assert "older than what was published" in done.output
    assert "assay log rebuild --from" in done.output
    assert target.assay("fsck").exit_code == 1
    chain = target.chain()
    with chain.database.read() as session, pytest.raises(LogDivergedError):  # so no process would start
        chain.tools.log_files.check(session)
    chain.database.dispose()
    rebuilt = target.assay("log", "rebuild", "--from", target.published)
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "entries restored" in rebuilt.output
    chain = target.chain()
    with chain.database.read() as session:
        chain.tools.log_files.check(session)
    chain.database.dispose()


def test_without_the_published_log_nobody_can_tell_and_somebody_must_say_so(
    target: Site, taken: Path, passphrase: Path, tmp_path: Path
) -> None:
    target.published = tmp_path / "lost"
    done = target.assay("restore", taken, "--passphrase-file", passphrase)
    assert (done.exit_code, target.home.exists()) == (1, False)
    assert "there is no published log" in done.output
    done = target.assay("restore", taken, "--passphrase-file", passphrase, "--published-log-lost")
    assert done.exit_code == 0, done.output


def test_any_changed_byte_is_found_before_anything_is_restored(
    site: Site, target: Site, taken: Path, passphrase: Path
) -> None:
    assert site.assay("restore", taken, "--check").exit_code == 0
    names = sorted(json.loads((taken / MANIFEST).read_text())["files"])
    assert {name.split("/")[0] for name in names} == {"blobs", "rows", "keys.box"}
    for name in [names[0], "rows/audit_entry.ndjson.gz", "keys.box"]:
        whole = (taken / name).read_bytes()
        for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
            (taken / name).write_bytes(damaged)
            done = target.assay("restore", taken, "--passphrase-file", passphrase)
            assert (done.exit_code, target.home.exists()) == (1, False)
            assert f"{name} of the backup is not what its manifest says" in done.output
        (taken / name).unlink()
        assert "cannot be read" in target.assay("restore", taken, "--check").output
        (taken / name).write_bytes(whole)


def test_folder_whose_manifest_was_never_written_is_no_backup(taken: Path, target: Site) -> None:
    (taken / MANIFEST).unlink()
    done = target.assay("restore", taken, "--check")
    assert done.exit_code == 1
    assert "never finished" in done.output
    (taken / MANIFEST).write_text('{"format": "assay-backup-9"}')
    assert "not the manifest of a backup" in target.assay("restore", taken, "--check").output


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "rows/../../outside"])
def test_manifest_that_names_files_elsewhere_is_not_followed(taken: Path, target: Site, name: str) -> None:
    manifest = json.loads((taken / MANIFEST).read_text())
    manifest["files"][name] = {"sha256": "0" * 64, "size": 1}
    (taken / MANIFEST).write_text(json.dumps(manifest))
    assert "not below its folder" in target.assay("restore", taken, "--check").output


def test_nothing_is_ever_written_over(site: Site, taken: Path, passphrase: Path, target: Site) -> None:
    before = rows_of(url_of(site))
    done = site.assay("restore", taken, "--passphrase-file", passphrase)
    assert done.exit_code == 1
    assert "has a database already" in done.output
    assert rows_of(url_of(site)) == before
    assert "is not empty" in site.assay("backup", taken).output
    (target.home / "keys").mkdir(parents=True)
    (target.home / "keys" / "log.key").write_text("another")
    assert "has keys already" in target.assay("restore", taken, "--passphrase-file", passphrase).output
    assert not (target.home / "assay.db").exists()


def test_backup_of_another_log_or_schema_is_refused(
    site: Site, target: Site, taken: Path, passphrase: Path, tmp_path: Path
) -> None:
    for key, value, said in [
        ("origin", "elsewhere/log", "is of the log"),
        ("migration", "0001", "is at migration 0001"),
    ]:
        copy = tmp_path / key
        shutil.copytree(taken, copy)
        manifest = json.loads((copy / MANIFEST).read_text())
        (copy / MANIFEST).write_text(json.dumps({**manifest, key: value}))
        target.home = tmp_path / f"home-{key}"
        done = target.assay("restore", copy, "--passphrase-file", passphrase)
        assert done.exit_code == 1
        assert said in done.output


def test_wrong_passphrase_opens_nothing_and_leaves_nothing(target: Site, taken: Path, tmp_path: Path) -> None:
    assert "name the file with their passphrase" in target.assay("restore", taken).output
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("another passphrase\n")
    done = target.assay("restore", taken, "--passphrase-file", wrong)
    assert done.exit_code == 1
    assert "does not open the keys" in done.output
    assert not (target.home / "keys").exists()


def test_keys_are_never_readable_in_a_backup(site: Site, taken: Path) -> None:
    secret = (site.home / "keys" / "watermark.key").read_bytes().strip()
    assert len(secret) > 16
    assert all(secret not in path.read_bytes() for path in taken.rglob("*") if path.is_file())
    assert taken.stat().st_mode & 0o077 == 0


def test_passphrase_must_be_long_and_private(site: Site, passphrase: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="choose a longer one"):
        seal_keys(site.home / "keys", "short")
    with pytest.raises(BackupError, match="none of ours"):
        open_keys(b"rubbish", PASSPHRASE, tmp_path / "keys")
    passphrase.chmod(0o644)
    done = site.assay("backup", tmp_path / "other", "--keys", "--passphrase-file", passphrase)
    assert done.exit_code == 1
    assert "others" in done.output
    assert site.assay("backup", tmp_path / "other", "--keys").exit_code == 2


def test_table_that_nobody_knows_stops_the_backup(site: Site, tmp_path: Path) -> None:
    database = open_database(url_of(site))
    with database.write() as session:
        session.execute(sa.text("CREATE TABLE from_the_future (id INTEGER PRIMARY KEY)"))
    database.dispose()
    done = site.assay("backup", tmp_path / "other")
    assert done.exit_code == 1
    assert "from_the_future" in done.output


def test_backup_goes_on_while_episodes_are_made(site: Site, tmp_path: Path, target: Site, passphrase: Path) -> None:
    import threading

    stop, made = threading.Event(), []

    def work() -> None:
        chain = site.chain()
        while not stop.is_set():
            episode_id = chain.submit()
            chain.run(episode_id)
            made.append(episode_id)
        chain.database.dispose()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while len(made) < 2:
            pass
        done = site.assay("backup", tmp_path / "online", "--keys", "--passphrase-file", passphrase)
    finally:
        stop.set()
        worker.join()
    assert done.exit_code == 0, done.output
    restored = target.assay("restore", tmp_path / "online", "--passphrase-file", passphrase)
    assert "restored" in restored.output  # behind what was published meanwhile, or not: both are possible
    rebuilt = target.assay("log", "rebuild", "--from", target.published)
    assert rebuilt.exit_code == 0, rebuilt.output


def test_process_that_only_takes_a_backup_knows_every_table(site: Site, tmp_path: Path) -> None:
    # The other tests run in a process that has imported everything already.
    environment = {**os.environ, "ASSAY_HOME": str(site.home), "ASSAY_LOG_ORIGIN": ORIGIN}
    environment["ASSAY_PUBLISHED_LOG"] = str(site.published)
    command = [sys.executable, "-m", "gateway", "backup", str(tmp_path / "alone")]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "alone" / MANIFEST).read_text())["rows"]
    assert kept == json.loads((site.home.parent / "backup" / MANIFEST).read_text())["rows"]


def test_every_table_of_the_models_is_kept(site: Site) -> None:
    kept = set(rows_of(url_of(site)))
    assert {name for name in SQLModel.metadata.tables if name not in kept} == {"executorlease"}
