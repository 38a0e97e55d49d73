"""What others say about checkpoints, with its guards; and what an approved episode waits for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from audit.guards import COUNTERSIGNATURE_GUARDS, countersignature_ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create both tables and their triggers; adding a column keeps the triggers of other tables."""
    op.create_table(
        "audit_cosignature",
        sa.Column("size", INDEX, autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.ForeignKeyConstraint(["size"], ["audit_checkpoint.size"], name="fk_audit_cosignature_size_audit_checkpoint"),
        sa.PrimaryKeyConstraint("size", "witness", "key_id", name="pk_audit_cosignature"),
    )
    op.create_table(
        "audit_timestamp",
        sa.Column("size", INDEX, autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(255), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("stamped", TIME, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.CheckConstraint("length(response) <= 65536", name="ck_audit_timestamp_response"),
        sa.ForeignKeyConstraint(["size"], ["audit_checkpoint.size"], name="fk_audit_timestamp_size_audit_checkpoint"),
        sa.PrimaryKeyConstraint("size", "authority", name="pk_audit_timestamp"),
    )
    for statement in countersignature_ddl(op.get_context().dialect.name):
        op.execute(statement)
    op.add_column("submission", sa.Column("waiting_for", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop both tables: checkpoints lose what others said about them, receipts that carry it keep it."""
    op.drop_column("submission", "waiting_for")
    op.drop_table("audit_timestamp")
    op.drop_table("audit_cosignature")
    if op.get_context().dialect.name == "postgresql":
        for guard in COUNTERSIGNATURE_GUARDS:  # their triggers went with the tables
            op.execute(f"DROP FUNCTION IF EXISTS {guard.name}()")
