"""`assay demo` as a new user runs it: real voices, models, marks, keys and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.terminal import Exit

ROOT = Path(__file__).parents[2]
ASSAY = str(Path(sys.executable).parent / "assay")
DEMO_SECONDS = 240  # what the README's reader is asked to wait at most, on two cores
SHARERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))  # test processes among which the cores are shared

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "var"


@pytest.fixture(scope="module")
def result(home: Path) -> dict[str, Any]:
    done = assay(home, "demo", "--json")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    environment["ASSAY_HOME"] = str(home)
    return subprocess.run(
        [ASSAY, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


def test_every_script_ends_where_the_readme_says(result: dict[str, Any]) -> None:
    assert {episode["script"]: episode["state"] for episode in result["episodes"]} == {
        "morning-briefing": "released",
        "audiobook-passage": "released",
        "refused-toxic": "blocked",
        "refused-misinformation": "blocked",
        "held-for-review": "awaiting_review",
    }
    assert result["seconds"] <= DEMO_SECONDS * SHARERS


def test_every_released_file_carries_both_marks(result: dict[str, Any]) -> None:
    clips = [clip for episode in result["episodes"] for clip in episode["clips"]]
    assert len(clips) == 6  # MP3 and WAV of the two released episodes and of the one that waits
    assert {tuple(layer for layer, _ in clip["marks"]) for clip in clips} == {("audioseal", "keyed")}


def test_every_copy_is_told_from_the_original(result: dict[str, Any]) -> None:
    said = [(Path(check["file"]).stem, check["conclusion"]) for check in result["checks"]]
    assert said == [
        ("morning-briefing", "genuine"),
        ("morning-briefing-copy", "recovered_copy"),
        ("morning-briefing-changed", "altered"),
        ("audiobook-passage", "genuine"),
        ("audiobook-passage-copy", "recovered_copy"),
        ("audiobook-passage-changed", "altered"),
        ("unrelated", "unknown"),
    ]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("audiobook-passage.wav", Exit.DONE),
        ("audiobook-passage-copy.mp3", Exit.COPY),
        ("audiobook-passage-changed.mp3", Exit.ALTERED),
        ("unrelated.mp3", Exit.UNKNOWN),
    ],
)
def test_verify_answers_scripts_by_its_exit_code(result: dict[str, Any], home: Path, file: str, code: Exit) -> None:
    done = assay(home, "verify", str(home / "demo" / file), "--json")
    assert done.returncode == code, done.stdout + done.stderr
    assert len(json.loads(done.stdout)["checks"]) == 7


def test_the_installation_is_sound_afterwards(result: dict[str, Any], home: Path) -> None:
    done = assay(home, "fsck", "--json")
    assert done.returncode == Exit.DONE, done.stdout
    assert json.loads(done.stdout)["releases"] == 2


def test_every_model_in_use_is_the_pinned_one(result: dict[str, Any], home: Path) -> None:
    done = assay(home, "models", "list", "--json")
    assert done.returncode == Exit.DONE, done.stdout
    rows = json.loads(done.stdout)["in_use"]
    assert {row["name"].split()[0] for row in rows} == {"voice", "watermark", "screening", "listening"}
    assert all(row["version"] and not row["problem"] for row in rows)


def test_a_home_without_its_watermark_key_makes_nothing(result: dict[str, Any], home: Path) -> None:
    key = home / "keys" / "watermark.key"
    hidden = key.rename(key.with_suffix(".hidden"))
    try:
        done = assay(home, "models", "list", "--json")
        assert done.returncode == Exit.FAILED
        problems = [row["problem"] for row in json.loads(done.stdout)["in_use"] if row["problem"]]
        assert len(problems) == 1
        assert "watermark.key is missing" in problems[0]
    finally:
        hidden.rename(key)
