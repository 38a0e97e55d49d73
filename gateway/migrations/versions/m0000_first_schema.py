"""The first schema: episodes and what becomes of them, API keys, worker leases, and the audit log with its guards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from audit.guards import GUARDS
from audit.store import append_only_ddl

revision = "0000"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's rowid is an INTEGER of 64 bits
LOG_TABLES = ("audit_entry", "audit_tile", "audit_head", "audit_checkpoint")


def upgrade() -> None:
    """Create every table, the log's empty head, and the triggers that refuse changes to its rows."""
    op.create_table(
        "apikey",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("secret_digest", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_apikey"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", INDEX, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("idx", INDEX, autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("idx >= 0", name="ck_audit_entry_index"),
        sa.CheckConstraint("length(leaf) <= 65535", name="ck_audit_entry_leaf"),
        sa.CheckConstraint("length(leaf_hash) = 32", name="ck_audit_entry_leaf_hash"),
        sa.PrimaryKeyConstraint("idx", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_audit_head_one_row"),
        sa.CheckConstraint("size >= 0", name="ck_audit_head_size"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("idx", INDEX, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hashes) BETWEEN 32 AND 8192", name="ck_audit_tile_hashes"),
        sa.PrimaryKeyConstraint("level", "idx", name="pk_audit_tile"),
    )
    op.create_table(
        "executorlease",
        sa.Column("executor_id", sa.String(128), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name="pk_executorlease"),
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submitter", sa.String(64), nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("request_digest", sa.String(80), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("show", sa.Text(), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("script_digest", sa.String(80), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.Column("failure", sa.String(64), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submission"),
        sa.UniqueConstraint("submitter", "idempotency_key", name="uq_submission_submitter"),
    )
    op.create_index("ix_submission_state_received", "submission", ["state", "received_at"])
    op.create_table(
        "clip",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size", INDEX, nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("loudness", sa.Float(), nullable=False),
        sa.Column("true_peak", sa.Float(), nullable=False),
        sa.Column("manifest_label", sa.String(255), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_clip_episode_id_submission"),
        sa.PrimaryKeyConstraint("sha256", name="pk_clip"),
        sa.UniqueConstraint("episode_id", "media_type", name="uq_clip_episode_id"),
    )
    op.create_index("ix_clip_episode_id", "clip", ["episode_id"])
    op.create_index("ix_clip_manifest_label", "clip", ["manifest_label"])
    op.create_table(
        "episodeapproval",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("approver", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_at", TIME, nullable=False),
        sa.Column("entry_index", INDEX, nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodeapproval_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodeapproval"),
    )
    op.create_table(
        "episodefingerprint",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodefingerprint_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episodefingerprint"),
    )
    op.create_table(
        "episodereceipt",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("entry_index", INDEX, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episodereceipt_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", "purpose", name="pk_episodereceipt"),
    )
    op.create_table(
        "episoderelease",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("released_at", TIME, nullable=False),
        sa.Column("entry_index", INDEX, nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_episoderelease_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_episoderelease"),
    )
    op.create_index("ix_episoderelease_released_at", "episoderelease", ["released_at"])
    op.create_table(
        "reviewcase",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=True),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(64), nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_reviewcase_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_reviewcase"),
    )
    op.create_table(
        "timeline",
        sa.Column("episode_id", sa.String(32), nullable=False),
        sa.Column("cues", sa.JSON(), nullable=False),
        sa.Column("chapters", sa.JSON(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["submission.id"], name="fk_timeline_episode_id_submission"),
        sa.PrimaryKeyConstraint("episode_id", name="pk_timeline"),
    )
    for statement in append_only_ddl(op.get_context().dialect.name, tables=LOG_TABLES):
        op.execute(statement)


def downgrade() -> None:
    """Drop everything, the log included: this ends the history that its checkpoints vouch for."""
    op.drop_table("timeline")
    op.drop_table("reviewcase")
    op.drop_index("ix_episoderelease_released_at", table_name="episoderelease")
    op.drop_table("episoderelease")
    op.drop_table("episodereceipt")
    op.drop_table("episodefingerprint")
    op.drop_table("episodeapproval")
    op.drop_index("ix_clip_manifest_label", table_name="clip")
    op.drop_index("ix_clip_episode_id", table_name="clip")
    op.drop_table("clip")
    op.drop_index("ix_submission_state_received", table_name="submission")
    op.drop_table("submission")
    op.drop_table("executorlease")
    op.drop_table("audit_tile")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_entry_subject", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("audit_checkpoint")
    op.drop_table("apikey")
    if op.get_context().dialect.name == "postgresql":
        for guard in GUARDS:  # their triggers went with the tables
            op.execute(f"DROP FUNCTION IF EXISTS {guard.name}()")
