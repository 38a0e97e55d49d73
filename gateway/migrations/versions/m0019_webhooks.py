"""Webhooks: endpoints, and the messages for each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ENTRY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "webhookendpoint",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("secret", sa.String(255), nullable=False),
        sa.Column("previous_secret", sa.String(255), nullable=True),
        sa.Column("previous_until", TIME, nullable=True),
        sa.Column("next_entry", ENTRY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("disabled_reason", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhookendpoint"),
    )
    op.create_table(
        "webhookdelivery",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("endpoint_id", sa.String(32), nullable=False),
        sa.Column("entry", ENTRY, nullable=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("episode_id", sa.String(64), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhookendpoint.id"], name="fk_webhookdelivery_endpoint_id_webhookendpoint"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhookdelivery"),
        sa.UniqueConstraint("endpoint_id", "entry", name="uq_webhookdelivery_endpoint_id"),
    )
    op.create_index("ix_webhookdelivery_due", "webhookdelivery", ["standing", "next_attempt_at"])
    op.create_index("ix_webhookdelivery_newest", "webhookdelivery", ["endpoint_id", "created_at"])


def downgrade() -> None:
    """Drop them; nobody is told anything any more."""
    op.drop_index("ix_webhookdelivery_newest", table_name="webhookdelivery")
    op.drop_index("ix_webhookdelivery_due", table_name="webhookdelivery")
    op.drop_table("webhookdelivery")
    op.drop_table("webhookendpoint")
