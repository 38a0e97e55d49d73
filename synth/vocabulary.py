"""Every word that our manifests may contain, as closed schemas that a manifest is held against before it is signed.

The signing library signs whatever it is given: a misspelt label, an unknown action or a field in the wrong place would
be signed and be wrong for ever. So an assertion without a schema here, and a field that its schema does not name, is an
error (pure, no I/O).

Sources: C2PA Technical Specification 2.4, chapter 18; CAWG Training and Data Mining Assertion 1.1; the asset rubric of
the C2PA Conformance Program 0.2; our own assertions are described in docs/provenance.md.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from synth.errors import CredentialsError

SPEC_VERSION = "2.4.0"  # of C2PA; semantic versioning with all three parts
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # IPTC's vocabulary, whose terms come behind it
SOURCE_TYPE = f"{SOURCE_TYPES}trainedAlgorithmicMedia"  # made by a trained model
PARENT = "parent"  # how the opened action names the file that was sent
MODEL_TYPE = "c2pa.types.model"  # a model that no more specific C2PA asset type describes
TRAINING_USES = ("cawg.ai_generative_training", "cawg.ai_training", "cawg.ai_inference", "cawg.data_mining")
Schema = TypeVar("Schema", bound=BaseModel)
MAX_TEXT = 1_000  # characters; a manifest holds names and digests, never prose


def _is_base64(text: str) -> str:
    try:
        if base64.b64decode(text, validate=True):
            return text
    except binascii.Error as error:
        raise ValueError("not base64") from error
    raise ValueError("empty")


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Dotted = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[A-Za-z0-9_-]+)+$", max_length=200)]
Base64 = Annotated[str, AfterValidator(_is_base64)]


class _Closed(BaseModel):
    """No field more, none less than it must have, no conversion; names as they stand in a manifest are camelCase."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Agent(_Closed):
    """Software that did something."""

    name: Text
    version: Text


class SpeakingVoice(_Closed):
    """A voice of the catalogue, and the engine that spoke with it."""

    id: Text
    version: Text


class CreatedAction(_Closed):
    """The birth of the sound, out of a trained model."""

    action: Literal["c2pa.created"]
    when: Time
    digital_source_type: Literal["http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"]
    software_agent: Agent
    parameters: dict[Dotted, Annotated[list[SpeakingVoice], Field(min_length=1)]]


class IngredientParameters(_Closed):
    """Which ingredient an action is about."""

    ingredient_ids: Annotated[list[Literal["parent"]], Field(min_length=1, max_length=1)]


class OpenedAction(_Closed):
    """The arrival of sound that was made elsewhere, with what its sender declares."""

    action: Literal["c2pa.opened"]
    when: Time
    digital_source_type: Annotated[str, Field(pattern=rf"^{re.escape(SOURCE_TYPES)}[A-Za-z]+$")]
    software_agent: Agent
    parameters: IngredientParameters


class MarkedAction(_Closed):
    """A watermark was set that a soft binding of this manifest names."""

    action: Literal["c2pa.watermarked.bound"]
    software_agent: Agent


class Actions(_Closed):
    """`c2pa.actions.v2`: the birth first, then one action for each watermark, and nothing left out."""

    all_actions_included: Literal[True]
    actions: Annotated[
        list[Annotated[CreatedAction | OpenedAction | MarkedAction, Field(discriminator="action")]],
        Field(min_length=2),
    ]

    @model_validator(mode="after")
    def _birth_comes_first_and_once(self) -> Actions:
        births = [isinstance(action, CreatedAction | OpenedAction) for action in self.actions]
        if births != [True] + [False] * (len(self.actions) - 1):
            raise ValueError("'c2pa.created' or 'c2pa.opened' comes first and once")
        return self


class Timespan(_Closed):
    """A stretch of the clip in milliseconds."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(gt=0)]


class Scope(_Closed):
    """What part of the clip a soft binding is about."""

    timespan: Timespan


class Block(_Closed):
    """One value of a soft binding."""

    scope: Scope
    value: Base64


class SoftBindingData(_Closed):
    """`c2pa.soft-binding`: what a watermark says, or what a stretch of the clip sounds like."""

    alg: Dotted
    blocks: Annotated[list[Block], Field(min_length=1)]


class AiDisclosure(_Closed):
    """`c2pa.ai-disclosure`: a model made the sound."""

    model_type: Literal["c2pa.types.model"]
    model_name: Text


class Use(_Closed):
    """What the publisher wants to be asked about."""

    use: Literal["notAllowed"]


class TrainingMining(_Closed):
    """`cawg.training-mining`: the publisher's wish, the same for all four uses."""

    entries: dict[
        Literal["cawg.ai_generative_training", "cawg.ai_training", "cawg.ai_inference", "cawg.data_mining"], Use
    ]

    @model_validator(mode="after")
    def _every_use_is_named(self) -> TrainingMining:
        if set(self.entries) != set(TRAINING_USES):
            raise ValueError(f"must name {', '.join(TRAINING_USES)}")
        return self


class Episode(_Closed):
    """`<ours>.episode`: which programme this is."""

    episode_id: Text
    show: Annotated[str, Field(max_length=MAX_TEXT)]
    language: Text
    plan_digest: Digest
    fingerprint_digest: Digest
    spoken_disclosure: bool
    detector_url: Annotated[str, Field(max_length=MAX_TEXT)] | None = None


class Moderation(_Closed):
    """`<ours>.moderation`: what cleared the script."""

    verdict: Literal["allow", "review"]
    decision_id: Text
    policy_id: Text
    policy_version: Text
    policy_digest: Digest
    script_digest: Digest


