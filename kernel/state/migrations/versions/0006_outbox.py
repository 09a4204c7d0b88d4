"""Messages on their way outside, groups of alerts, and callbacks that were received.

A migration that was released is never edited. Instants are microseconds since 1970.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "outbox",
        Column("tenant", String(63), nullable=False),
        Column("dedup_key", String(128), nullable=False),
        Column("destination", String(63), nullable=False),
        Column("stream", String(128), nullable=False),
        Column("number", Integer, nullable=False),
        Column("body", Text, nullable=False),
        Column("incident_id", String(32), nullable=False),
        Column("incidents", Integer, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_at", BigInteger),
        Column("lease_owner", String(64)),
        Column("lease_until", BigInteger),
        Column("delivered_at", BigInteger),
        Column("dead_at", BigInteger),
        Column("last_code", String(64), nullable=False),
        Column("last_detail", Text, nullable=False),
        PrimaryKeyConstraint("tenant", "dedup_key", name="pk_outbox"),
        UniqueConstraint(
            "tenant", "destination", "stream", "number", name="uq_outbox_tenant_destination_stream_number"
        ),
    )
    op.create_index("ix_outbox_tenant_next_at", "outbox", ["tenant", "next_at"])
    op.create_index("ix_outbox_tenant_dead_at", "outbox", ["tenant", "dead_at"])
    op.create_table(
        "alert_groups",
        Column("tenant", String(63), nullable=False),
        Column("group_id", String(32), nullable=False),
        Column("policy", String(63), nullable=False),
        Column("labels", Text, nullable=False),
        Column("next_flush_at", BigInteger),
        Column("told", Integer, nullable=False),
        Column("last_told_at", BigInteger),
        PrimaryKeyConstraint("tenant", "group_id", name="pk_alert_groups"),
    )
    op.create_index("ix_alert_groups_tenant_next_flush_at", "alert_groups", ["tenant", "next_flush_at"])
    op.create_table(
        "alert_members",
        Column("tenant", String(63), nullable=False),
        Column("policy", String(63), nullable=False),
        Column("incident_id", String(32), nullable=False),
        Column("group_id", String(32), nullable=False),
        Column("news", Text, nullable=False),
        Column("firing", Boolean, nullable=False),
        Column("acknowledged", Boolean, nullable=False),
        Column("told_as", String(16), nullable=False),
        Column("joined_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "policy", "incident_id", name="pk_alert_members"),
        ForeignKeyConstraint(
            ["tenant", "group_id"],
            ["alert_groups.tenant", "alert_groups.group_id"],
            name="fk_alert_members_tenant_group_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_alert_members_tenant_group_id", "alert_members", ["tenant", "group_id"])
    op.create_table(
        "received_callbacks",
        Column("tenant", String(63), nullable=False),
        Column("connection", String(63), nullable=False),
        Column("message_id", String(255), nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("taken_at", BigInteger),
        PrimaryKeyConstraint("tenant", "connection", "message_id", name="pk_received_callbacks"),
    )
    op.create_index("ix_received_callbacks_tenant_received_at", "received_callbacks", ["tenant", "received_at"])
