"""The C2PA manifest of a clip: written, checked and parsed in one place (pure, no I/O).

Standard: C2PA Technical Specification 2.4, and the asset rubric of its Conformance Program 0.2. The signing library
checks neither labels nor action names nor source types, so `check_vocabulary` does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import Any

from synth.credentials import ClaimedFacts, ClipFacts, SoftBinding
from synth.errors import CredentialsError
from synth.vocabulary import (
    DISCLOSURE,
    MODEL_TYPE,
    PARENT,
    SOURCE_TYPE,
    SOURCE_TYPES,
    SPEC_VERSION,
    TRAINING_USES,
    check_vocabulary,
)
from synth.watermark import Payload

GENERATOR = "Assay"
NAMESPACE = "org.assay-gateway"  # reverse domain under which our own labels live


@dataclass(frozen=True, slots=True)
class SoftBindingAlgorithm:
    """How a watermark layer is named in manifests, and how many bits of `Payload.code` its value shows."""

    name: str  # reverse domain of whoever defines the payload, layer, generation
    bits: int  # a multiple of 8, at most 64

    def value(self, payload: Payload) -> bytes:
        """Return what the mark of `payload` says, big-endian."""
        return payload.message(self.bits).to_bytes(self.bits // 8, "big")


SOFT_BINDINGS: Mapping[str, SoftBindingAlgorithm] = MappingProxyType(
    {
        "keyed": SoftBindingAlgorithm(f"{NAMESPACE}.keyed.2", 64),
        "audioseal": SoftBindingAlgorithm(f"{NAMESPACE}.audioseal.2", 16),
    }
)
"""Algorithm names by watermark layer; an operator with a domain of its own passes its own table."""

FINGERPRINT_ALGORITHM = f"{NAMESPACE}.fingerprint.2"
"""Name of the fingerprint layer: `synth/fingerprint.py`, version 2."""


def build_manifest(facts: ClipFacts, *, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the manifest definition for `facts` in the JSON form that C2PA builders take.

    Raises `CredentialsError` for facts that make no honest manifest: no voice, no mark, a naive time.
    """
    if (not facts.voices and facts.upload is None) or not facts.marks:
        raise CredentialsError("a clip without voices or without marks has nothing to claim; produce it again")
    if facts.created_at.tzinfo is None:
        raise CredentialsError("the time of creation has no time zone; pass an aware datetime")
    sound = facts.fingerprint
    manifest = {
        "vendor": "assay",
        "title": facts.title,
        "claim_generator_info": [{"name": GENERATOR, "version": facts.software_version, "specVersion": SPEC_VERSION}],
        "assertions": [
            _actions(facts, namespace),
            *(_soft_binding(mark.algorithm, mark.value, 0.0, facts.duration) for mark in facts.marks),
            _soft_binding(sound.algorithm, sound.excerpt, sound.start, sound.end),
            *_disclosure(facts),
            # A wish of the publisher, not something that the gateway observed: gathered, not created.
            {
                "label": "cawg.training-mining",
                "data": {"entries": {use: {"use": "notAllowed"} for use in TRAINING_USES}},
            },
            _created(f"{namespace}.episode", _episode(facts)),
            _created(f"{namespace}.moderation", _moderation(facts)),
            _created(f"{namespace}.audit-log", _audit_log(facts)),
            *_consents(facts, namespace),
            *_upload(facts, namespace),
            *_music(facts, namespace),
        ],
    }
    check_vocabulary(manifest, namespace=namespace)
    return manifest


def parse_facts(manifest: Mapping[str, Any], *, namespace: str = NAMESPACE) -> ClaimedFacts:
    """Return our assertions out of a manifest as a C2PA reader reports it; what is missing or odd becomes None."""
    found: dict[str, Mapping[str, Any]] = {}
    bindings: list[SoftBinding] = []
    for assertion in manifest.get("assertions", ()):
        # A label may be followed by "__<n>" when an assertion occurs more than once (section 6.4).
        label, data = str(assertion.get("label", "")).split("__")[0], assertion.get("data")
        if not isinstance(data, Mapping):
            continue
        if label == "c2pa.soft-binding":
            bindings.extend(_parse_soft_binding(data))
        else:
            found.setdefault(label, data)
    episode = found.get(f"{namespace}.episode", {})
    moderation = found.get(f"{namespace}.moderation", {})
    log = found.get(f"{namespace}.audit-log", {})
    disclosure = episode.get("spokenDisclosure")
    return ClaimedFacts(
        episode_id=_text(episode, "episodeId"),
        show=_text(episode, "show"),
        language=_text(episode, "language"),
        plan_digest=_text(episode, "planDigest"),
        verdict=_text(moderation, "verdict"),
        decision_id=_text(moderation, "decisionId"),
        policy_id=_text(moderation, "policyId"),
        policy_version=_text(moderation, "policyVersion"),
        policy_digest=_text(moderation, "policyDigest"),
        script_digest=_text(moderation, "scriptDigest"),
        log_origin=_text(log, "origin"),
        entry_index=_number(log, "entryIndex"),
        leaf_hash=_text(log, "leafHash"),
        fingerprint_digest=_text(episode, "fingerprintDigest"),
        consents=_parse_consents(found.get(f"{namespace}.voice-consent", {})),
        spoken_disclosure=disclosure if isinstance(disclosure, bool) else None,
        soft_bindings=tuple(bindings),
    )


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    """An assertion that the signer stands for; without `created` it would count as gathered from elsewhere."""
    return {"label": label, "created": True, "data": data}