class AuditLog(_Closed):
    """`<ours>.audit-log`: where the decision stands in the log, and its RFC 6962 leaf hash for the inclusion proof."""

    origin: Text
    subject: Text
    entry_index: Annotated[int, Field(ge=0)]
    leaf_hash: Digest


class Consent(_Closed):
    """That the person behind a voice agreed: the digest of the record, never the record."""

    voice_id: Text
    consent_digest: Digest


class VoiceConsent(_Closed):
    """`<ours>.voice-consent`: present only when a voice is a real person's."""

    voices: Annotated[list[Consent], Field(min_length=1)]


class Upload(_Closed):
    """`<ours>.upload`: present only when the sound was made elsewhere; what its sender declares is not verified."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    media_type: Text
    declared_source_type: Text
    verified: Literal[False]
    words_screened: Annotated[int, Field(ge=0)]
    kept_marks: list[Text]


class Piece(_Closed):
    """A bed or stinger: its name here, the digest of its file, and under what licence it was used."""

    name: Text
    digest: Digest
    licence: Text
    attribution: Text | None = None


class Music(_Closed):
    """`<ours>.music`: present only when music was mixed in."""

    pieces: Annotated[list[Piece], Field(min_length=1)]


class GeneratorInfo(_Closed):
    """The software that wrote the claim."""

    name: Text
    version: Text
    spec_version: Literal["2.4.0"]


class _Assertion(_Closed):
    label: str
    created: Literal[True] | None = None
    data: dict[str, Any]


class _Definition(_Closed):
    """The manifest around the assertions; its own names are the builder's, in snake case."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=None)

    vendor: Text
    title: Text
    claim_generator_info: Annotated[list[GeneratorInfo], Field(min_length=1, max_length=1)]
    assertions: Annotated[list[_Assertion], Field(min_length=1)]


STANDARD: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "c2pa.actions.v2": Actions,
        "c2pa.soft-binding": SoftBindingData,
        "c2pa.ai-disclosure": AiDisclosure,
        "cawg.training-mining": TrainingMining,
    }
)
"""Assertions of the standards, by label."""

OURS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "episode": Episode,
        "moderation": Moderation,
        "audit-log": AuditLog,
        "voice-consent": VoiceConsent,
        "upload": Upload,
        "music": Music,
    }
)
"""Our own assertions, by the last part of their label; the namespace comes before it."""

GATHERED = frozenset({"cawg.training-mining"})
"""A wish of the publisher, not something that the gateway observed; everything else is "created", so the signer's."""

REPEATED = frozenset({"c2pa.soft-binding"})
OPTIONAL = frozenset({"voice-consent", "upload", "music"})
DISCLOSURE = "c2pa.ai-disclosure"
"""Missing only in an upload whose sender declares that no machine made it."""


def check_vocabulary(manifest: Mapping[str, Any], *, namespace: str) -> None:
    """Raise `CredentialsError` unless every word of the manifest definition is one that we mean to write.

    1. The namespace is a reverse domain name.
    2. The definition has its fields and no others.
    3. Every assertion has a schema and fits it, occurs as often as it may, and is attributed to whom it must be.
    4. Nothing that must be there is missing.
    5. Every watermark that was set has a soft binding, and parameters of ours stand under the namespace.
    """
    # 1.
    if not namespace.strip(".") or "." not in namespace.strip("."):
        raise CredentialsError(f"namespace '{namespace}' is no reverse domain name; use one such as 'org.example'")
    # 2.
    definition = _fits(_Definition, manifest, "the manifest")
    schemas = {**STANDARD, **{f"{namespace}.{name}": schema for name, schema in OURS.items()}}
    seen: list[str] = []
    parsed: dict[str, BaseModel] = {}
    # 3.
    for assertion in definition.assertions:
        label = assertion.label
        if label not in schemas:
            raise CredentialsError(
                f"assertion label '{label}' is not in the vocabulary; add a schema or mend the label"
            )
        if label in seen and label not in REPEATED:
            raise CredentialsError(f"assertion '{label}' occurs twice; write it once")
        if (assertion.created is True) is (label in GATHERED):
            raise CredentialsError(f"assertion '{label}' is attributed to the wrong party; mend its `created`")
        seen.append(label)
        parsed[label] = _fits(schemas[label], assertion.data, f"assertion '{label}'")
    # 4.
    upload = f"{namespace}.upload" in seen
    excused = {DISCLOSURE} if upload else set()
    wanted = [label for label in schemas if label.split(".")[-1] not in OPTIONAL and label not in excused]
    if missing := sorted(label for label in wanted if label not in seen):
        raise CredentialsError(f"the manifest lacks {', '.join(missing)}; a clip is never signed without them")
    # 5.
    actions = parsed["c2pa.actions.v2"]
    assert isinstance(actions, Actions)
    if seen.count("c2pa.soft-binding") < len(actions.actions) - 1:
        raise CredentialsError("a watermark action has no soft binding; bind every mark")
    birth = actions.actions[0]
    if isinstance(birth, OpenedAction) is not upload:
        raise CredentialsError("sound that was made elsewhere is opened and says what it was; sound of ours is created")
    if not isinstance(birth, CreatedAction):
        return
    if strangers := [name for name in birth.parameters if not name.startswith(f"{namespace}.")]:
        raise CredentialsError(f"action parameter '{strangers[0]}' is not under '{namespace}.'")


def _fits(schema: type[Schema], data: object, what: str) -> Schema:
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        # Places and reasons alone: a value in a message could be a title or a text.
        reasons = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'the whole'}: {item['msg']}" for item in error.errors()
        )
        raise CredentialsError(f"{what} does not fit its schema ({reasons})") from None
