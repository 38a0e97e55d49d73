"""Which cases reviewers were told of by e-mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "casenotice",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("about", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_casenotice_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", "about", name="pk_casenotice"),
    )


def downgrade() -> None:
    """Drop the table; whoever is told again is told twice."""
    op.drop_table("casenotice")
