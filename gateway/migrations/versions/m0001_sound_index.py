"""The index of released sound, and a way from a release's entry in the log to its episode."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = "0000"
branch_labels = None
depends_on = None

INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table and the index; episodes that were released before have no keys and are found by marks alone."""
    op.create_table(
        "soundkey",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entry_index", INDEX, autoincrement=False, nullable=False),
        sa.Column("word", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "entry_index", "word", name="pk_soundkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_episoderelease_entry_index", "episoderelease", ["entry_index"], unique=True)


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_episoderelease_entry_index", table_name="episoderelease")
    op.drop_table("soundkey")
