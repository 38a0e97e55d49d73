"""Events, and the exact bytes that enter the log (pure).

Canonical form is RFC 8785 (JSON Canonicalization Scheme). Facts are ids, commitments, numbers and short labels: never a
script's text and never personal data, because an entry can not be taken out again. What each kind may say is a closed
form (`audit.facts`); entries of version 1 were written before there were forms, and stay valid as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785

from audit.canonical import canonical_json
from audit.errors import EventError
from audit.facts import Fact, check_facts
from audit.vocabulary import EventKind

__all__ = ["CHECKED", "FREE", "MAX_ENTRY_BYTES", "MAX_NAME_CHARACTERS", "Event", "EventKind", "Fact", "parse_event"]

FREE, CHECKED = 1, 2  # versions of an entry: facts of any shape; facts in the form of their kind
MAX_ENTRY_BYTES = 65_535  # a tlog-tiles entry bundle stores the length in 16 bits
MAX_NAME_CHARACTERS = 255  # of a subject or an actor: they are ids, and the subject is indexed


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one subject."""

    kind: EventKind
    at: datetime  # timezone-aware
    subject: str  # episode id, or key id for key events
    actor: str  # "system", "policy" or an API key id
    facts: Mapping[str, Fact]
    version: int = CHECKED  # of the entry; only entries of old logs are `FREE`

    def canonical(self) -> bytes:
        """Return the RFC 8785 bytes of the event, at most `MAX_ENTRY_BYTES`; time is UTC with microseconds.

        Raises `EventError` for a naive time, a subject or actor that is no id, facts that do not have the form of
        their kind, a value that JSON cannot hold, or an entry that is too long.
        """
        if isinstance(self.version, bool) or self.version not in (FREE, CHECKED):
            raise EventError(f"entries of version {self.version} are not known here; a later release wrote this one")
        if self.at.tzinfo is None:
            raise EventError("event time has no time zone; pass an aware datetime")
        for label, name in (("subject", self.subject), ("actor", self.actor)):
            # Control characters would be refused by PostgreSQL's text type, after the entry was hashed.
            if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
                raise EventError(f"event {label} must be an id of 1 to {MAX_NAME_CHARACTERS} printable characters")
        if self.version == CHECKED:
            check_facts(self.kind, self.facts)
        document = {
            "v": self.version,
            "kind": self.kind.value,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "subject": self.subject,
            "actor": self.actor,
            "facts": dict(self.facts),
        }
        try:
            encoded = canonical_json(document)
        except (rfc8785.CanonicalizationError, RecursionError) as error:
            raise EventError(f"event {self.kind} holds a value that JSON cannot carry: {error}") from error
        if len(encoded) > MAX_ENTRY_BYTES:
            raise EventError(f"event {self.kind} is {len(encoded)} bytes, more than {MAX_ENTRY_BYTES}; log digests")
        return encoded


def parse_event(leaf: bytes) -> Event:
    """Read an event back from the bytes of an entry, and insist that they are its canonical form.

    Raises `EventError` for anything that `Event.canonical` would not have written byte for byte.
    """
    try:
        document = json.loads(leaf)
        if not isinstance(document, dict) or not isinstance(document["facts"], dict):
            raise TypeError("an event is an object with an object of facts")
        event = Event(
            kind=EventKind(document["kind"]),
            at=datetime.fromisoformat(document["at"]),
            subject=document["subject"],
            actor=document["actor"],
            facts=document["facts"],
            version=document["v"],
        )
        canonical = event.canonical()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EventError(f"the entry is not an event of a known kind: {error}") from error
    if canonical != leaf:
        raise EventError("the entry is not in canonical form, so no event could have written it")
    return event
