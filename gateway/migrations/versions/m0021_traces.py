"""The trace of the request that submitted an episode, so that the worker's steps belong to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; episodes of before have no trace."""
    op.add_column("submission", sa.Column("traceparent", sa.String(55), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("submission", "traceparent")
