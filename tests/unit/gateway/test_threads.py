"""How a command shares the processors: told to the libraries before they are loaded, unless the operator says else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gateway.cli.threads import HABITS, share_processors

ROOT = Path(__file__).parents[3]
COMMAND = """
import os, sys
from gateway.cli import main
assert not {"numpy", "torch"} & set(sys.modules), "loaded before anything was told to them"
main(["db", "--help"], standalone_mode=False)
import numpy
print(len(os.listdir("/proc/self/task")), os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"])
"""


def outcome_of_a_command(**set_by_operator: str) -> list[str]:
    """Return how many threads the process has once numpy is loaded, and what numpy and torch were told."""
    inherited = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name and name not in HABITS}
    environment = {**inherited, **set_by_operator}
    ran = subprocess.run(
        [sys.executable, "-c", COMMAND], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.splitlines()[-1].split()


def test_a_command_starts_no_threads_that_nobody_asked_for() -> None:
    assert outcome_of_a_command() == ["1", "1", "PASSIVE"]


def test_the_operator_s_word_stands() -> None:
    _, *habits = outcome_of_a_command(OPENBLAS_NUM_THREADS="3", OMP_WAIT_POLICY="ACTIVE")
    assert habits == ["3", "ACTIVE"]


def test_too_late_is_not_pretended() -> None:
    import numpy  # noqa: F401  # loaded, so that its habits are set

    environment: dict[str, str] = {}
    share_processors(environment)
    assert environment == {}
