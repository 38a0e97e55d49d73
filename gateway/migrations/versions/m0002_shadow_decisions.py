"""Decisions of policies in shadow: kept for comparison, read by nothing that decides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shadow_decision",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("policy_digest", sa.String(80), nullable=False),
        sa.Column("policy_id", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(32), nullable=False),
        sa.Column("live_digest", sa.String(80), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("begun_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_shadow_decision_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", "policy_digest", name="pk_shadow_decision"),
    )
    op.create_index("ix_shadow_decision_policy_digest", "shadow_decision", ["policy_digest", "begun_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_shadow_decision_policy_digest", table_name="shadow_decision")
    op.drop_table("shadow_decision")
