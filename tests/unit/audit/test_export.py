"""Exports: a stranger can verify one, and whatever was changed in it is refused, by us and by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_log import ORIGIN, START, an_event, drop_guards, fill, seal
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from audit import export as exporting
from audit.checkpoint import LogKey
from audit.cosignature import cosign, witness_verifier
from audit.countersignatures import add_cosignature
from audit.errors import ExportError, LogDivergedError
from audit.export import export
from audit.export_check import MANIFEST, Exported, sha256_of, verify_export
from audit.log import Log
from audit.note import split_note
from audit.store import ENTRIES
from audit.tlog_policy import WitnessPolicy


def made(engine: Engine, log: Log, folder: Path, **options: Any) -> Exported:
    with Session(engine) as session:
        return export(session, log=log, folder=folder, at=START, **options)


def stranger(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in the export, isolated from our packages."""
    return subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )


def resign(folder: Path, **changes: object) -> None:
    """Make the manifest fit the files again, as whoever changes them would."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    path.write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 600])
def test_every_span_of_every_log_is_proven(engine: Engine, log: Log, tmp_path: Path, size: int) -> None:
    fill(engine, log, size)
    seal(engine, log)
    fill(engine, log, 3, start=size)  # under no checkpoint yet
    spans = {(0, size), (0, 1), (size - 1, size), (size // 2, size), (size // 3, size // 2), (size, size + 9)}
    for number, (start, end) in enumerate(sorted(spans)):
        folder = tmp_path / str(number)
        found = made(
            engine,
            log,
            folder,
            since=START + timedelta(seconds=start),
            until=START + timedelta(seconds=end),
        )
        expected = range(min(start, size), min(end, size))
        assert (found.entries, found.unsealed) == (len(expected), 3)
        assert verify_export(folder, verifier=log.verifier).entries == len(expected)
        lines = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
        assert [line["index"] for line in lines] == list(expected)
        assert [json.loads(line["entry"])["subject"] for line in lines] == [f"episode-{one}" for one in expected]


def test_stranger_verifies_a_range_and_a_subject_with_none_of_our_code(
    engine: Engine, log: Log, tmp_path: Path
) -> None:
    fill(engine, log, 700)
    with Session(engine) as session, session.begin():
        log.append_all(session, [an_event(one, subject="ep_one") for one in range(700, 705)])
    seal(engine, log)
    made(engine, log, tmp_path / "all")
    made(engine, log, tmp_path / "some", since=START + timedelta(seconds=100), until=START + timedelta(seconds=300))
    made(engine, log, tmp_path / "one", subject="ep_one")
    made(engine, log, tmp_path / "none", subject="nobody")
    for folder, entries in (("all", 705), ("some", 200), ("one", 5), ("none", 0)):
        answer = stranger(tmp_path / folder, log.verifier.vkey)
        assert (answer.returncode, answer.stdout[: answer.stdout.index(" ")]) == (0, str(entries)), answer.stderr
        assert verify_export(tmp_path / folder, verifier=log.verifier).entries == entries
    assert stranger(tmp_path / "all").returncode == 0  # with the key that lies in the folder


def change_a_word(folder: Path) -> None:
    path = folder / "events.ndjson"
    path.write_text(path.read_text().replace('\\"language\\":\\"en\\"', '\\"language\\":\\"de\\"', 1))


def drop_a_line(folder: Path) -> None:
    path = folder / "events.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[4:]))


def drop_the_last_line(folder: Path) -> None:
    path = folder / "events.ndjson"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def double_a_line(folder: Path) -> None:
    path = folder / "events.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], lines[3], *lines[4:]]))


def swap_lines(folder: Path) -> None:
    path = folder / "events.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[1], lines[0], *lines[2:]]))


def renumber(folder: Path) -> None:
    path = folder / "events.ndjson"
    path.write_text(path.read_text().replace('"index":', '"index":1', 1))


def change_a_hash(folder: Path) -> None:
    path = folder / "proof.json"
    proof = json.loads(path.read_text())
    side = "right" if proof["right"] else "left"
    proof[side][0] = proof[side][0].replace(proof[side][0][0], "A" if proof[side][0][0] != "A" else "B", 1)
    path.write_text(json.dumps(proof))


def change_the_size(folder: Path) -> None:
    path = folder / "checkpoint"
    lines = path.read_text().split("\n")
    lines[1] = str(int(lines[1]) + 1)
    path.write_text("\n".join(lines))


def sign_with_another_key(folder: Path) -> None:
    other = Log(origin=ORIGIN, key=LogKey.from_seed(b"\x02" * 32))
    (folder / "log.vkey").write_text(other.verifier.vkey + "\n")


CHANGES: list[Callable[[Path], None]] = [
    change_a_word,
    drop_a_line,
    drop_the_last_line,
    double_a_line,
    swap_lines,
    renumber,
    change_a_hash,
    change_the_size,
    sign_with_another_key,
]


# A subject's entries have no common proof, and their order in the file proves nothing.
CASES = [
    (change, kind)
    for change in CHANGES
    for kind in ("range", "subject")
    if kind == "range" or change not in (change_a_hash, swap_lines)
]


@pytest.mark.parametrize(("change", "kind"), CASES)
def test_changed_export_is_refused_by_us_and_by_the_stranger(
    engine: Engine, log: Log, tmp_path: Path, change: Callable[[Path], None], kind: str
) -> None:
    with Session(engine) as session, session.begin():
        log.append_all(session, [an_event(one, subject="ep_one") for one in range(20)])
    fill(engine, log, 30, start=20)
    seal(engine, log)
    folder = tmp_path / "export"
    if kind == "range":
        made(engine, log, folder, until=START + timedelta(seconds=20))
    else:
        made(engine, log, folder, subject="ep_one")
    before = verify_export(folder, verifier=log.verifier)
    change(folder)
    with pytest.raises(ExportError):  # the manifest knows the old files
        verify_export(folder)
    assert stranger(folder).returncode != 0
    resign(folder)
    if kind == "subject" and change is double_a_line:
        resign(folder, entries=before.entries + 1)
        with pytest.raises(ExportError, match="stands after"):
            verify_export(folder, verifier=log.verifier)
        return
    if kind == "subject" and change in (drop_a_line, drop_the_last_line):
        assert stranger(folder, log.verifier.vkey).returncode != 0  # the count; more it cannot show, and says so
        with pytest.raises(ExportError, match="manifest says"):
            verify_export(folder, verifier=log.verifier)
        return
    with pytest.raises(ExportError):
        verify_export(folder, verifier=log.verifier if change is not sign_with_another_key else None)
    answer = stranger(folder, *([log.verifier.vkey] if change is not sign_with_another_key else []))
    assert answer.returncode != 0
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", "[]"),
        ("manifest.json", "{"),
        ("manifest.json", '{"format":"assay-log-export/1","files":{"../../etc/passwd":"0"}}'),
        ("proof.json", "null"),
        ("proof.json", '{"kind":"range","start":-1,"end":0,"size":1,"left":[],"right":[]}'),
        ("proof.json", '{"kind":"range","start":1,"end":2,"size":1,"left":["AA=="],"right":[]}'),
        ("events.ndjson", "null\n"),
        ("events.ndjson", '{"index":0,"entry":7}\n'),
        ("events.ndjson", '{"index":0,"entry":"{}"}\n'),
        ("events.ndjson", "[" * 100_000 + "\n"),
        ("checkpoint", ""),
        ("log.vkey", "nonsense"),
    ],
)
def test_malformed_export_is_an_error_with_a_reason(
    engine: Engine, log: Log, tmp_path: Path, name: str, content: str
) -> None:
    fill(engine, log, 2)
    seal(engine, log)
    folder = tmp_path / "export"
    made(engine, log, folder)
    (folder / name).write_text(content)
    if name != "manifest.json":
        resign(folder)
    with pytest.raises(ExportError):
        verify_export(folder)


def test_missing_file_is_named(engine: Engine, log: Log, tmp_path: Path) -> None:
    fill(engine, log, 2)
    seal(engine, log)
    made(engine, log, tmp_path / "export")
    (tmp_path / "export" / "checkpoint").unlink()
    with pytest.raises(ExportError, match="checkpoint"):
        verify_export(tmp_path / "export")


def test_nothing_is_exported_without_a_checkpoint_or_over_other_files(engine: Engine, log: Log, tmp_path: Path) -> None:
    fill(engine, log, 2)
    with pytest.raises(ExportError, match="signed nothing"):
        made(engine, log, tmp_path / "export")
    seal(engine, log)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ExportError, match="not empty"):
        made(engine, log, tmp_path / "mine")


@pytest.mark.parametrize("subject", [None, "episode-5"])
def test_edited_log_is_not_exported(engine: Engine, log: Log, tmp_path: Path, subject: str | None) -> None:
    fill(engine, log, 9)
    seal(engine, log)
    drop_guards(engine)
    forged = an_event(5, actor="somebody").canonical()
    with engine.begin() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.idx == 5).values(leaf=forged))
    with pytest.raises(LogDivergedError):
        made(engine, log, tmp_path / "export", subject=subject)
    assert not (tmp_path / "export" / MANIFEST).exists()


def test_memory_does_not_grow_with_the_log(
    engine: Engine, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    monkeypatch.setattr(exporting, "REMEMBERED_NODES", 64)
    monkeypatch.setattr(exporting, "NODES_PER_READER", 64)
    peaks = []
    for number, size in ((0, 2_000), (1, 6_000)):
        with Session(engine) as session, session.begin():
            log.append_all(
                session, [an_event(one, subject="ep_one") for one in range(number * 2_000, 2_000 * 3**number)]
            )
        seal(engine, log)
        tracemalloc.start()
        assert made(engine, log, tmp_path / str(number), subject="ep_one").entries == size
        verify_export(tmp_path / str(number), verifier=log.verifier)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_clock_that_went_back_leaves_no_gap(engine: Engine, log: Log, tmp_path: Path) -> None:
    with Session(engine) as session, session.begin():
        log.append_all(session, [an_event(second) for second in (0, 10, 5, 20)])
    seal(engine, log)
    found = made(engine, log, tmp_path / "export", since=START + timedelta(seconds=6))
    assert (found.start, found.entries) == (1, 3)  # the entry at second 5 stands between two that were asked for


def test_export_carries_the_witnesses_cosignatures_and_a_policy_may_demand_them(
    engine: Engine, log: Log, tmp_path: Path
) -> None:
    key, name = LogKey.from_seed(b"\x05" * 32), "witness.example"
    vkey = witness_verifier(key, name).vkey
    policy = WitnessPolicy.parse(f"log {log.verifier.vkey}\nwitness w {vkey}\nquorum w\n".encode())
    fill(engine, log, 4)
    seal(engine, log)
    made(engine, log, tmp_path / "before")
    with Session(engine) as session, session.begin():
        checkpoint = log.latest_checkpoint(session)
        assert checkpoint is not None
        line = cosign(split_note(checkpoint.note)[0], name=name, key=key, at=1_700_000_000)
        add_cosignature(session, size=checkpoint.size, signature=line, at=START)
    made(engine, log, tmp_path / "after")
    assert name in (tmp_path / "after" / "checkpoint").read_text()
    assert verify_export(tmp_path / "after", verifier=log.verifier, policy=policy).entries == 4
    assert stranger(tmp_path / "after", log.verifier.vkey).returncode == 0
    with pytest.raises(ExportError, match="quorum"):
        verify_export(tmp_path / "before", verifier=log.verifier, policy=policy)
