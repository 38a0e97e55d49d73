"""Decisions for figures, golden items, second looks, exposure and breaks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up an INTEGER PRIMARY KEY only


def _episode(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name=f"fk_{table}_episode_id_submission")


def upgrade() -> None:
    """Create the tables; figures begin with the decisions that are taken from now on."""
    op.create_table(
        "judgement",
        sa.Column("id", INDEX, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("screened", sa.String(8), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        _episode("judgement"),
        sa.PrimaryKeyConstraint("id", name="pk_judgement"),
    )
    op.create_index("ix_judgement_at", "judgement", ["at"])
    op.create_index("ix_judgement_person", "judgement", ["person", "at"])
    op.create_index("ix_judgement_episode_id", "judgement", ["episode_id"])
    op.create_table(
        "goldenitem",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("submitter", sa.String(64), nullable=False),
        sa.Column("expected", sa.String(16), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("retired_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_goldenitem"),
    )
    op.create_table(
        "goldencase",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("golden_id", sa.String(32), nullable=False),
        sa.Column("planted_at", TIME, nullable=False),
        sa.Column("answer", sa.String(16), nullable=True),
        sa.Column("answered_by", sa.String(64), nullable=True),
        sa.Column("answered_at", TIME, nullable=True),
        _episode("goldencase"),
        sa.ForeignKeyConstraint(["golden_id"], ["goldenitem.id"], name="fk_goldencase_golden_id_goldenitem"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_goldencase"),
    )
    for column in ("golden_id", "planted_at", "answered_by"):
        op.create_index(f"ix_goldencase_{column}", "goldencase", [column])
    op.create_table(
        "secondlook",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("first_by", sa.JSON(), nullable=False),
        sa.Column("first_verdict", sa.String(16), nullable=False),
        sa.Column("senior", sa.Boolean(), nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=True),
        sa.Column("claimed_at", TIME, nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("second_by", sa.String(64), nullable=True),
        sa.Column("second_verdict", sa.String(16), nullable=True),
        sa.Column("second_at", TIME, nullable=True),
        sa.Column("second_reason", sa.Text(), nullable=False),
        sa.Column("settled_by", sa.String(64), nullable=True),
        sa.Column("settled_verdict", sa.String(16), nullable=True),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_reason", sa.Text(), nullable=False),
        _episode("secondlook"),
        sa.PrimaryKeyConstraint("id", name="pk_secondlook"),
        sa.UniqueConstraint("episode_id", "version", name="uq_secondlook_episode_id"),
    )
    op.create_index("ix_secondlook_stage", "secondlook", ["stage", "asked_at"])
    op.create_index("ix_secondlook_episode_id", "secondlook", ["episode_id"])
    op.create_table(
        "exposure",
        sa.Column("id", INDEX, autoincrement=True, nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("severe", sa.Boolean(), nullable=False),
        _episode("exposure"),
        sa.PrimaryKeyConstraint("id", name="pk_exposure"),
    )
    op.create_index("ix_exposure_person", "exposure", ["person", "at"])
    op.create_index("ix_exposure_episode_id", "exposure", ["episode_id"])
    op.create_table(
        "pace",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("snoozed_until", TIME, nullable=True),
        sa.Column("unlimited_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("person", name="pk_pace"),
    )


def downgrade() -> None:
    """Drop the tables; the log keeps what was answered, repeated and settled."""
    for table in ("pace", "exposure", "secondlook", "goldencase", "goldenitem", "judgement"):
        op.drop_table(table)
