"""The dashboard and the alert rules speak of numbers that there are, and the documentation describes each of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.db import migrate, open_database
from gateway.observation.metrics import Metrics
from gateway.observation.standing import Standing

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "docs" / "deploy" / "observability"
SUFFIXES = re.compile(r"_(bucket|sum|count|total)$")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every family that a process may show, without the suffixes of its samples."""
    url = f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'assay.db'}"
    migrate(url)
    database = open_database(url)
    metrics = Metrics(version="1")
    metrics.add(
        Standing(database=database, clock=lambda: datetime.now(UTC), lease=timedelta(seconds=30), witnesses=["witness"])
    )
    found = {family.name for family in metrics.registry.collect()} | {
        "assay_checkpoint_age_seconds"
    }  # once there is one
    database.dispose()
    return found


def expressions() -> list[str]:
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
    return [*shown, *(rule["expr"] for rule in rules)]


def test_dashboard_and_alerts_ask_for_numbers_that_there_are(names: set[str]) -> None:
    asked = {name for text in expressions() for name in re.findall(r"\b(?:assay|process)_[a-z_]+", text)}
    assert len(asked) > 20
    assert {name for name in asked if name not in names and SUFFIXES.sub("", name) not in names} == set()


def test_every_number_is_on_the_dashboard_or_in_an_alert(names: set[str]) -> None:
    text = " ".join(expressions())
    assert {name for name in names if name.startswith("assay_") and name not in text} == {
        "assay_build_info",
        "assay_log_entries",
    }


def test_every_number_is_documented_and_no_other(names: set[str]) -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    documented = {SUFFIXES.sub("", name) for name in re.findall(r"^\| `(assay_[a-z_]+)`", page, re.MULTILINE)}
    assert documented == {name for name in names if name.startswith("assay_")}


def test_panels_lie_side_by_side_and_have_numbers_of_their_own() -> None:
    panels: list[dict[str, Any]] = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not mine & cells, panel["title"]
        assert max(x for x, _ in mine) < 24
        cells |= mine


def test_every_alert_says_what_to_do() -> None:
    for rule in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
