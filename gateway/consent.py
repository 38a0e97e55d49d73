"""Consent of the people whose voices are used: recorded, asked for before every use, and revoked at once.

A voice that listeners could take for a person who exists speaks only while that person's consent is valid, for all
that the installation does (`ASSAY_PURPOSES`) and everywhere it is heard (`ASSAY_TERRITORIES`). It is asked for:

1. when a script is submitted, so that the caller knows at once;
2. before the script is spoken; the digest of the record goes into the credentials;
3. when the episode is decided: without consent a person has to look at it;
4. before it is released: without consent it never is.

Production refuses. Development goes on without a record; one that was revoked or ran out is respected there too.
The log carries the record's id, its purposes and a digest over the record and a secret salt, never a name.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785
from sqlalchemy import JSON, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from audit.store import UtcDateTime
from gateway.errors import ConsentMissingError, InvalidRequestError, NotFoundError
from gateway.settings import Environment, Settings
from gateway.submissions import ID_ALPHABET, ID_LENGTH
from synth.voice import Purpose, VoiceCard

WORLDWIDE = "worldwide"
MAX_SUBJECT = 200  # characters: a name or, better, a reference to a contract
_TERRITORY = re.compile(rf"[A-Z]{{2}}|{WORLDWIDE}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class Relation(StrEnum):
    """Whose voice it is, seen from whoever uses it."""

    OWN = "own"  # the user's own
    OTHER = "other"  # another living person's
    ESTATE = "estate"  # of a person who has died; the estate consents


class VoiceConsent(SQLModel, table=True):
    """One consent; never changed but by its revocation."""

    id: str = Field(primary_key=True, max_length=32)
    voice_id: str = Field(index=True, max_length=63)
    subject: str = Field(sa_type=Text)  # who consented; never leaves this table
    relation: str = Field(max_length=16)
    purposes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    territories: list[str] = Field(sa_column=Column(JSON, nullable=False))
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_until: datetime = Field(sa_type=UtcDateTime)
    evidence_sha256: str = Field(max_length=64)  # of the signed paper or the recorded statement, kept elsewhere
    salt: str = Field(max_length=64)  # hex
    digest: str = Field(max_length=80)  # "sha256:<hex>" over salt and record
    recorded_by: str = Field(max_length=64)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    revoked_by: str | None = Field(default=None, max_length=64)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody consents to."""

    voice_id: str
    subject: str
    relation: Relation
    purposes: frozenset[Purpose]
    territories: frozenset[str]  # ISO 3166-1 alpha-2 codes, or "worldwide"
    valid_from: datetime
    valid_until: datetime
    evidence_sha256: str

    def __post_init__(self) -> None:
        """Raise `InvalidRequestError` for a grant that nobody could rely upon."""
        if not 0 < len(self.subject.strip()) <= MAX_SUBJECT or not self.subject.isprintable():
            raise InvalidRequestError(f"a consent names who gave it, in 1 to {MAX_SUBJECT} printable characters")
        if not self.purposes:
            raise InvalidRequestError("a consent to no purpose allows nothing; name at least one")
        if not self.territories or any(not _TERRITORY.fullmatch(code) for code in self.territories):
            raise InvalidRequestError(f"territories are two-letter country codes in capitals, or '{WORLDWIDE}'")
        if self.valid_from.tzinfo is None or self.valid_until.tzinfo is None:
            raise InvalidRequestError("times need a time zone; pass aware datetimes")
        if self.valid_until <= self.valid_from:
            raise InvalidRequestError("the consent would end before it begins; correct its dates")
        if not _SHA256.fullmatch(self.evidence_sha256):
            raise InvalidRequestError("a consent needs evidence: the SHA-256 (64 hex digits) of what was signed")


