"""Cases that are put off until a time, and views of the queue that people name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table; nothing is put off yet."""
    op.add_column("reviewcase", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_reviewcase_held", "reviewcase", ["open", "held_until"])
    op.create_table(
        "savedview",
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_savedview_account_id_account"),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_savedview"),
    )


def downgrade() -> None:
    """Drop both; what was put off waits like any other case."""
    op.drop_table("savedview")
    op.drop_index("ix_reviewcase_held", table_name="reviewcase")
    with op.batch_alter_table("reviewcase") as table:
        table.drop_column("held_until")
