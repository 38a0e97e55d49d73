"""What was heard in each episode's finished audio."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; episodes that were released before have no row, and those under way get theirs."""
    op.create_table(
        "episodehearing",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("clip_sha256", sa.String(64), nullable=False),
        sa.Column("listener", sa.String(255), nullable=False),
        sa.Column("listener_digest", sa.String(80), nullable=False),
        sa.Column("transcript_digest", sa.String(80), nullable=False),
        sa.Column("transcript", sa.JSON(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodehearing_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodehearing"),
    )


def downgrade() -> None:
    """Drop the table; the log keeps the digests of what was heard."""
    op.drop_table("episodehearing")
