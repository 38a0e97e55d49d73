"""The Kubernetes manifests are valid by its own schemas, and say what the program and the documentation say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.cli import main
from gateway.cli.work import DRAIN_SECONDS
from gateway.settings import Settings

FOLDER = Path(__file__).parents[3] / "docs" / "deploy" / "kubernetes"
VERSIONS = ("1.34", "1.37")  # the oldest that is still supported, and the newest that the schemas know


def documents() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        found += [(path.name, document) for document in yaml.safe_load_all(path.read_text())]
    return [(name, document) for name, document in found if document["kind"] != "Kustomization"]


def pods() -> dict[str, dict[str, Any]]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for _, document in documents()
        if document["kind"] in ("Deployment", "Job")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_follows_the_schema(version: str) -> None:
    assert len(documents()) == 9
    for name, document in documents():
        kubernetes_validate.validate(document, version, strict=True), name


def test_the_schema_would_notice_a_mistake() -> None:
    _, broken = next((name, document) for name, document in documents() if document["kind"] == "Deployment")
    broken["spec"]["template"]["spec"]["containers"][0]["envForm"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="envForm"):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_kustomization_names_every_file() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


@pytest.mark.parametrize("name", ["assay-gateway", "assay-worker", "assay-keygen"])
def test_every_command_is_understood_by_the_program(name: str) -> None:
    (container,) = pods()[name]["containers"]
    command, *arguments = container["args"]
    assert main.commands[command].make_context(command, arguments).params is not None


def test_every_setting_exists_and_production_accepts_them() -> None:
    (settings,) = (document["data"] for _, document in documents() if document["kind"] == "ConfigMap")
    ours = {name.removeprefix("ASSAY_").lower(): value for name, value in settings.items() if name.startswith("ASSAY_")}
    assert set(ours) <= set(Settings.model_fields)
    accepted = Settings(**ours)
    assert accepted.environment.value == "production"
    assert not any(word in name for name in settings for word in ("SECRET", "TOKEN", "PASSWORD", "DATABASE_URL"))


@pytest.mark.parametrize("name", ["assay-gateway", "assay-worker", "assay-keygen"])
def test_every_pod_is_confined(name: str) -> None:
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_probes_ask_ports_that_are_there_and_a_worker_may_finish() -> None:
    for name in ("assay-gateway", "assay-worker"):
        (container,) = pods()[name]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        asked = {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")}
        assert asked <= set(ports)
        assert ports["metrics"] == 9464
    assert pods()["assay-worker"]["terminationGracePeriodSeconds"] > DRAIN_SECONDS
