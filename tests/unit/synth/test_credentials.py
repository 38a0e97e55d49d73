"""The manifest that we write, checked on its own and against the rules of the C2PA conformance program."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import datetime
from typing import Any

import pytest
from c2pa import Reader

from synth.credentials import ClipFacts, SoftBinding
from synth.errors import CredentialsError
from synth.manifest import build_manifest, parse_facts
from tests.credentials_samples import FACTS, chain, clip, digest, signer

Crjson = dict[str, Any]

DEPRECATED = {
    *("c2pa.actions", "c2pa.ingredient", "c2pa.ingredient.v2", "c2pa.asset-type", "c2pa.hash.bmff.v2", "c2pa.claim"),
    *("c2pa.training-mining",),
}
STANDARD = {"c2pa.hash.data", "c2pa.actions.v2", "c2pa.soft-binding", "c2pa.ai-disclosure"}


@pytest.fixture(scope="module", params=["audio/wav", "audio/mpeg"])
def crjson(request: pytest.FixtureRequest) -> Crjson:
    """The exchange form of a signed clip's active manifest, as conformance checks take it."""
    gate = signer(chain())
    signed, _ = gate.sign(clip(request.param), request.param, FACTS)
    with Reader(request.param, io.BytesIO(signed), None, gate.reader.context) as reader:
        document = json.loads(reader.crjson())
    active: Crjson = document["manifests"][0]
    return active


def actions(manifest: Crjson) -> list[dict[str, Any]]:
    return list(manifest["assertions"]["c2pa.actions.v2"]["actions"])


def test_spec_version_is_complete_and_only_in_the_generator_info(crjson: Crjson) -> None:
    info = crjson["claim.v2"]["claim_generator_info"]
    first = info[0] if isinstance(info, list) else info
    assert first["specVersion"] == "2.4.0"
    assert first["name"] == "Assay"
    assert "specVersion" not in crjson["claim.v2"]


def test_creation_is_the_first_action_of_the_first_created_actions_assertion(crjson: Crjson) -> None:
    created = [entry["url"] for entry in crjson["claim.v2"]["created_assertions"]]
    first_actions = next(url for url in created if "c2pa.actions" in url)
    assert first_actions.endswith("c2pa.actions.v2")
    assert actions(crjson)[0]["action"] == "c2pa.created"
    assert [action["action"] for action in actions(crjson)[1:]] == ["c2pa.watermarked.bound"] * 2


def test_all_actions_are_declared_included(crjson: Crjson) -> None:
    assert crjson["assertions"]["c2pa.actions.v2"]["allActionsIncluded"] is True


