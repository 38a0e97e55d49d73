"""Pronunciations that people approved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "approved_pronunciation",
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("sound", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.String(64), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.String(64), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_approved_pronunciation"),
    )


def downgrade() -> None:
    """Drop the table; the log keeps which entries were approved and revoked, by digest."""
    op.drop_table("approved_pronunciation")
