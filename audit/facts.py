"""Which facts belong to which kind of event: closed keys, closed types (pure).

A form names every key that an event may have and what its value must be, so that nothing else can slip into the log:
not a script's text, not a name, not a field that only one release knew. `check_facts` runs on every event that is
written, and again when an entry of that version is read. Entries of version 1 were written before there were forms.

Digests of what a person wrote are never bare: a short text can be guessed and compared. They are commitments, keyed
with a secret of the episode that can be destroyed (`COMMITMENT`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from audit.errors import EventError
from audit.vocabulary import EventKind

Fact = str | int | float | bool | None | list["Fact"] | dict[str, "Fact"]
Check = Callable[[Fact], bool]

MAX_LABEL_CHARACTERS = 255  # ids, versions, slugs: enough for every name we give, too little for a text
MAX_ITEMS = 2_000  # of a list: far more than a decision has kinds of findings; an entry's bytes bound it as well
LARGEST_INTEGER = 2**53 - 1  # beyond it JSON numbers lose digits (RFC 8785, section 3.2.2.3)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one value must be: words for the error message, and the check."""

    name: str
    holds: Check


@dataclass(frozen=True, slots=True)
class Form:
    """The keys of one kind of event; no other key is allowed."""

    required: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)


def _matching(name: str, pattern: str) -> Kind:
    compiled = re.compile(pattern, re.ASCII)
    return Kind(name, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def _is_label(value: Fact) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_LABEL_CHARACTERS and value.isprintable()


def _is_integer(value: Fact) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_INTEGER


def _is_number(value: Fact) -> bool:
    # A larger number would be written without exponent and point, and be refused as an integer when it is read.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) <= LARGEST_INTEGER
    )


