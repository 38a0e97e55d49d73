"""`assay log`: find entries, follow them, prove them, and hand them to somebody who has nothing of ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.event import Event, EventKind
from audit.receipt import Receipt
from gateway.app import build_log, migrated_database
from gateway.cli import main
from gateway.cli.terminal import Exit
from gateway.settings import load_settings

ONE, TWO = "ep_" + "1" * 20, "ep_" + "2" * 20
START = datetime(2026, 11, 22, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run("keygen")
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def write(*, seal: bool = True, first: int = 0) -> None:
    """Log two events for each of two episodes, a minute apart."""
    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        for number, (subject, kind, actor) in enumerate(
            (episode, kind, actor)
            for episode, actor in ((ONE, "anna"), (TWO, "bert"))
            for kind in (EventKind.REVIEW_CLAIMED, EventKind.SUBMISSION_FAILED)
        ):
            role = {"role": "reviewer"}
            failed = {"reason": "worker-lost", "during": "received"}
            facts = role if kind is EventKind.REVIEW_CLAIMED else failed
            at = START + timedelta(minutes=first + number)
            log.append(session, Event(kind, at, subject, actor, facts))
        if seal:
            log.seal(session, at=START)


def tailed(*options: str) -> list[tuple[int, str, str]]:
    lines = [json.loads(line) for line in run("log", "tail", "--json", *options).stdout.splitlines()]
    return [(line["index"], line["event"]["subject"], line["event"]["kind"]) for line in lines]


def test_tail_finds_by_kind_subject_actor_and_time(home: Path) -> None:
    write()
    everything = [
        (0, ONE, "review.claimed"),
        (1, ONE, "submission.failed"),
        (2, TWO, "review.claimed"),
        (3, TWO, "submission.failed"),
    ]
    assert tailed() == everything
    assert tailed("--count", "2") == everything[2:]
    assert tailed("--kind", "review.claimed") == everything[::2]
    assert tailed("--kind", "review.claimed", "--count", "1") == [everything[2]]
    assert tailed("--subject", ONE) == everything[:2]
    assert tailed("--actor", "bert", "--count", "1") == [everything[3]]
    assert tailed("--since", "2026-11-22T00:01:00") == everything[1:]
    assert tailed("--since", "2027-01-01") == []
    assert ONE in run("log", "tail").stdout
    unknown = run("log", "tail", "--kind", "episode.invented")
    assert (unknown.exit_code, "episode.invented" in unknown.output) == (Exit.USAGE, True)


def test_tail_follows_what_comes_and_ends_when_interrupted(home: Path) -> None:
    write()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "log", "tail", "-f", "--json", "--subject", TWO, "-n", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["index"] == 3
        write(first=10)
        assert [json.loads(process.stdout.readline())["index"] for _ in range(2)] == [6, 7]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode not in (0, -signal.SIGKILL)


def test_show_takes_an_index_or_a_subject(home: Path) -> None:
    write()
    assert [one["index"] for one in json.loads(run("log", "show", TWO).stdout)] == [2, 3]
    (entry,) = json.loads(run("log", "show", "1").stdout)
    assert (entry["index"], entry["event"]["subject"]) == (1, ONE)
    for nothing in ("99", "ep_nobody", "٣"):
        assert run("log", "show", nothing).exit_code == Exit.FAILED


def test_prove_writes_every_proof_of_an_episode(home: Path, tmp_path: Path) -> None:
    write()
    write(seal=False, first=10)
    folder = tmp_path / "proofs"
    assert run("log", "prove", ONE, "--all", str(folder)).exit_code == Exit.DONE
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["0-review.claimed.tlog-proof", "1-submission.failed.tlog-proof"]
    for path in folder.iterdir():
        assert run("log", "verify", str(path)).exit_code == Exit.DONE
    assert Receipt.from_text(run("log", "prove", "2").stdout).index == 2
    assert Receipt.from_text(run("log", "prove", ONE).stdout).index == 1
    assert run("log", "prove", "5").exit_code == Exit.FAILED  # under no checkpoint yet
    assert run("log", "prove", ONE, "--all", "a", "--out", "b").exit_code == Exit.USAGE


def test_export_is_verified_by_the_command_and_a_changed_one_refused(home: Path, tmp_path: Path) -> None:
    write()
    write(seal=False, first=10)
    folder = tmp_path / "export"
    made = json.loads(run("log", "export", "--since", "2026-11-22T00:01:00", "-o", str(folder), "--json").stdout)
    assert (made["entries"], made["start"], made["unsealed"]) == (3, 1, 4)
    vkey = (home / "keys" / "log.vkey").read_text().strip()
    checked = json.loads(run("log", "verify-export", str(folder), "--vkey", vkey, "--json").stdout)
    assert (checked["entries"], checked["key_given"]) == (3, True)
    assert run("log", "verify-export", str(folder)).exit_code == Exit.DONE
    assert run("log", "export", "-o", str(folder)).exit_code == Exit.FAILED  # never over something else
    (folder / "README.md").write_text("Trust us.")
    assert run("log", "verify-export", str(folder)).exit_code == Exit.FAILED


def test_export_of_one_episode_holds_nothing_of_another(home: Path, tmp_path: Path) -> None:
    write()
    assert run("log", "export", "--subject", TWO, "-o", str(tmp_path / "export")).exit_code == Exit.DONE
    text = "".join(path.read_text() for path in (tmp_path / "export").iterdir())
    assert TWO in text
    assert ONE not in text