def record(session: Session, grant: Grant, *, by: str, at: datetime, log: Log) -> VoiceConsent:
    """Store a consent and its event in the caller's transaction, and return the row."""
    salt = secrets.token_hex(32)
    document = {
        "voice": grant.voice_id,
        "subject": grant.subject.strip(),
        "relation": grant.relation.value,
        "purposes": sorted(grant.purposes),
        "territories": sorted(grant.territories),
        "valid_from": _second(grant.valid_from),
        "valid_until": _second(grant.valid_until),
        "evidence_sha256": grant.evidence_sha256,
    }
    digest = "sha256:" + hashlib.sha256(bytes.fromhex(salt) + rfc8785.dumps(document)).hexdigest()
    row = VoiceConsent(
        id="cs_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH)),
        voice_id=grant.voice_id,
        subject=grant.subject.strip(),
        relation=grant.relation.value,
        purposes=sorted(grant.purposes),
        territories=sorted(grant.territories),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        evidence_sha256=grant.evidence_sha256,
        salt=salt,
        digest=digest,
        recorded_by=by,
        recorded_at=at,
    )
    session.add(row)
    facts: dict[str, Fact] = {
        "voice": grant.voice_id,
        "digest": digest,
        "purposes": [*sorted(grant.purposes)],
        "territories": [*sorted(grant.territories)],
        "valid_from": _second(grant.valid_from),
        "valid_until": _second(grant.valid_until),
    }
    log.append(session, Event(EventKind.CONSENT_RECORDED, at, row.id, by, facts))
    return row


def revoke(session: Session, consent_id: str, *, by: str, at: datetime, log: Log) -> VoiceConsent:
    """End a consent in the caller's transaction; ending it twice keeps the first time. Raises `NotFoundError`.

    From the commit on no episode with this voice is spoken or released under it, whatever state it is in.
    """
    row = session.get(VoiceConsent, consent_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no consent '{consent_id}'")
    if row.revoked_at is None:
        row.revoked_by, row.revoked_at = by, at
        session.add(row)
        facts: dict[str, Fact] = {"voice": row.voice_id, "digest": row.digest}
        log.append(session, Event(EventKind.CONSENT_REVOKED, at, row.id, by, facts))
    return row


def list_consents(session: Session) -> list[VoiceConsent]:
    """Return all consents, oldest first."""
    return list(session.exec(select(VoiceConsent).order_by(col(VoiceConsent.recorded_at), col(VoiceConsent.id))))


def required_consents(
    session: Session, voices: Sequence[str], *, cards: Mapping[str, VoiceCard], settings: Settings, at: datetime
) -> dict[str, str]:
    """Return the digest of the consent under which each real person's voice among `voices` is used at `at`.

    Raises `ConsentMissingError` where there is none that is valid for all that this installation does. In development a
    voice without any record is let through, with a warning and without a digest.
    """
    found: dict[str, str] = {}
    for voice_id in dict.fromkeys(voices):
        card = cards.get(voice_id)
        if card is None or not card.real_person:
            continue
        rows = session.exec(select(VoiceConsent).where(VoiceConsent.voice_id == voice_id)).all()
        valid = [row for row in rows if _covers(row, settings, at)]
        if valid:
            found[voice_id] = max(valid, key=lambda row: (row.recorded_at, row.id)).digest
        elif rows or settings.environment is Environment.PRODUCTION:
            raise ConsentMissingError(
                f"voice '{voice_id}' is a real person's; no consent is valid now for {', '.join(settings.purposes)} "
                f"in {', '.join(settings.territories)}; record one with `assay consent add`, or use another voice"
            )
        else:
            logger.warning("voice %s is a real person's, without a consent; production would refuse", voice_id)
    return found


def _covers(row: VoiceConsent, settings: Settings, at: datetime) -> bool:
    everywhere = WORLDWIDE in row.territories
    return (
        row.revoked_at is None
        and row.valid_from <= at < row.valid_until
        and set(settings.purposes) <= set(row.purposes)
        and (everywhere or set(settings.territories) <= set(row.territories))
    )


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
