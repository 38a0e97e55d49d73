"""Settings are frozen, complete, and refuse what is unsafe."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings import Settings, load_settings


def test_defaults_run_on_one_machine_without_any_variable() -> None:
    settings = load_settings()
    assert settings.is_sqlite
    assert settings.marks == ("audioseal", "keyed")


def test_jobs_and_application_never_share_a_sqlite_file(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert settings.jobs_url != settings.sqlalchemy_url


def test_settings_cannot_be_changed_after_start() -> None:
    with pytest.raises(ValidationError):
        Settings().home = Path("elsewhere")  # type: ignore[misc]


def test_a_mistyped_variable_stops_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_MARK", '["keyed"]')
    with pytest.raises(SettingsError, match="unknown variables ASSAY_MARK"):
        load_settings()


@pytest.mark.parametrize("marks", ["[]", '["keyed", "keyed"]', '["invented"]'])
def test_marks_that_mark_nothing_are_refused(monkeypatch: pytest.MonkeyPatch, marks: str) -> None:
    monkeypatch.setenv("ASSAY_MARKS", marks)
    with pytest.raises(SettingsError, match="marks"):
        load_settings()


def test_a_value_of_the_wrong_kind_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_MAX_SCRIPT_BYTES", "-1")
    with pytest.raises(SettingsError, match="ASSAY_MAX_SCRIPT_BYTES"):
        load_settings()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"public_url": "http://gate.example"}, "https"),
        ({"log_origin": "localhost/assay-log"}, "log_origin"),
        ({"disclosure": " "}, "disclosure"),
    ],
)
def test_production_refuses_what_development_allows(change: dict[str, str], reason: str) -> None:
    safe = {"environment": "production", "public_url": "https://gate.example", "log_origin": "gate.example/log"}
    assert load_settings(**safe).environment == "production"
    with pytest.raises(SettingsError, match=reason):
        load_settings(**(safe | change))
