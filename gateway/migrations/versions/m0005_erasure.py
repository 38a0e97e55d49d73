"""Secrets that key what the log says about an episode's texts, and what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both tables; an episode from before gets its secret with its next event."""
    op.create_table(
        "episodesecret",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodesecret_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodesecret"),
    )
    op.create_table(
        "erasure",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("requested_by", sa.String(64), nullable=False),
        sa.Column("audio", sa.Boolean(), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_erasure_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_erasure"),
    )
    op.create_index("ix_erasure_done_at", "erasure", ["done_at"])


def downgrade() -> None:
    """Drop both: without the secrets, no entry can be compared with the text that it means."""
    op.drop_index("ix_erasure_done_at", table_name="erasure")
    op.drop_table("erasure")
    op.drop_table("episodesecret")
