"""What others said about checkpoints, as the database keeps it: witnesses' cosignatures and time stamps (SQL).

Rows are added and never changed. They are kept beside the checkpoint rather than in its note, because they come after
it was stored; `cosigned` puts them together again. Whoever stores one has verified it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, func, insert, select
from sqlalchemy.orm import Session
from sqlmodel import Field, SQLModel

from audit.checkpoint import Checkpoint, parse_and_verify
from audit.cosignature import add_signatures
from audit.errors import LogDivergedError
from audit.note import Signature, Verifier
from audit.tables import CHECKPOINTS, INDEX_TYPE, Octets, UtcDateTime

MAX_WITNESS_NAME = 255  # characters of a key's name


class CosignatureRow(SQLModel, table=True):
    """One witness's cosignature of one stored checkpoint."""

    __tablename__ = "audit_cosignature"
    __table_args__ = (
        ForeignKeyConstraint(["size"], ["audit_checkpoint.size"], name="fk_audit_cosignature_size_audit_checkpoint"),
    )

    size: int = Field(sa_column=Column(INDEX_TYPE, primary_key=True, autoincrement=False))
    witness: str = Field(primary_key=True, max_length=MAX_WITNESS_NAME)  # name of the witness's key
    key_id: str = Field(primary_key=True, max_length=8)  # hex
    line: str  # the signature line, without its newline
    created: datetime = Field(sa_type=UtcDateTime)


class TimestampRow(SQLModel, table=True):
    """One RFC 3161 time stamp of one stored checkpoint's text."""

    __tablename__ = "audit_timestamp"
    __table_args__ = (
        ForeignKeyConstraint(["size"], ["audit_checkpoint.size"], name="fk_audit_timestamp_size_audit_checkpoint"),
        CheckConstraint("length(response) <= 65536", "response"),
    )

    size: int = Field(sa_column=Column(INDEX_TYPE, primary_key=True, autoincrement=False))
    authority: str = Field(primary_key=True, max_length=MAX_WITNESS_NAME)  # URL that was asked
    response: bytes = Field(sa_type=Octets)  # the DER response, as it came
    stamped: datetime = Field(sa_type=UtcDateTime)  # the time that it states
    created: datetime = Field(sa_type=UtcDateTime)


COSIGNATURES = CosignatureRow.__table__  # type: ignore[attr-defined]  # SQLModel's stubs do not know the attribute
TIMESTAMPS = TimestampRow.__table__  # type: ignore[attr-defined]


def add_cosignature(session: Session, *, size: int, signature: Signature, at: datetime) -> bool:
    """Store a verified cosignature of the checkpoint of `size`; False if this witness's is there already."""
    held = select(COSIGNATURES.c.size).where(
        COSIGNATURES.c.size == size,
        COSIGNATURES.c.witness == signature.name,
        COSIGNATURES.c.key_id == signature.key_id.hex(),
    )
    if session.execute(held).first() is not None:
        return False
    session.execute(
        insert(COSIGNATURES).values(
            size=size,
            witness=signature.name,
            key_id=signature.key_id.hex(),
            line=signature.line.rstrip("\n"),
            created=at,
        )
    )
    return True


def cosignatures_of(session: Session, size: int) -> list[Signature]:
    """Return the stored cosignatures of the checkpoint of `size`, the earliest first."""
    rows = session.execute(
        select(COSIGNATURES.c.line)
        .where(COSIGNATURES.c.size == size)
        .order_by(COSIGNATURES.c.created, COSIGNATURES.c.witness)
    )
    return [Signature.parse(row.line) for row in rows]


def cosigned(session: Session, checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint with every stored cosignature in its note."""
    note = add_signatures(checkpoint.note, cosignatures_of(session, checkpoint.size))
    return Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, note)


def sizes_cosigned(session: Session, *, above: int, limit: int) -> Sequence[int]:
    """Return the sizes above `above` that somebody cosigned, the largest first."""
    statement = (
        select(COSIGNATURES.c.size)
        .where(COSIGNATURES.c.size > above)
        .distinct()
        .order_by(COSIGNATURES.c.size.desc())
        .limit(limit)
    )
    return list(session.execute(statement).scalars())


def largest_cosigned(session: Session, *, witness: str, key_id: bytes) -> int:
    """Return the largest size that a witness is known to have cosigned, 0 if none."""
    statement = select(func.max(COSIGNATURES.c.size)).where(
        COSIGNATURES.c.witness == witness, COSIGNATURES.c.key_id == key_id.hex()
    )
    return session.execute(statement).scalar_one() or 0


@dataclass(frozen=True, slots=True)
class StoredStamp:
    """A time stamp as the database holds it, unverified."""

    size: int
    authority: str
    response: bytes
    stamped: datetime


def add_stamp(session: Session, stamp: StoredStamp, *, at: datetime) -> bool:
    """Store a verified time stamp; False if there is one of this authority for this size already."""
    if any(held.authority == stamp.authority for held in stamps_of(session, stamp.size)):
        return False
    session.execute(
        insert(TIMESTAMPS).values(
            size=stamp.size, authority=stamp.authority, response=stamp.response, stamped=stamp.stamped, created=at
        )
    )
    return True


def stamps_of(session: Session, size: int) -> list[StoredStamp]:
    """Return the stored time stamps of the checkpoint of `size`."""
    rows = session.execute(select(TIMESTAMPS).where(TIMESTAMPS.c.size == size).order_by(TIMESTAMPS.c.authority))
    return [StoredStamp(row.size, row.authority, row.response, row.stamped) for row in rows]


def sizes_stamped(session: Session, *, above: int, limit: int) -> Sequence[int]:
    """Return the sizes above `above` that an authority stamped, the largest first."""
    statement = (
        select(TIMESTAMPS.c.size)
        .where(TIMESTAMPS.c.size > above)
        .distinct()
        .order_by(TIMESTAMPS.c.size.desc())
        .limit(limit)
    )
    return list(session.execute(statement).scalars())


def stored_checkpoint(session: Session, size: int, *, origin: str, verifier: Verifier) -> Checkpoint | None:
    """Return the stored checkpoint of exactly `size`, verified, or None.

    Raises `CheckpointError` if the log's key did not sign it, `LogDivergedError` if its row was edited.
    """
    row = session.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.size == size)).one_or_none()
    if row is None:
        return None
    checkpoint = parse_and_verify(row.note, origin=origin, verifiers=(verifier,))
    if (checkpoint.size, checkpoint.root) != (row.size, row.root):
        raise LogDivergedError(f"the stored checkpoint of size {size} is not what was signed; run fsck")
    return checkpoint


def counted_sizes(session: Session) -> Sequence[int]:
    """Return every size of which somebody else has signed the checkpoint, rising."""
    sizes = set(session.execute(select(COSIGNATURES.c.size).distinct()).scalars())
    return sorted(sizes | set(session.execute(select(TIMESTAMPS.c.size).distinct()).scalars()))