def test_created_action_says_trained_algorithmic_media(crjson: Crjson) -> None:
    assert actions(crjson)[0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert "softwareAgent" in actions(crjson)[0]


def test_action_parameters_of_our_own_carry_our_namespace(crjson: Crjson) -> None:
    parameters = {key for action in actions(crjson) for key in action.get("parameters", {})}
    assert parameters == {"org.assay-gateway.voices"}


def test_no_label_is_deprecated_unknown_or_without_namespace(crjson: Crjson) -> None:
    labels = {label.split("__")[0] for label in crjson["assertions"]}
    assert not labels & DEPRECATED
    assert not any(label.startswith("stds.") for label in labels)
    assert {label for label in labels if label.startswith("c2pa.")} == STANDARD
    assert all("." in label for label in labels)


def test_every_assertion_but_the_publishers_wish_is_attributed_to_the_signer(crjson: Crjson) -> None:
    created = {entry["url"].rsplit("/", 1)[-1] for entry in crjson["claim.v2"]["created_assertions"]}
    assert set(crjson["assertions"]) - created == {"cawg.training-mining"}


def test_active_manifest_has_a_c2pa_name_and_its_hash_no_address(crjson: Crjson) -> None:
    assert crjson["label"].startswith("urn:c2pa:")
    assert "url" not in crjson["assertions"]["c2pa.hash.data"]


def test_validation_finds_no_failure(crjson: Crjson) -> None:
    assert crjson["validationResults"].get("failure", []) == []
    assert crjson["validationResults"]["success"]


def test_every_mark_binds_the_whole_clip_and_the_fingerprint_its_stretch(crjson: Crjson) -> None:
    bindings = [data for label, data in crjson["assertions"].items() if label.startswith("c2pa.soft-binding")]
    assert sorted(binding["alg"] for binding in bindings) == [
        "org.assay-gateway.audioseal.2",
        "org.assay-gateway.fingerprint.2",
        "org.assay-gateway.keyed.2",
    ]
    spans = {binding["alg"].split(".")[-2]: binding["blocks"][0]["scope"]["timespan"] for binding in bindings}
    whole = {"start": 0, "end": 2000}
    assert spans == {"audioseal": whole, "keyed": whole, "fingerprint": {"start": 500, "end": 1500}}


def test_no_ingredient_is_claimed(crjson: Crjson) -> None:
    assert not any("ingredient" in label for label in crjson["assertions"])


def test_facts_come_back_as_they_were_written() -> None:
    facts = parse_facts(build_manifest(FACTS))
    assert facts.episode_id == FACTS.episode_id
    assert facts.show == FACTS.show
    assert facts.language == FACTS.language
    assert facts.plan_digest == FACTS.plan_digest
    assert facts.spoken_disclosure is True
    assert facts.log_origin == FACTS.log_origin
    for field in dataclasses.fields(FACTS.screening):
        assert getattr(facts, field.name) == getattr(FACTS.screening, field.name)
    sound = FACTS.fingerprint
    assert facts.soft_bindings == (
        *(SoftBinding(mark.algorithm, mark.value) for mark in FACTS.marks),
        SoftBinding(sound.algorithm, sound.excerpt),
    )
    assert facts.fingerprint_digest == sound.digest
    assert facts.consents == ()


def test_consent_of_real_people_is_named_by_its_digest_alone() -> None:
    voices = (FACTS.voices[0], dataclasses.replace(FACTS.voices[1], consent_digest=digest("7")))
    manifest = build_manifest(dataclasses.replace(FACTS, voices=voices))
    assert parse_facts(manifest).consents == (("hibari-adam", digest("7")),)
    (consent,) = [one["data"] for one in manifest["assertions"] if one["label"].endswith(".voice-consent")]
    assert consent == {"voices": [{"voiceId": "hibari-adam", "consentDigest": digest("7")}]}


def test_other_namespace_is_used_for_every_label_of_ours() -> None:
    manifest = build_manifest(FACTS, namespace="com.example.radio")
    assert "org.assay-gateway.episode" not in json.dumps(manifest)
    assert parse_facts(manifest, namespace="com.example.radio").episode_id == FACTS.episode_id
    assert parse_facts(manifest).episode_id is None


@pytest.mark.parametrize(
    "assertions",
    [
        [],
        [{"label": "org.assay-gateway.episode"}],
        [{"label": "org.assay-gateway.episode", "data": "text"}],
        [{"label": "org.assay-gateway.episode", "data": {"episodeId": 7, "spokenDisclosure": "yes"}}],
        [{"label": "c2pa.soft-binding", "data": {"alg": 1, "blocks": []}}],
        [
            {
                "label": "c2pa.soft-binding",
                "data": {"alg": "x.y", "blocks": ["a", {"value": 7}, {"value": "no base64!"}]},
            }
        ],
    ],
)
def test_odd_assertions_of_a_stranger_become_nothing(assertions: list[dict[str, Any]]) -> None:
    facts = parse_facts({"assertions": assertions})
    assert all(not value for value in dataclasses.asdict(facts).values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voices": ()}, "without voices"),
        ({"marks": ()}, "without marks"),
        ({"created_at": datetime(2026, 11, 22)}, "time zone"),  # noqa: DTZ001 - the missing zone is the point
    ],
)
def test_facts_that_make_no_honest_manifest_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CredentialsError, match=message):
        build_manifest(dataclasses.replace(FACTS, **change))


@pytest.mark.parametrize("namespace", ["", ".", "assay", ".assay."])
def test_namespace_that_is_no_reverse_domain_is_refused(namespace: str) -> None:
    with pytest.raises(CredentialsError, match="namespace"):
        build_manifest(FACTS, namespace=namespace)


def test_facts_have_no_field_for_the_script_or_a_person() -> None:
    names = {field.name for field in dataclasses.fields(ClipFacts)}
    assert not names & {"script", "text", "source", "author", "email", "person"}
