"""Incidents and what was said and done about them.

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

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "incidents",
        Column("tenant", String(63), nullable=False),
        Column("incident_id", String(32), nullable=False),
        Column("open_key", String(64)),
        Column("process", String(128), nullable=False),
        Column("kind", String(32), nullable=False),
        Column("rule", String(254), nullable=False),
        Column("cause", Text, nullable=False),
        Column("title", Text, nullable=False),
        Column("suspect", Text, nullable=False),
        Column("severity", String(8), nullable=False),
        Column("state", String(16), nullable=False),
        Column("owner", String(128), nullable=False),
        Column("dependency_owner", String(128), nullable=False),
        Column("opened_at", BigInteger, nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("last_found_at", BigInteger, nullable=False),
        Column("findings", Integer, nullable=False),
        Column("acknowledged_at", BigInteger),
        Column("acknowledged_by", String(64)),
        Column("resolved_at", BigInteger),
        Column("resolution", String(32)),
        Column("told", String(64), nullable=False),
        PrimaryKeyConstraint("tenant", "incident_id", name="pk_incidents"),
        UniqueConstraint("tenant", "open_key", name="uq_incidents_tenant_open_key"),
    )
    op.create_index("ix_incidents_tenant_state_process", "incidents", ["tenant", "state", "process"])
    op.create_table(
        "incident_notes",
        Column("tenant", String(63), nullable=False),
        Column("incident_id", String(32), nullable=False),
        Column("number", Integer, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("author", String(254), nullable=False),
        Column("text", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "incident_id", "number", name="pk_incident_notes"),
        ForeignKeyConstraint(
            ["tenant", "incident_id"],
            ["incidents.tenant", "incidents.incident_id"],
            name="fk_incident_notes_tenant_incident_id",
            ondelete="CASCADE",
        ),
    )
