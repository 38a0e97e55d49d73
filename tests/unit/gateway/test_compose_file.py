"""`docker-compose.yml` is valid by the Compose specification and says what the documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from compose_spec import PyCompose

from gateway.cli import main
from gateway.settings import Settings

FILE = Path(__file__).parents[3] / "docker-compose.yml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def resolved(document: dict[str, Any]) -> str:
    """The file with its YAML anchors merged, as Compose reads it."""
    return yaml.safe_dump({name: value for name, value in document.items() if not name.startswith("x-")})


def test_the_file_follows_the_compose_specification(document: dict[str, Any]) -> None:
    compose = PyCompose.from_yaml(resolved(document))
    compose.validate()
    assert compose.service_names() == ["gateway", "postgres", "worker"]


@pytest.mark.parametrize(("word", "mistake"), [("depends_on:", "depnds_on:"), ("ports:", "port:")])
def test_the_parser_would_notice_a_mistake(document: dict[str, Any], word: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake.rstrip(":")):
        PyCompose.from_yaml(resolved(document).replace(word, mistake))


def test_gateway_and_worker_are_one_image_with_two_commands(document: dict[str, Any]) -> None:
    services = document["services"]
    assert set(services) == {"gateway", "worker", "postgres"}
    assert services["gateway"]["image"] == services["worker"]["image"]
    assert services["gateway"]["command"] != services["worker"]["command"]


@pytest.mark.parametrize("service", ["gateway", "worker"])
def test_every_command_is_understood_by_the_program(document: dict[str, Any], service: str) -> None:
    command = document["services"][service]["command"]
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0, result.output
    assert main.commands[command[0]].make_context(command[0], list(command[1:])).params is not None


def test_every_variable_is_a_setting(document: dict[str, Any]) -> None:
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    assert set(document["services"]["worker"]["environment"]) <= known


def test_the_database_is_not_reachable_from_outside(document: dict[str, Any]) -> None:
    assert "ports" not in document["services"]["postgres"]
    assert all(port.startswith("127.0.0.1:") for port in document["services"]["gateway"]["ports"])
