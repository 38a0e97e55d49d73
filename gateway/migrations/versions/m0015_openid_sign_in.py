"""People may sign in with an OpenID provider: accounts bound to who they are there, and sign-ins under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("account", sa.Column("issuer", sa.String(255), nullable=True))
    op.add_column("account", sa.Column("subject", sa.String(255), nullable=True))
    op.create_index("ix_account_provider", "account", ["issuer", "subject"], unique=True)
    op.add_column("consolesession", sa.Column("hint", sa.Text(), nullable=True))
    op.create_table(
        "signinattempt",
        sa.Column("state_digest", sa.String(64), nullable=False),
        sa.Column("browser_digest", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(128), nullable=False),
        sa.Column("wanted", sa.String(700), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name="pk_signinattempt"),
    )
    op.create_index("ix_signinattempt_expires_at", "signinattempt", ["expires_at"])


def downgrade() -> None:
    """Drop them; accounts of the provider stay, without a way in, because the log names them."""
    op.drop_index("ix_signinattempt_expires_at", table_name="signinattempt")
    op.drop_table("signinattempt")
    op.drop_column("consolesession", "hint")
    op.drop_index("ix_account_provider", table_name="account")
    op.drop_column("account", "subject")
    op.drop_column("account", "issuer")
