"""Appeals, and people who do not decide the same episode again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table, and add the column; nobody is barred from what came before."""
    op.add_column("reviewcase", sa.Column("barred", sa.JSON(), nullable=True))
    op.create_table(
        "appeal",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("against", sa.String(16), nullable=False),
        sa.Column("refused_by", sa.JSON(), nullable=False),
        sa.Column("refused_at", TIME, nullable=False),
        sa.Column("statement", sa.JSON(), nullable=True),
        sa.Column("filed_by", sa.String(64), nullable=False),
        sa.Column("filed_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("senior", sa.Boolean(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=True),
        sa.Column("decided_by", sa.String(64), nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("led_to", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_appeal_episode_id_submission"),
        sa.PrimaryKeyConstraint("id", name="pk_appeal"),
        sa.UniqueConstraint("episode_id", "version", name="uq_appeal_episode_id"),
    )
    op.create_index("ix_appeal_episode_id", "appeal", ["episode_id"])
    op.create_index("ix_appeal_open", "appeal", ["open", "due_at"])
    op.create_index("ix_appeal_decided", "appeal", ["decided_at"])


def downgrade() -> None:
    """Drop it; the log keeps that appeals were filed and decided."""
    op.drop_index("ix_appeal_decided", table_name="appeal")
    op.drop_index("ix_appeal_open", table_name="appeal")
    op.drop_index("ix_appeal_episode_id", table_name="appeal")
    op.drop_table("appeal")
    op.drop_column("reviewcase", "barred")
