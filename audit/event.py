"""Events: a closed vocabulary, and the exact bytes that enter the log (pure).

Canonical form is RFC 8785 (JSON Canonicalization Scheme). Facts are ids, digests, numbers and short labels: never a
script's text and never personal data, because an entry can not be taken out again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785

from audit.errors import EventError

Fact = str | int | float | bool | None | list["Fact"] | dict[str, "Fact"]

MAX_ENTRY_BYTES = 65_535  # a tlog-tiles entry bundle stores the length in 16 bits
MAX_NAME_CHARACTERS = 255  # of a subject or an actor: they are ids, and the subject is indexed


class EventKind(StrEnum):
    """Everything that can happen, one member per kind."""

    SUBMISSION_RECEIVED = "submission.received"  # a script was accepted for screening
    SCREENING_DECIDED = "screening.decided"  # the policy gave its verdict
    SCREENING_SHADOWED = "screening.shadowed"  # a policy in shadow gave its verdict, or failed; it decides nothing
    SUBMISSION_BLOCKED = "submission.blocked"  # terminal: the policy forbids it
    CLIP_PRODUCED = "clip.produced"  # spoken, marked, signed and read back
    SPEECH_HEARD = "speech.heard"  # the finished audio was transcribed, compared with the script and screened
    CLIP_LOGGED = "clip.logged"  # a verified receipt for the clip exists
    REVIEW_REQUESTED = "review.requested"  # a person must decide
    REVIEW_CLAIMED = "review.claimed"  # a person took the case
    APPROVAL_GRANTED = "approval.granted"  # by a person, or by the policy when nothing was found
    SUBMISSION_REJECTED = "submission.rejected"  # terminal: a person said no, with a reason
    RELEASE_INTENDED = "release.intended"  # written and sealed before the first public byte
    EPISODE_RELEASED = "episode.released"  # public
    SUBMISSION_FAILED = "submission.failed"  # terminal: named reason
    KEY_CREATED = "key.created"  # a signing or watermark key came into use


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one subject."""

    kind: EventKind
    at: datetime  # timezone-aware
    subject: str  # episode id, or key id for key events
    actor: str  # "system", "policy" or an API key id
    facts: Mapping[str, Fact]

    def canonical(self) -> bytes:
        """Return the RFC 8785 bytes of the event, at most `MAX_ENTRY_BYTES`; time is UTC with microseconds.

        Raises `EventError` for a naive time, a subject or actor that is no id, a value that JSON cannot hold, or an
        entry that is too long.
        """
        if self.at.tzinfo is None:
            raise EventError("event time has no time zone; pass an aware datetime")
        for label, name in (("subject", self.subject), ("actor", self.actor)):
            # Control characters would be refused by PostgreSQL's text type, after the entry was hashed.
            if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
                raise EventError(f"event {label} must be an id of 1 to {MAX_NAME_CHARACTERS} printable characters")
        document = {
            "v": 1,
            "kind": self.kind.value,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "subject": self.subject,
            "actor": self.actor,
            "facts": dict(self.facts),
        }
        try:
            encoded = rfc8785.dumps(document)
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
        )
        canonical = event.canonical()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EventError(f"the entry is not an event of a known kind: {error}") from error
    if canonical != leaf:
        raise EventError("the entry is not in canonical form, so no event could have written it")
    return event
