"""Locks by which a worker's death is noticed at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; workers of the version before hold no lock, and their leases decide."""
    op.add_column("executorlease", sa.Column("lock", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("executorlease", "lock")
