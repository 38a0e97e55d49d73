"""People who sign in to the console: accounts, their sessions, and links that sign in once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables; an API key may belong to an account, so that nobody reviews what they submitted."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=True),
        sa.Column("totp_secret", sa.String(64), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("signed_in_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_table(
        "consolesession",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_consolesession_account_id_account"),
        sa.PrimaryKeyConstraint("digest", name="pk_consolesession"),
    )
    op.create_index("ix_consolesession_account_id", "consolesession", ["account_id"])
    op.create_table(
        "signinlink",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_signinlink_account_id_account"),
        sa.PrimaryKeyConstraint("digest", name="pk_signinlink"),
    )
    op.create_index("ix_signinlink_account_id", "signinlink", ["account_id"])
    op.add_column("apikey", sa.Column("account_id", sa.String(64), nullable=True))


def downgrade() -> None:
    """Drop all of it; nobody can sign in, API keys work on."""
    op.drop_column("apikey", "account_id")
    op.drop_index("ix_signinlink_account_id", table_name="signinlink")
    op.drop_table("signinlink")
    op.drop_index("ix_consolesession_account_id", table_name="consolesession")
    op.drop_table("consolesession")
    op.drop_table("account")
