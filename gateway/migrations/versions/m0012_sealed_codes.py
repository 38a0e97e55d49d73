"""Secrets of codes are kept sealed, which is longer; the first start seals those that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the secrets to a wider column: SQLite cannot rebuild a table that others refer to."""
    op.add_column("account", sa.Column("codes_secret", sa.String(255), nullable=True))
    op.execute("UPDATE account SET codes_secret = totp_secret")
    op.drop_column("account", "totp_secret")


def downgrade() -> None:
    """Move back what is not sealed; an earlier version can open nothing else, so those accounts need a reset."""
    op.add_column("account", sa.Column("totp_secret", sa.String(64), nullable=True))
    op.execute("UPDATE account SET password_hash = NULL WHERE codes_secret LIKE 'sealed1.%'")
    op.execute("UPDATE account SET totp_secret = codes_secret WHERE codes_secret NOT LIKE 'sealed1.%'")
    op.drop_column("account", "codes_secret")
