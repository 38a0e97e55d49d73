"""`kill -9` at every step of publishing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_death_at_any_step_leaves_true_files_and_the_next_try_completes(tmp_path: Path) -> None:
    here = Path(__file__)
    root = here.parents[3]
    finished = subprocess.run(
        [sys.executable, str(here.with_name("crash_program.py")), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert int(finished.stdout) > 50  # some thirty calls, before and after each
