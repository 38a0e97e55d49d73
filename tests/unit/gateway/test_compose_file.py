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
    assert compose.service_names() == ["bucket", "gateway", "grafana", "objects", "postgres", "prometheus", "worker"]


@pytest.mark.parametrize(("word", "mistake"), [("depends_on:", "depnds_on:"), ("ports:", "port:")])
def test_the_parser_would_notice_a_mistake(document: dict[str, Any], word: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake.rstrip(":")):
        PyCompose.from_yaml(resolved(document).replace(word, mistake))


def test_gateway_and_worker_are_one_image_with_two_commands(document: dict[str, Any]) -> None:
    services = document["services"]
    assert {name for name, one in services.items() if "profiles" not in one} == {"gateway", "worker", "postgres"}
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
    assert {name for name in document["services"]["worker"]["environment"] if not name.startswith("AWS_")} <= known


def test_the_database_is_not_reachable_from_outside(document: dict[str, Any]) -> None:
    services = document["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"gateway", "grafana"}
    for name in ("gateway", "grafana"):
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_every_profile_adds_what_it_says(document: dict[str, Any]) -> None:
    services = document["services"]
    added: dict[str, set[str]] = {}
    for name, service in services.items():
        for profile in service.get("profiles", []):
            added.setdefault(profile, set()).add(name)
    assert added == {"scale": {"objects", "bucket"}, "observability": {"prometheus", "grafana"}}
    assert all(":" in service["image"] and not service["image"].endswith(":latest") for service in services.values())


def test_every_file_that_a_service_mounts_is_there(document: dict[str, Any]) -> None:
    mounted = [volume for service in document["services"].values() for volume in service.get("volumes", [])]
    files = [volume.split(":")[0] for volume in mounted if volume.startswith("./")]
    assert len(files) == 4
    assert [name for name in files if not (FILE.parent / name).exists()] == []
    assert set(document["volumes"]) == {volume.split(":")[0] for volume in mounted if not volume.startswith("./")}
