"""What the documentation says is there, is there, and what is there is documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from audit.event import EventKind
from gateway import errors
from gateway.errors import PROBLEMS, GatewayError
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `ASSAY_{name.upper()}` \| (.*) \| (.*) \|$", page, re.MULTILINE)
        assert row, f"docs/settings.md lacks ASSAY_{name.upper()}"
        assert row.group(2) == field.description


def test_no_documented_setting_is_unknown() -> None:
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields} | {"ASSAY_TEST_POSTGRES_URL"}
    for path in DOCS:
        named = set(re.findall(r"ASSAY_[A-Z0-9_]*[A-Z0-9]", path.read_text()))
        assert named <= known, f"{path.name}: {named - known}"


def test_every_event_kind_is_documented() -> None:
    page = (ROOT / "docs" / "audit-log.md").read_text()
    assert [kind.value for kind in EventKind if f"`{kind.value}`" not in page] == []


def test_every_problem_is_documented() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    slugs = {problem.slug for _, problem in PROBLEMS}
    slugs |= {kind.slug for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GatewayError)}
    assert sorted(slug for slug in slugs if f"`{slug}`" not in page) == []


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named >= {"demo", "test"}
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_assay_command_of_the_docs_exists() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commands = set(re.findall(r"^  ([a-z]+) {2,}", result.stdout.split("Commands:")[1], re.MULTILINE))
    assert {"demo", "serve", "work", "make", "verify", "keygen", "models", "policy", "log", "fsck"} <= commands
    for path in DOCS:
        named = set(re.findall(r"`assay ([a-z]+)", path.read_text()))
        assert named <= commands, f"{path.name}: {named - commands}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", path.read_text())  # markup that is quoted is no link
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", prose):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
