"""Sound that was made elsewhere, and the shows and episodes of save-to-spotify."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, and say of every submission so far that it is a script."""
    op.add_column("submission", sa.Column("kind", sa.String(16), nullable=False, server_default="script"))
    op.create_table(
        "upload",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("source_type", sa.String(40), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("conclusion", sa.String(32), nullable=True),
        sa.Column("credentials", sa.String(16), nullable=True),
        sa.Column("kept_marks", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_upload_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_upload"),
    )
    op.create_index("ix_upload_sha256", "upload", ["sha256"])
    op.create_table(
        "savedshow",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_savedshow"),
    )
    op.create_index("ix_savedshow_owner", "savedshow", ["owner"])
    op.create_table(
        "savedepisode",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("show_id", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("episode_id", sa.String(32), nullable=True),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("timeline", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["show_id"], ["savedshow.id"], name="fk_savedepisode_show_id_savedshow"),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_savedepisode_episode_id_submission"),
        sa.PrimaryKeyConstraint("id", name="pk_savedepisode"),
        sa.UniqueConstraint("token_digest", name="uq_savedepisode_token_digest"),
    )
    op.create_index("ix_savedepisode_show_id", "savedepisode", ["show_id"])


def downgrade() -> None:
    """Drop the tables and the column; what became of uploads stays, as submissions like any other."""
    op.drop_index("ix_savedepisode_show_id", "savedepisode")
    op.drop_table("savedepisode")
    op.drop_index("ix_savedshow_owner", "savedshow")
    op.drop_table("savedshow")
    op.drop_index("ix_upload_sha256", "upload")
    op.drop_table("upload")
    op.drop_column("submission", "kind")
