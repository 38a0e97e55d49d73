"""Which released episodes were taken back, why, and what takes their place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "episodewithdrawal",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_by", sa.String(64), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replacement", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodewithdrawal_episode_id_submission"),
        sa.ForeignKeyConstraint(["replacement"], ["submission.id"], name="fk_episodewithdrawal_replacement_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodewithdrawal"),
    )


def downgrade() -> None:
    """Drop the table; the log keeps that episodes were taken back, and an older version shows them as unknown."""
    op.drop_table("episodewithdrawal")
