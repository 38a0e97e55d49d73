"""A manifest that says one word too many, too few, or in the wrong place is never signed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from synth.credentials import ClipMusic, SourceType, UploadFacts
from synth.errors import CredentialsError
from synth.manifest import NAMESPACE, build_manifest
from synth.vocabulary import OPTIONAL, OURS, STANDARD, check_vocabulary
from tests.credentials_samples import FACTS, digest

Manifest = dict[str, Any]
UPLOAD = f"{NAMESPACE}.upload"  # only in manifests of sound that was made elsewhere
LABELS = [*STANDARD, *(f"{NAMESPACE}.{name}" for name in OURS if name != "upload")]


def manifest() -> Manifest:
    """Return a manifest with every assertion that there is."""
    voices = tuple(replace(voice, consent_digest=digest("7")) for voice in FACTS.voices)
    music = (ClipMusic("tide", digest("8"), "CC-BY-4.0", "A. Composer"),)
    facts = replace(FACTS, voices=voices, music=music, detector_url="https://example.com/verify")
    return copy.deepcopy(build_manifest(facts))


def uploaded(source_type: SourceType = SourceType.TRAINED) -> Manifest:
    """Return the manifest of sound that was made elsewhere."""
    upload = UploadFacts("0" * 64, "audio/mpeg", source_type, words_screened=12, kept_marks=("audioseal",))
    return copy.deepcopy(build_manifest(replace(FACTS, voices=(), upload=upload)))


def find(document: Manifest, label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["assertions"] if one["label"] == label)
    return found


def check(document: Manifest) -> None:
    check_vocabulary(document, namespace=NAMESPACE)


def test_the_sample_uses_the_whole_vocabulary() -> None:
    document = manifest()
    check(document)
    assert {one["label"] for one in document["assertions"]} == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_misspelt_label_is_refused(label: str) -> None:
    document = manifest()
    find(document, label)["label"] = label + "s"
    with pytest.raises(CredentialsError, match="not in the vocabulary"):
        check(document)


@pytest.mark.parametrize("label", LABELS)
def test_unknown_field_of_an_assertion_is_refused(label: str) -> None:
    document = manifest()
    find(document, label)["data"]["prompt"] = "write me a script"
    with pytest.raises(CredentialsError, match="does not fit its schema") as caught:
        check(document)
    assert "write me" not in str(caught.value)


def fields() -> list[tuple[str, str]]:
    document = manifest()
    return [(label, name) for label in LABELS for name in find(document, label)["data"]]


@pytest.mark.parametrize(("label", "name"), fields())
def test_missing_field_of_an_assertion_is_refused(label: str, name: str) -> None:
    document = manifest()
    del find(document, label)["data"][name]
    if name == "detectorUrl":
        check(document)  # the only one that an installation may leave out
        return
    with pytest.raises(CredentialsError, match="does not fit its schema"):
        check(document)


@pytest.mark.parametrize(("label", "name"), fields())
def test_field_of_another_type_is_refused(label: str, name: str) -> None:
    document = manifest()
    data = find(document, label)["data"]
    data[name] = 7.5
    with pytest.raises(CredentialsError, match="does not fit its schema"):
        check(document)


@pytest.mark.parametrize("label", [label for label in LABELS if label.split(".")[-1] not in OPTIONAL])
def test_missing_assertion_is_refused(label: str) -> None:
    document = manifest()
    document["assertions"] = [one for one in document["assertions"] if one["label"] != label]
    with pytest.raises(CredentialsError):
        check(document)


@pytest.mark.parametrize("label", [label for label in LABELS if label != "c2pa.soft-binding"])
def test_assertion_that_occurs_twice_is_refused(label: str) -> None:
    document = manifest()
    document["assertions"].append(copy.deepcopy(find(document, label)))
    with pytest.raises(CredentialsError, match="twice"):
        check(document)


@pytest.mark.parametrize("label", LABELS)
def test_assertion_of_the_wrong_party_is_refused(label: str) -> None:
    document = manifest()
    assertion = find(document, label)
    if "created" in assertion:
        del assertion["created"]
    else:
        assertion["created"] = True
    with pytest.raises(CredentialsError, match="wrong party"):
        check(document)


def first_action(document: Manifest) -> dict[str, Any]:
    action: dict[str, Any] = find(document, "c2pa.actions.v2")["data"]["actions"][0]
    return action


def set_action(document: Manifest) -> None:
    find(document, "c2pa.actions.v2")["data"]["actions"][1]["action"] = "c2pa.watermarked"


def set_source(document: Manifest) -> None:
    first_action(document)["digitalSourceType"] = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def set_order(document: Manifest) -> None:
    find(document, "c2pa.actions.v2")["data"]["actions"].reverse()


def set_second_birth(document: Manifest) -> None:
    find(document, "c2pa.actions.v2")["data"]["actions"].append(first_action(document))


def set_incomplete(document: Manifest) -> None:
    find(document, "c2pa.actions.v2")["data"]["allActionsIncluded"] = False


def set_parameter(document: Manifest) -> None:
    first_action(document)["parameters"] = {"com.example.voices": first_action(document)["parameters"].popitem()[1]}


def set_time_without_zone(document: Manifest) -> None:
    first_action(document)["when"] = "2026-11-22T14:00:00"


def set_raw_binding(document: Manifest) -> None:
    find(document, "c2pa.soft-binding")["data"]["blocks"][0]["value"] = "no base64!"


def set_empty_binding(document: Manifest) -> None:
    find(document, "c2pa.soft-binding")["data"]["blocks"] = []


def set_blocked(document: Manifest) -> None:
    find(document, f"{NAMESPACE}.moderation")["data"]["verdict"] = "block"


def set_short_digest(document: Manifest) -> None:
    find(document, f"{NAMESPACE}.moderation")["data"]["policyDigest"] = "sha256:cc"


def set_negative_index(document: Manifest) -> None:
    find(document, f"{NAMESPACE}.audit-log")["data"]["entryIndex"] = -1


def set_allowed_training(document: Manifest) -> None:
    find(document, "cawg.training-mining")["data"]["entries"]["cawg.data_mining"]["use"] = "allowed"


def set_missing_use(document: Manifest) -> None:
    del find(document, "cawg.training-mining")["data"]["entries"]["cawg.data_mining"]


def set_two_part_version(document: Manifest) -> None:
    document["claim_generator_info"][0]["specVersion"] = "2.4"


def set_ingredient(document: Manifest) -> None:
    document["ingredients"] = [{"title": "script.md"}]


def set_unbound_mark(document: Manifest) -> None:
    first = find(document, "c2pa.soft-binding")
    document["assertions"].remove(first)
    document["assertions"].remove(find(document, "c2pa.soft-binding"))


MUTATIONS = [value for name, value in globals().items() if name.startswith("set_")]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_word_outside_the_vocabulary_is_refused(mutate: Callable[[Manifest], None]) -> None:
    document = manifest()
    mutate(document)
    with pytest.raises(CredentialsError):
        check(document)


@pytest.mark.parametrize("source_type", SourceType)
def test_upload_says_what_its_sender_declares_and_that_nobody_verified_it(source_type: SourceType) -> None:
    document = uploaded(source_type)
    check(document)
    opened = first_action(document)
    assert opened["action"] == "c2pa.opened"
    assert opened["digitalSourceType"].endswith(f"/{source_type.value}")
    said = find(document, UPLOAD)["data"]
    assert (said["declaredSourceType"], said["verified"], said["wordsScreened"]) == (source_type.value, False, 12)
    labels = {one["label"] for one in document["assertions"]}
    assert ("c2pa.ai-disclosure" in labels) is source_type.is_synthetic


def test_upload_that_claims_to_be_created_here_is_refused() -> None:
    document = uploaded()
    actions = find(document, "c2pa.actions.v2")["data"]["actions"]
    actions[0] = first_action(manifest())
    with pytest.raises(CredentialsError, match="opened"):
        check(document)


def test_sound_of_ours_that_claims_to_be_opened_is_refused() -> None:
    document = manifest()
    find(document, "c2pa.actions.v2")["data"]["actions"][0] = first_action(uploaded())
    with pytest.raises(CredentialsError, match="opened"):
        check(document)


@pytest.mark.parametrize("name", ["sha256", "mediaType", "declaredSourceType", "verified", "wordsScreened"])
def test_upload_that_leaves_something_out_is_refused(name: str) -> None:
    document = uploaded()
    del find(document, UPLOAD)["data"][name]
    with pytest.raises(CredentialsError, match="does not fit its schema"):
        check(document)


def test_upload_that_says_it_was_verified_is_refused() -> None:
    document = uploaded()
    find(document, UPLOAD)["data"]["verified"] = True
    with pytest.raises(CredentialsError, match="does not fit its schema"):
        check(document)
