"""Runs of playbooks: what they did, what they wait for, and what is to be told about them.

A migration that was released is never edited. Instants are microseconds since 1970.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "playbooks",
        Column("tenant", String(63), nullable=False),
        Column("playbook_hash", String(64), nullable=False),
        Column("name", String(64), nullable=False),
        Column("author", String(254), nullable=False),
        Column("body", Text, nullable=False),
        Column("added_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "playbook_hash", name="pk_playbooks"),
    )
    op.create_table(
        "runs",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("open_key", String(64)),
        Column("process", String(128), nullable=False),
        Column("incident_id", String(32), nullable=False),
        Column("key", String(254), nullable=False),
        Column("playbook", String(64), nullable=False),
        Column("playbook_hash", String(64), nullable=False),
        Column("mode", String(16), nullable=False),
        Column("requested_by", String(254), nullable=False),
        Column("hits", Integer, nullable=False),
        Column("status", String(16), nullable=False),
        Column("reason", String(32)),
        Column("position", String(64), nullable=False),
        Column("visits", Text, nullable=False),
        Column("context", Text, nullable=False),
        Column("at_stake", BigInteger),
        Column("wake_at", BigInteger),
        Column("lease_owner", String(128)),
        Column("lease_until", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("holds", Integer, nullable=False),
        Column("nudges", Integer, nullable=False),
        Column("events", Integer, nullable=False),
        Column("cancel_by", String(254)),
        Column("opened_at", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
        PrimaryKeyConstraint("tenant", "run_id", name="pk_runs"),
        ForeignKeyConstraint(
            ["tenant", "playbook_hash"],
            ["playbooks.tenant", "playbooks.playbook_hash"],
            name="fk_runs_tenant_playbook_hash",
        ),
        UniqueConstraint("tenant", "open_key", name="uq_runs_tenant_open_key"),
    )
    op.create_index("ix_runs_tenant_process_opened_at", "runs", ["tenant", "process", "opened_at"])
    op.create_index("ix_runs_tenant_status_wake_at", "runs", ["tenant", "status", "wake_at"])
    op.create_table(
        "run_cases",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("case_id", String(254), nullable=False),
        Column("process", String(128), nullable=False),
        Column("store", String(254), nullable=False),
        PrimaryKeyConstraint("tenant", "run_id", "case_id", name="pk_run_cases"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_cases_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_run_cases_tenant_process_case_id", "run_cases", ["tenant", "process", "case_id"])
    op.create_table(
        "run_steps",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("step", String(64), nullable=False),
        Column("visit", Integer, nullable=False),
        Column("number", Integer, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("key", String(128), nullable=False),
        Column("status", String(16), nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("in_doubt", Integer, nullable=False),
        Column("request", Text),
        Column("output", Text),
        Column("error", Text),
        Column("started_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
        Column("compensated_at", BigInteger),
        PrimaryKeyConstraint("tenant", "run_id", "step", "visit", name="pk_run_steps"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_steps_tenant_run_id",
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant", "key", name="uq_run_steps_tenant_key"),
    )
    op.create_table(
        "run_waits",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("step", String(64), nullable=False),
        Column("visit", Integer, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("match_key", String(254), nullable=False),
        Column("asked", Text, nullable=False),
        Column("level", Integer, nullable=False),
        Column("next_level_at", BigInteger),
        Column("deadline", BigInteger, nullable=False),
        Column("opened_at", BigInteger, nullable=False),
        Column("closed_at", BigInteger),
        Column("outcome", String(16)),
        PrimaryKeyConstraint("tenant", "run_id", "step", "visit", name="pk_run_waits"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_waits_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_run_waits_tenant_kind_closed_at", "run_waits", ["tenant", "kind", "closed_at"])
    op.create_table(
        "run_signals",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("step", String(64), nullable=False),
        Column("visit", Integer, nullable=False),
        Column("dedup_key", String(254), nullable=False),
        Column("actor", String(254), nullable=False),
        Column("body", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "run_id", "step", "visit", "dedup_key", name="pk_run_signals"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_signals_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "run_votes",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("step", String(64), nullable=False),
        Column("visit", Integer, nullable=False),
        Column("actor", String(254), nullable=False),
        Column("decision", String(16), nullable=False),
        Column("reason", Text, nullable=False),
        Column("roles", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "run_id", "step", "visit", "actor", name="pk_run_votes"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_votes_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "run_events",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("number", Integer, nullable=False),
        Column("activity", String(64), nullable=False),
        Column("actor", String(254), nullable=False),
        Column("body", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("sent_at", BigInteger),
        PrimaryKeyConstraint("tenant", "run_id", "number", name="pk_run_events"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_run_events_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_run_events_tenant_sent_at_at", "run_events", ["tenant", "sent_at", "at"])
    op.create_table(
        "dead_letters",
        Column("tenant", String(63), nullable=False),
        Column("run_id", String(32), nullable=False),
        Column("number", Integer, nullable=False),
        Column("step", String(64), nullable=False),
        Column("visit", Integer, nullable=False),
        Column("phase", String(16), nullable=False),
        Column("code", String(64), nullable=False),
        Column("detail", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("requeued_at", BigInteger),
        Column("requeued_by", String(254)),
        PrimaryKeyConstraint("tenant", "run_id", "number", name="pk_dead_letters"),
        ForeignKeyConstraint(
            ["tenant", "run_id"],
            ["runs.tenant", "runs.run_id"],
            name="fk_dead_letters_tenant_run_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dead_letters_tenant_requeued_at", "dead_letters", ["tenant", "requeued_at"])
    op.create_table(
        "mutes",
        Column("tenant", String(63), nullable=False),
        Column("mute_id", String(32), nullable=False),
        Column("process", String(128), nullable=False),
        Column("playbook", String(64), nullable=False),
        Column("key", String(254), nullable=False),
        Column("reason", Text, nullable=False),
        Column("muted_by", String(254), nullable=False),
        Column("muted_at", BigInteger, nullable=False),
        Column("until", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "mute_id", name="pk_mutes"),
    )
    op.create_table(
        "limit_buckets",
        Column("tenant", String(63), nullable=False),
        Column("connection", String(64), nullable=False),
        Column("millitokens", BigInteger, nullable=False),
        Column("refilled_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "connection", name="pk_limit_buckets"),
    )
    op.create_table(
        "limit_slots",
        Column("tenant", String(63), nullable=False),
        Column("connection", String(64), nullable=False),
        Column("holder", String(160), nullable=False),
        Column("until", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "connection", "holder", name="pk_limit_slots"),
    )
