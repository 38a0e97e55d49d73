"""What is in force in this installation, compared with what its log last said: what differs is logged.

1. Keys: one event when a key comes into use, one when it is retired.
2. The policy in force, the packs in shadow and the protected texts, by their digests.
3. Settings that matter to safety. Every setting counts unless `OPERATIONAL` names it, so that a new one is not
   forgotten.

It runs at every start, so that the log also tells of what was changed while nothing was running. Two processes that
start at once may both log the same difference, which is harmless.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import rfc8785
from pydantic import SecretBytes, SecretStr
from sqlmodel import Session

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.settings import Settings

ACTOR = "system"
POLICY, SETTINGS = "policy", "settings"  # subjects of events that are about no key
# Where things lie, how fast they go, what they are called.
OPERATIONAL = frozenset(
    {
        "blobs",
        "blobs_endpoint",
        "database_url",
        "home",
        "judge_concurrency",
        "judge_timeout_seconds",
        "judge_url",
        "mail_encryption",
        "mail_from",
        "mail_password_file",
        "mail_port",
        "mail_server",
        "mail_to",
        "mail_user",
        "max_script_bytes",
        "max_upload_bytes",
        "max_upload_seconds",
        "metrics_listen",
        "oidc_label",
        "otlp_endpoint",
        "policy",
        "shadow_policies",
        "show_description",
        "speech_concurrency",
        "speech_timeout_seconds",
        "speech_url",
        "torch_threads",
        "watermark_tenant",  # the names of the watermark keys tell of a change
        "witness_timeout_seconds",
        "worker_threads",
    }
)


@dataclass(frozen=True, slots=True)
class KeyInForce:
    """A key as the log names it."""

    purpose: str  # "log", "watermark" or "claim-signer"
    id: str
    public: str | None = None  # "sha256:<hex>" of its public half, where it has one
    retired: bool = False


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """What decides, and what runs beside it."""

    id: str
    version: str
    digest: str
    texts_digest: str | None  # of the registry of protected texts; None where there is none
    shadows: tuple[str, ...]


def record(
    session: Session,
    log: Log,
    *,
    keys: Sequence[KeyInForce],
    policy: PolicyInForce,
    settings: Settings,
    at: datetime,
) -> list[EventKind]:
    """Log what differs from what the log last said, in the caller's transaction; returns the kinds, in order."""
    events = key_events(session, log, keys, at)  # 1.
    facts: dict[str, Fact] = {  # 2.
        "policy_id": policy.id,
        "policy_version": policy.version,
        "policy_digest": policy.digest,
        "texts_digest": policy.texts_digest,
        "shadows": [*policy.shadows],
    }
    last = _last(session, log, POLICY, EventKind.POLICY_LIVE)
    if last is None or any(last.get(key) != value for key, value in facts.items()):
        previous = None if last is None else last["policy_digest"]
        events.append(Event(EventKind.POLICY_LIVE, at, POLICY, ACTOR, {**facts, "previous": previous}))
    shown = safety_settings(settings)  # 3.
    digest = digest_of_settings(shown)
    last = _last(session, log, SETTINGS, EventKind.SETTINGS_CHANGED)
    if last is None or last["digest"] != digest:
        changed: dict[str, Fact] = {
            "digest": digest,
            "previous": None if last is None else last["digest"],
            "settings": {**shown},
        }
        events.append(Event(EventKind.SETTINGS_CHANGED, at, SETTINGS, ACTOR, changed))
    log.append_all(session, events)
    return [event.kind for event in events]


def safety_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that matter to safety as labels: switches and numbers as they are, texts by their digest.

    A secret is left out altogether: of a weak one, even a digest would tell.
    """
    chosen = ((name, getattr(settings, name)) for name in sorted(Settings.model_fields) if name not in OPERATIONAL)
    return {name: _label(value) for name, value in chosen if not _is_secret(value)}


def digest_of_settings(shown: Mapping[str, str]) -> str:
    """Return "sha256:<hex>" of the canonical JSON of `safety_settings`."""
    return "sha256:" + hashlib.sha256(rfc8785.dumps(dict(shown))).hexdigest()


def policy_changed(part: str, *, before: str | None, after: str, entries: int, by: str, at: datetime) -> Event:
    """Return the event that `part` ("claims" or "texts") of the policy in force was changed and has `entries` now."""
    facts: dict[str, Fact] = {"part": part, "before": before, "after": after, "entries": entries}
    return Event(EventKind.POLICY_CHANGED, at, POLICY, by, facts)


def key_events(session: Session, log: Log, keys: Sequence[KeyInForce], at: datetime) -> list[Event]:
    """Return what the log does not say yet about these keys: that one came into use, or that it was retired."""
    events = []
    for key in keys:
        known = {one.event.kind for one in log.events_for(session, key.id)}
        if EventKind.KEY_CREATED not in known:
            facts: dict[str, Fact] = {"purpose": key.purpose}
            if key.public is not None:
                facts["public"] = key.public
            events.append(Event(EventKind.KEY_CREATED, at, key.id, ACTOR, facts))
        if key.retired and EventKind.KEY_RETIRED not in known:
            events.append(Event(EventKind.KEY_RETIRED, at, key.id, ACTOR, {"purpose": key.purpose}))
    return events


def _last(session: Session, log: Log, subject: str, kind: EventKind) -> Mapping[str, Fact] | None:
    """The facts of the newest event of this kind."""
    found = [one.event.facts for one in log.events_for(session, subject) if one.event.kind is kind]
    return found[-1] if found else None


def _is_secret(value: object) -> bool:
    if isinstance(value, tuple | list | dict):
        return any(map(_is_secret, value.values() if isinstance(value, dict) else value))
    return isinstance(value, SecretStr | SecretBytes)


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, int | float):
        return str(value).lower()
    if isinstance(value, tuple) and all(isinstance(item, str) and item.isidentifier() for item in value):
        return ",".join(value)[:255] or "none"
    return "sha256:" + hashlib.sha256(str(value).encode()).hexdigest()
