"""Revisions without the sentences that a reviewer took out, and what was decided about speakers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns, table and indexes; speakers are known of what is decided from now on."""
    op.add_column("submission", sa.Column("revises", sa.String(32), nullable=True))
    op.create_index("ix_submission_revises", "submission", ["revises"])
    op.create_index("ix_submission_request_digest", "submission", ["request_digest"])
    op.add_column("reviewcase", sa.Column("taken_out", sa.JSON(), nullable=True))
    op.create_table(
        "reviewspeaker",
        sa.Column("speaker_key", sa.String(16), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_reviewspeaker_episode_id_submission"),
        sa.PrimaryKeyConstraint("speaker_key", "episode_id", name="pk_reviewspeaker"),
    )
    op.create_index("ix_reviewspeaker_newest", "reviewspeaker", ["speaker_key", "decided_at"])


def downgrade() -> None:
    """Drop them; a revision goes on as a submission like any other."""
    op.drop_index("ix_reviewspeaker_newest", table_name="reviewspeaker")
    op.drop_table("reviewspeaker")
    with op.batch_alter_table("reviewcase") as table:
        table.drop_column("taken_out")
    op.drop_index("ix_submission_request_digest", table_name="submission")
    op.drop_index("ix_submission_revises", table_name="submission")
    op.drop_column("submission", "revises")  # in place: other tables refer to this one
