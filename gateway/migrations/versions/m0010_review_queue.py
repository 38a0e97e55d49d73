"""What the queue is ordered and filtered by, two signatures, and who did what to a case."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up an INTEGER PRIMARY KEY only
INDEXES = {
    "ix_reviewcase_oldest": ["open", "requested_at", "episode_id"],
    "ix_reviewcase_riskiest": ["open", "calm", "requested_at", "episode_id"],
    "ix_reviewcase_due": ["open", "due_at"],
    "ix_reviewcase_show": ["open", "show_key", "episode_id"],
    "ix_reviewcase_verdict": ["open", "screened"],
    "ix_reviewcase_senior": ["open", "senior"],
    "ix_reviewcase_proposed": ["open", "proposed_by"],
    "ix_reviewcase_history": ["show_key", "decided_at"],
    "ix_reviewcase_decided": ["decided_at", "episode_id"],
}
COLUMNS: dict[str, tuple[Any, Any]] = {  # type, and what cases from before get; None may stay empty
    "open": (sa.Boolean(), sa.true()),
    "calm": (sa.Integer(), "50"),
    "due_at": (TIME, None),
    "screened": (sa.String(8), "review"),
    "show_key": (sa.String(16), ""),
    "senior": (sa.Boolean(), sa.false()),
    "two_people": (sa.Boolean(), sa.false()),
    "meant_for": (sa.String(64), None),
    "proposed_by": (sa.String(64), None),
    "proposed_at": (TIME, None),
    "categories": (sa.JSON(), None),
}


def upgrade() -> None:
    """Add the columns; cases from before are of middle risk and due at once, and need one signature as they did."""
    for name, (kind, value) in COLUMNS.items():
        op.add_column("reviewcase", sa.Column(name, kind, nullable=value is None, server_default=value))
    case = sa.table("reviewcase", *(sa.column(name) for name in ("due_at", "requested_at", "open", "verdict")))
    op.execute(sa.update(case).values(due_at=case.c.requested_at))
    op.execute(sa.update(case).where(case.c.verdict.is_not(None)).values(open=sa.false()))
    with op.batch_alter_table("reviewcase") as table:
        table.alter_column("due_at", existing_type=TIME, nullable=False)
        for name, (_, value) in COLUMNS.items():
            if value is not None:
                table.alter_column(name, server_default=None)
    for name, columns in INDEXES.items():
        op.create_index(name, "reviewcase", columns)
    op.create_table(
        "reviewrule",
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_reviewrule_episode_id_submission"),
        sa.PrimaryKeyConstraint("rule", "episode_id", name="pk_reviewrule"),
    )
    op.create_index("ix_reviewrule_episode_id", "reviewrule", ["episode_id"])
    op.create_table(
        "reviewaction",
        sa.Column("id", INDEX, autoincrement=True, nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("target", sa.String(64), nullable=True),
        sa.Column("entry_index", INDEX, nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_reviewaction_episode_id_submission"),
        sa.PrimaryKeyConstraint("id", name="pk_reviewaction"),
    )
    op.create_index("ix_reviewaction_episode_id", "reviewaction", ["episode_id"])


def downgrade() -> None:
    """Drop it; cases that wait keep waiting, and a first signature is forgotten."""
    op.drop_index("ix_reviewaction_episode_id", table_name="reviewaction")
    op.drop_table("reviewaction")
    op.drop_index("ix_reviewrule_episode_id", table_name="reviewrule")
    op.drop_table("reviewrule")
    for name in INDEXES:
        op.drop_index(name, table_name="reviewcase")
    with op.batch_alter_table("reviewcase") as table:
        for name in COLUMNS:
            table.drop_column(name)