def _actions(facts: ClipFacts, namespace: str) -> dict[str, Any]:
    agent = {"name": GENERATOR, "version": facts.software_version}
    opened = {
        "action": "c2pa.opened",
        "when": facts.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "softwareAgent": agent,
        "parameters": {"ingredientIds": [PARENT]},
    }
    if facts.upload is not None:
        opened["digitalSourceType"] = f"{SOURCE_TYPES}{facts.upload.source_type.value}"
    created = {
        "action": "c2pa.created",
        "when": facts.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": agent,
        "parameters": {f"{namespace}.voices": [{"id": voice.id, "version": voice.version} for voice in facts.voices]},
    }
    marked = [
        {"action": "c2pa.watermarked.bound", "softwareAgent": {"name": mark.layer, "version": mark.version}}
        for mark in facts.marks
    ]
    birth = created if facts.upload is None else opened
    return _created("c2pa.actions.v2", {"allActionsIncluded": True, "actions": [birth, *marked]})


def _soft_binding(algorithm: str, value: bytes, start: float, end: float) -> dict[str, Any]:
    """Bind a stretch of the clip; `start` and `end` in seconds, milliseconds in the manifest."""
    timespan = {"start": round(start * 1000), "end": round(end * 1000)}
    block = {"scope": {"timespan": timespan}, "value": base64.b64encode(value).decode()}
    return _created("c2pa.soft-binding", {"alg": algorithm, "blocks": [block]})


def _parse_soft_binding(data: Mapping[str, Any]) -> list[SoftBinding]:
    algorithm, blocks = data.get("alg"), data.get("blocks")
    if not isinstance(algorithm, str) or not isinstance(blocks, list):
        return []
    bindings = []
    for block in blocks:
        value = block.get("value") if isinstance(block, Mapping) else None
        if isinstance(value, str):
            try:
                bindings.append(SoftBinding(algorithm, base64.b64decode(value, validate=True)))
            except binascii.Error:
                continue  # safe to ignore because a value that is not base64 is none of ours
    return bindings


def _episode(facts: ClipFacts) -> dict[str, Any]:
    detector = {"detectorUrl": facts.detector_url} if facts.detector_url else {}
    return {
        "episodeId": facts.episode_id,
        "show": facts.show,
        "language": facts.language,
        "planDigest": facts.plan_digest,
        "fingerprintDigest": facts.fingerprint.digest,
        "spokenDisclosure": facts.spoken_disclosure,
        **detector,
    }


def _moderation(facts: ClipFacts) -> dict[str, Any]:
    return {
        "verdict": facts.screening.verdict,
        "decisionId": facts.screening.decision_id,
        "policyId": facts.screening.policy_id,
        "policyVersion": facts.screening.policy_version,
        "policyDigest": facts.screening.policy_digest,
        "scriptDigest": facts.screening.script_digest,
    }


def _audit_log(facts: ClipFacts) -> dict[str, Any]:
    return {
        "origin": facts.log_origin,
        "subject": facts.episode_id,
        "entryIndex": facts.screening.entry_index,
        "leafHash": facts.screening.leaf_hash,
    }


def _consents(facts: ClipFacts, namespace: str) -> list[dict[str, Any]]:
    """The assertion about real people's voices, if any voice is one."""
    given = [
        {"voiceId": voice.id, "consentDigest": voice.consent_digest}
        for voice in facts.voices
        if voice.consent_digest is not None
    ]
    return [_created(f"{namespace}.voice-consent", {"voices": given})] if given else []


def _disclosure(facts: ClipFacts) -> list[dict[str, Any]]:
    """The assertion that a model made the sound; nothing where the sender of an upload declares that none did."""
    if facts.upload is None:
        names = "; ".join(_engines(facts))
    elif facts.upload.source_type.is_synthetic:
        names = "unknown: made elsewhere, declared by whoever sent it"
    else:
        return []
    return [_created(DISCLOSURE, {"modelType": MODEL_TYPE, "modelName": names})]


def _upload(facts: ClipFacts, namespace: str) -> list[dict[str, Any]]:
    """The assertion about sound that was made elsewhere, if it was."""
    upload = facts.upload
    if upload is None:
        return []
    data = {
        "sha256": upload.sha256,
        "mediaType": upload.media_type,
        "declaredSourceType": upload.source_type.value,
        "verified": False,
        "wordsScreened": upload.words_screened,
        "keptMarks": [*upload.kept_marks],
    }
    return [_created(f"{namespace}.upload", data)]


def _music(facts: ClipFacts, namespace: str) -> list[dict[str, Any]]:
    """The assertion about music that was mixed in, if any was."""
    pieces = [
        {"name": music.name, "digest": music.digest, "licence": music.licence}
        | ({"attribution": music.attribution} if music.attribution else {})
        for music in facts.music
    ]
    return [_created(f"{namespace}.music", {"pieces": pieces})] if pieces else []


def _engines(facts: ClipFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(voice.version for voice in facts.voices))


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _number(data: Mapping[str, Any], key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parse_consents(data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    voices = data.get("voices")
    pairs = [
        (_text(voice, "voiceId"), _text(voice, "consentDigest"))
        for voice in (voices if isinstance(voices, list) else ())
        if isinstance(voice, Mapping)
    ]
    return tuple((voice, digest) for voice, digest in pairs if voice and digest)