LABEL = Kind(f"a printable label of 1 to {MAX_LABEL_CHARACTERS} characters", _is_label)
COUNT = Kind("an integer from 0 to 2**53 - 1", _is_integer)
NUMBER = Kind("a number from -(2**53 - 1) to 2**53 - 1", _is_number)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
SLUG = _matching("a slug in lower case", r"[a-z0-9][a-z0-9_.-]{0,63}")
SHA256 = _matching("SHA-256 as 64 hexadecimal digits", r"[0-9a-f]{64}")
DIGEST = _matching("a digest like sha256:<64 hexadecimal digits>", r"sha256:[0-9a-f]{64}")
COMMITMENT = _matching("a commitment like hmac-sha256:<64 hexadecimal digits>", r"hmac-sha256:[0-9a-f]{64}")
VERDICT = Kind("allow, review or block", lambda value: value in ("allow", "review", "block"))
TIME = _matching("a UTC time to the second, like 2026-03-01T12:00:00Z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def list_of(item: Kind) -> Kind:
    """A list of at most `MAX_ITEMS` such values."""
    return Kind(
        f"a list, each item {item.name}",
        lambda value: isinstance(value, list) and len(value) <= MAX_ITEMS and all(map(item.holds, value)),
    )


def row_of(*items: Kind) -> Kind:
    """A list with exactly these values in this order."""
    return Kind(
        f"a list of {len(items)}: " + ", ".join(item.name for item in items),
        lambda value: (
            isinstance(value, list)
            and len(value) == len(items)
            and all(item.holds(one) for item, one in zip(items, value, strict=True))
        ),
    )


def map_of(item: Kind) -> Kind:
    """An object whose keys are labels and whose values are all of one kind."""
    return Kind(
        f"an object, each value {item.name}",
        lambda value: (
            isinstance(value, dict)
            and len(value) <= MAX_ITEMS
            and all(_is_label(key) and item.holds(one) for key, one in value.items())
        ),
    )


def object_of(**members: Kind) -> Kind:
    """An object with exactly these members."""
    return Kind(
        "an object of " + ", ".join(f"{key} ({member.name})" for key, member in members.items()),
        lambda value: (
            isinstance(value, dict)
            and value.keys() == members.keys()
            and all(member.holds(value[key]) for key, member in members.items())
        ),
    )


def or_null(kind: Kind) -> Kind:
    """Such a value, or null."""
    return Kind(f"{kind.name}, or null", lambda value: value is None or kind.holds(value))


_POLICY = {"policy_id": LABEL, "policy_version": LABEL, "policy_digest": DIGEST}
_MODELS = list_of(row_of(LABEL, LABEL))  # model id, digest
_DECISION = {
    **_POLICY,
    "verdict": VERDICT,
    "script_commitment": COMMITMENT,
    "models": _MODELS,
    "findings": list_of(row_of(LABEL, LABEL, VERDICT, COUNT)),  # rule, category, verdict, how many
    "coverage": list_of(row_of(LABEL, LABEL)),  # category, how it was evaluated
}
_MARKS = list_of(row_of(LABEL, LABEL))  # layer, version
_CLIP = object_of(
    sha256=SHA256,
    media_type=LABEL,
    size=COUNT,  # bytes
    duration=NUMBER,  # seconds
    loudness=NUMBER,  # LUFS
    true_peak=NUMBER,  # dBTP
    manifest_label=LABEL,
    manifest_sha256=SHA256,
    marks=_MARKS,
)
_BY_A_PERSON = {"role": SLUG, "reason_commitment": COMMITMENT}
_DIGESTS_OF_CLIPS = list_of(SHA256)  # sorted

FORMS: Mapping[EventKind, Form] = {
    EventKind.SUBMISSION_RECEIVED: Form(
        {
            "script_commitment": COMMITMENT,
            "plan_commitment": COMMITMENT,
            "language": LABEL,
            "bytes": COUNT,
            "voices": list_of(LABEL),
        },
        {"revises": LABEL},  # the episode from which a reviewer took sentences out
    ),
    EventKind.UPLOAD_RECEIVED: Form(
        {
            "sha256": SHA256,  # of the file as it was sent
            "media_type": LABEL,
            "size": COUNT,  # bytes
            "duration": NUMBER,  # seconds
            "language": LABEL,
            "declared_source_type": LABEL,  # the sender's word, not verified
        }
    ),
    EventKind.UPLOAD_EXAMINED: Form(
        {
            "conclusion": SLUG,  # of verification
            "credentials": or_null(SLUG),
            "layers": list_of(LABEL),  # whose mark is in it
            "transcribed": FLAG,
            "words": COUNT,  # that were heard
        },
        {"episode": LABEL},  # released here, that it is a copy of
    ),
    EventKind.SCREENING_DECIDED: Form(_DECISION),
    EventKind.SCREENING_SHADOWED: Form(
        {
            **_POLICY,
            "live_policy_digest": DIGEST,
            "live_verdict": VERDICT,
            "models": _MODELS,
            "script_commitment": COMMITMENT,
        },
        {
            "verdict": VERDICT,
            "findings": _DECISION["findings"],
            "coverage": _DECISION["coverage"],
            "error": SLUG,  # why there is no verdict
        },
    ),
    EventKind.SUBMISSION_BLOCKED: Form({"policy_digest": DIGEST}),
    EventKind.CLIP_PRODUCED: Form(
        {
            "plan_commitment": COMMITMENT,
            "duration": NUMBER,  # seconds
            "clips": list_of(_CLIP),  # in the order of their digests
            "fingerprint_sha256": SHA256,
            "voices": map_of(LABEL),  # voice id → version
        },
        {
            "consents": map_of(DIGEST),  # voice id → consent under which a real person's voice was used
            "assets": map_of(DIGEST),  # name → file of the music and the picture that went in
        },
    ),
    EventKind.SPEECH_HEARD: Form(
        {"checked": FLAG},
        {
            **_DECISION,
            "clip": SHA256,
            "transcript_commitment": COMMITMENT,
            "words": COUNT,  # of the script and its disclosure
            "errors": COUNT,  # of these, heard otherwise
        },
    ),
    EventKind.CLIP_LOGGED: Form({"entry": COUNT, "checkpoint_size": COUNT, "checkpoint_root": SHA256}),
    EventKind.REVIEW_REQUESTED: Form({"verdict": VERDICT}),
    EventKind.REVIEW_CLAIMED: Form({"role": SLUG}, {"lapsed": LABEL}),  # whose lease had run out
    EventKind.REVIEW_RELEASED: Form({"role": SLUG}),
    EventKind.REVIEW_HANDED_OVER: Form({"role": SLUG, "to": LABEL}),
    EventKind.REVIEW_HELD: Form({**_BY_A_PERSON, "until": TIME}),
    EventKind.REVIEW_ESCALATED: Form(_BY_A_PERSON),
    EventKind.APPROVAL_PROPOSED: Form({**_BY_A_PERSON, "verdict": VERDICT, "clips": _DIGESTS_OF_CLIPS}),
    EventKind.APPROVAL_GRANTED: Form(
        {**_BY_A_PERSON, "verdict": VERDICT, "clips": _DIGESTS_OF_CLIPS},
        {"first": LABEL},  # who proposed it, where two signatures were needed
    ),
    EventKind.SUBMISSION_REJECTED: Form(
        {**_BY_A_PERSON, "verdict": VERDICT},
        {"outcome": SLUG, "categories": list_of(LABEL)},  # reject or request_changes; of the policy
    ),
    EventKind.SUBMISSION_REDACTED: Form(
        {**_BY_A_PERSON, "verdict": VERDICT, "sentences": COUNT, "revision": LABEL, "categories": list_of(LABEL)}
    ),
    EventKind.RELEASE_INTENDED: Form({"clips": _DIGESTS_OF_CLIPS, "approval_entry": COUNT}),
    EventKind.EPISODE_RELEASED: Form({"clips": _DIGESTS_OF_CLIPS, "approval_entry": COUNT, "intent_entry": COUNT}),
    EventKind.EPISODE_WITHDRAWN: Form(_BY_A_PERSON, {"release_entry": COUNT}),
    EventKind.EPISODE_CORRECTED: Form({**_BY_A_PERSON, "replacement": LABEL}, {"release_entry": COUNT}),
    EventKind.APPEAL_FILED: Form({**_BY_A_PERSON, "against": SLUG, "version": COUNT}),  # version names the decision
    EventKind.APPEAL_DECIDED: Form(
        {**_BY_A_PERSON, "outcome": SLUG, "against": SLUG},
        {"leads_to": SLUG, "categories": list_of(LABEL)},  # the state that follows; what the refusal is for now
    ),
    EventKind.WITHDRAWAL_LIFTED: Form({"role": SLUG}),
    EventKind.GOLDEN_ANSWERED: Form({**_BY_A_PERSON, "golden": LABEL, "outcome": SLUG, "agrees": FLAG}),
    EventKind.REVIEW_REPEATED: Form({**_BY_A_PERSON, "outcome": SLUG, "agrees": FLAG}),
    EventKind.REVIEW_SETTLED: Form({**_BY_A_PERSON, "outcome": SLUG}),
    EventKind.SUBMISSION_FAILED: Form({"reason": SLUG, "during": SLUG}),
    EventKind.STEP_FAILED: Form({"step": SLUG, "reason": SLUG}),
    EventKind.RELEASE_FAILED: Form({"reason": SLUG, "final": FLAG}),
    EventKind.SPEECH_REQUESTED: Form(
        {
            "script_commitment": COMMITMENT,
            "plan_commitment": COMMITMENT,
            "language": LABEL,
            "bytes": COUNT,
            "voices": map_of(LABEL),  # voice id → version
            "delivery": SLUG,  # "file" or "stream"
            "media_type": LABEL,
        },
        {"consents": map_of(DIGEST)},  # voice id → consent under which a real person's voice is used
    ),
    EventKind.SPEECH_REFUSED: Form({"verdict": VERDICT, "policy_digest": DIGEST}),
    EventKind.SPEECH_BEGUN: Form({"marks": _MARKS, "sample_rate": COUNT}),  # Hz
    EventKind.SPEECH_DELIVERED: Form(
        {
            "marks": _MARKS,
            "sha256": SHA256,  # of all bytes of sound
            "size": COUNT,  # bytes
            "duration": NUMBER,  # seconds
            "read_back": FLAG,  # whether every mark was read again from the final bytes
        },
        {"manifest_label": LABEL, "manifest_sha256": SHA256},
    ),
    EventKind.SPEECH_BROKEN: Form({"reason": SLUG}, {"duration": NUMBER, "size": COUNT}),
    EventKind.ERASURE_REQUESTED: Form({"reason": SLUG, "role": SLUG, "audio": FLAG}),
    EventKind.ERASURE_DONE: Form({"audio": FLAG, "files": COUNT}, {"left": COUNT}),
    EventKind.ACCOUNT_CREATED: Form({"role": SLUG}),
    EventKind.ACCOUNT_RESET: Form({"role": SLUG}),
    EventKind.ACCOUNT_DISABLED: Form({"role": SLUG}),
    EventKind.ACCOUNT_ROLE_CHANGED: Form({"role": SLUG, "previous": SLUG}),
    EventKind.GOLDEN_ADDED: Form({"expected": SLUG}),
    EventKind.GOLDEN_RETIRED: Form(),
    EventKind.CONSENT_RECORDED: Form(
        {
            "voice": LABEL,
            "digest": DIGEST,  # over the record and a secret salt, so that no name can be guessed from it
            "purposes": list_of(SLUG),
            "territories": list_of(LABEL),
            "valid_from": TIME,
            "valid_until": TIME,
        }
    ),
    EventKind.CONSENT_REVOKED: Form({"voice": LABEL, "digest": DIGEST}),
    EventKind.PRONUNCIATION_APPROVED: Form({"language": LABEL}),
    EventKind.PRONUNCIATION_REVOKED: Form({"language": LABEL}),
    EventKind.FEED_CREATED: Form({"all_shows": FLAG, "expires_at": or_null(TIME)}),
    EventKind.FEED_REVOKED: Form(),
    EventKind.WEBHOOK_CREATED: Form({"owner": or_null(LABEL)}),  # API key whose submissions it hears of; null: all
    EventKind.WEBHOOK_ROTATED: Form(),
    EventKind.WEBHOOK_DISABLED: Form({"reason": SLUG}),
    EventKind.WEBHOOK_ENABLED: Form(),
    EventKind.KEY_CREATED: Form({"purpose": SLUG}, {"retired": LABEL, "public": DIGEST}),
    EventKind.KEY_RETIRED: Form({"purpose": SLUG}),
    EventKind.APIKEY_CREATED: Form({"role": SLUG, "expires_at": or_null(TIME)}),
    EventKind.APIKEY_REVOKED: Form(),
    EventKind.POLICY_LIVE: Form(
        {**_POLICY, "texts_digest": or_null(DIGEST), "shadows": list_of(DIGEST), "previous": or_null(DIGEST)}
    ),
    EventKind.POLICY_CHANGED: Form({"part": SLUG, "before": or_null(DIGEST), "after": DIGEST, "entries": COUNT}),
    EventKind.SETTINGS_CHANGED: Form({"digest": DIGEST, "previous": or_null(DIGEST), "settings": map_of(LABEL)}),
    EventKind.LOG_REBUILT: Form({"found": COUNT, "restored": COUNT, "checkpoint_root": SHA256}),
    EventKind.VERIFICATION_SUMMARISED: Form({"since": TIME, "until": TIME, "counts": map_of(COUNT)}),
}


def check_facts(kind: EventKind, facts: Mapping[str, Fact]) -> None:
    """Insist that `facts` have the form of `kind`; raises `EventError` that names the key and what it must be."""
    form = FORMS[kind]
    allowed = {**form.required, **form.optional}
    if unknown := sorted(str(key) for key in facts if key not in allowed):
        raise EventError(f"event {kind} has the unknown facts {unknown[:5]}; it may have {sorted(allowed)}")
    if missing := sorted(key for key in form.required if key not in facts):
        raise EventError(f"event {kind} lacks the facts {missing}")
    for key, value in facts.items():
        if not allowed[key].holds(value):
            raise EventError(f"fact '{key}' of event {kind} must be {allowed[key].name}")
