"""Tables of the log: the outbox, entries, tiles of the Merkle tree, the head, and checkpoints (rows, not values).

An event waits in the outbox, committed with the state that it records, until it gets its place in the log. Entries hold
the exact bytes that were hashed; an entry's hash is also the id of its event, so nothing is in the log twice. Tiles
keep 256 hashes each, as C2SP tlog-tiles lays them out: a level-0 tile holds leaf hashes and is written when it is full;
a hash on the level above is the root of a full tile below. Any node of the tree is therefore a few tiles away, and a
proof costs O(log n).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    TypeDecorator,
    cast,
)
from sqlmodel import Field, SQLModel

from audit.event import MAX_ENTRY_BYTES, MAX_NAME_CHARACTERS
from audit.merkle import HASH_BYTES
from audit.tiles import TILE_BYTES

# Constraints need names that a migration can refer to. The convention must stand before the first table is declared,
# so every module that declares tables imports this one first.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

INDEX_TYPE = BigInteger().with_variant(Integer, "sqlite")  # SQLite's rowid is an INTEGER of 64 bits


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware in Python, UTC in the database, whatever the database does with time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse naive times with `ValueError` and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone; pass an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return UTC; SQLite hands back what was stored without its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Octets(TypeDecorator[bytes]):
    """Bytes, whatever somebody put there: SQLite would hand back text where text was written into a binary column."""

    impl = LargeBinary
    cache_ok = True

    def column_expression(self, column: ColumnElement[bytes]) -> ColumnElement[bytes]:
        """Read text as its bytes; on PostgreSQL this changes nothing."""
        return cast(column, LargeBinary)


class OutboxRow(SQLModel, table=True):
    """One event that is committed and has no place in the log yet; `id` is the order in which places are given."""

    __tablename__ = "audit_outbox"
    __table_args__ = (
        CheckConstraint(f"length(leaf) <= {MAX_ENTRY_BYTES}", "leaf"),
        CheckConstraint(f"length(event_id) = {HASH_BYTES}", "event_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(INDEX_TYPE, Identity(), primary_key=True))
    event_id: bytes = Field(sa_column=Column(Octets, nullable=False, unique=True))  # the hash that the leaf will have
    leaf: bytes = Field(sa_type=Octets)
    kind: str = Field(max_length=64)
    subject: str = Field(max_length=MAX_NAME_CHARACTERS)
    at: datetime = Field(sa_type=UtcDateTime)


class EntryRow(SQLModel, table=True):
    """One entry; `kind`, `subject` and `at` repeat what the leaf says, for look-up only."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_leaf_hash", "leaf_hash", unique=True),
        CheckConstraint("idx >= 0", "index"),
        CheckConstraint(f"length(leaf) <= {MAX_ENTRY_BYTES}", "leaf"),
        CheckConstraint(f"length(leaf_hash) = {HASH_BYTES}", "leaf_hash"),
    )

    idx: int = Field(sa_column=Column(INDEX_TYPE, primary_key=True, autoincrement=False))
    leaf: bytes = Field(sa_type=Octets)
    leaf_hash: bytes = Field(sa_type=Octets)
    kind: str = Field(max_length=64)
    subject: str = Field(max_length=MAX_NAME_CHARACTERS, index=True)
    at: datetime = Field(sa_type=UtcDateTime)


class TileRow(SQLModel, table=True):
    """Up to 256 neighbouring hashes of tree level `level * 8`; at level 0 only full tiles are stored."""

    __tablename__ = "audit_tile"
    __table_args__ = (CheckConstraint(f"length(hashes) BETWEEN {HASH_BYTES} AND {TILE_BYTES}", "hashes"),)

    level: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    idx: int = Field(sa_column=Column(INDEX_TYPE, primary_key=True, autoincrement=False))
    hashes: bytes = Field(sa_type=Octets)


class HeadRow(SQLModel, table=True):
    """The one row that every append locks first: size, root and frontier of the log."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", "one_row"), CheckConstraint("size >= 0", "size"))

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    size: int = Field(sa_type=BigInteger)
    root: bytes = Field(sa_type=Octets)
    frontier: bytes = Field(sa_type=Octets)


class CheckpointRow(SQLModel, table=True):
    """A checkpoint that the log has signed; it can never be unsaid."""

    __tablename__ = "audit_checkpoint"

    size: int = Field(sa_column=Column(INDEX_TYPE, primary_key=True, autoincrement=False))
    root: bytes = Field(sa_type=Octets)
    note: str
    created: datetime = Field(sa_type=UtcDateTime)


OUTBOX = OutboxRow.__table__  # type: ignore[attr-defined]  # SQLModel's stubs do not know the attribute
ENTRIES = EntryRow.__table__  # type: ignore[attr-defined]
TILES = TileRow.__table__  # type: ignore[attr-defined]
HEAD = HeadRow.__table__  # type: ignore[attr-defined]
CHECKPOINTS = CheckpointRow.__table__  # type: ignore[attr-defined]
