"""Events wait in an outbox before they get their place in the log, and the log takes each event once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from audit.store import append_only_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid is an INTEGER of 64 bits
TIME = sa.DateTime(timezone=True)
GUARDED = ("audit_outbox", "audit_entry")


def upgrade() -> None:
    """Create the outbox and the index by hash; no entry is touched."""
    op.create_table(
        "audit_outbox",
        sa.Column("id", INDEX, sa.Identity(), nullable=False),
        sa.Column("event_id", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("length(leaf) <= 65535", name="ck_audit_outbox_leaf"),
        sa.CheckConstraint("length(event_id) = 32", name="ck_audit_outbox_event_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_outbox"),
        sa.UniqueConstraint("event_id", name="uq_audit_outbox_event_id"),
    )
    # Earlier versions let the same bytes in twice, if only within one microsecond. Such a log stays as it is.
    twice = sa.text("SELECT count(*) - count(DISTINCT leaf_hash) FROM audit_entry")
    size = sa.text("SELECT count(*) FROM audit_entry")
    connection = op.get_bind()
    since = sa.text(f"idx >= {connection.scalar(size)}") if connection.scalar(twice) else None
    op.create_index(
        "ix_audit_entry_leaf_hash",
        "audit_entry",
        ["leaf_hash"],
        unique=True,
        sqlite_where=since,
        postgresql_where=since,
    )
    for statement in append_only_ddl(op.get_context().dialect.name, tables=GUARDED):
        op.execute(statement)


def downgrade() -> None:
    """Drop both, unless an event waits: the version before would never give it its place."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM audit_outbox")):
        raise RuntimeError("events wait in the outbox; let a worker of this version give them their places first")
    op.drop_index("ix_audit_entry_leaf_hash", table_name="audit_entry")
    op.drop_table("audit_outbox")
    if op.get_context().dialect.name == "postgresql":
        for event in ("insert", "update", "delete", "truncate"):  # their triggers went with the table
            op.execute(f"DROP FUNCTION IF EXISTS audit_outbox_guards_{event}()")
