"""The house keeps its shape: import contracts, module sizes, cheap imports, no forbidden names."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gateway", "policies", "synth", "audit")
MAX_LINES = 500  # a module longer than this holds more than one thing
EMPTY_NAMES = {"utils", "helpers", "common", "misc", "manager", "service"}
HEAVY = ("torch", "transformers", "c2pa", "onnxruntime", "audioseal", "detoxify", "hibari")


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_import_contracts_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:]


def test_no_module_is_longer_than_the_budget() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    assert len(lengths) > 30
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in modules() if path.stem in EMPTY_NAMES] == []


def test_only_the_four_packages_are_at_the_top() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "bench"} == set(PACKAGES)


def test_importing_the_application_loads_no_engine() -> None:
    code = f"import sys, gateway.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"]])
def test_help_answers_within_half_a_second(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gateway", *arguments]
    fastest = 60.0
    for _ in range(5):  # in time of the processor, because the machine may be busy: the program may not be slow
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        fastest = min(fastest, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert fastest < 0.5
