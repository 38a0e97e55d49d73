"""Events: a closed vocabulary, and the exact bytes that enter the log (pure).

Canonical form is RFC 8785 (JSON Canonicalization Scheme). Facts are ids, digests, numbers and short labels: never a
script's text and never personal data, because an entry can not be taken out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785

from audit.errors import AuditError

Fact = str | int | float | bool | None | list["Fact"] | dict[str, "Fact"]

MAX_ENTRY_BYTES = 65_535  # a tlog-tiles entry bundle stores the length in 16 bits


class EventKind(StrEnum):
    """Everything that can happen, one member per kind."""

    SUBMISSION_RECEIVED = "submission.received"  # a script was accepted for screening
    SCREENING_DECIDED = "screening.decided"  # the policy gave its verdict
    SUBMISSION_BLOCKED = "submission.blocked"  # terminal: the policy forbids it
    CLIP_PRODUCED = "clip.produced"  # spoken, marked, signed and read back
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

        Raises `AuditError` for a naive time, a value that JSON cannot hold, or an entry that is too long.
        """
        if self.at.tzinfo is None:
            raise AuditError("event time has no time zone; pass an aware datetime")
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
        except rfc8785.CanonicalizationError as error:
            raise AuditError(f"event {self.kind} holds a value that JSON cannot carry: {error}") from error
        if len(encoded) > MAX_ENTRY_BYTES:
            raise AuditError(f"event {self.kind} is {len(encoded)} bytes, more than {MAX_ENTRY_BYTES}; log digests")
        return encoded
