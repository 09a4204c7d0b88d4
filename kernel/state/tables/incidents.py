"""Incidents: findings of one cause, who answers for them, and what people said and did about them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, UniqueConstraint

from kernel.state.tables.base import METADATA, Instant, tenant

INCIDENTS = Table(
    "incidents",
    METADATA,
    tenant(),
    Column("incident_id", String(32), primary_key=True),
    Column("open_key", String(64)),  # hash of the cause while it is open, null when resolved: one open per cause
    Column("process", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("rule", String(254), nullable=False),
    Column("cause", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("suspect", Text, nullable=False),
    Column("severity", String(8), nullable=False),  # the greatest of its findings so far
    Column("state", String(16), nullable=False),  # open | acknowledged | resolved
    Column("owner", String(128), nullable=False),
    Column("dependency_owner", String(128), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("since", Instant, nullable=False),  # when its oldest trouble began
    Column("last_found_at", Instant, nullable=False),
    Column("findings", Integer, nullable=False),  # that were ever found of it
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(64)),
    Column("resolved_at", Instant),
    Column("resolution", String(32)),  # cured | withdrawn | closed by a person
    Column("told", String(64), nullable=False),  # state:severity:findings as they were when people were last told
    UniqueConstraint("tenant", "open_key"),
    Index(None, "tenant", "state", "process"),
)
"""One row per incident, resolved ones included."""

INCIDENT_NOTES = Table(
    "incident_notes",
    METADATA,
    tenant(),
    Column("incident_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … within the incident
    Column("kind", String(16), nullable=False),  # opened | acknowledged | comment | owner | resolved | reopened
    Column("author", String(254), nullable=False),  # who: a person, a key, or 'gembascope'
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
    ForeignKeyConstraint(["tenant", "incident_id"], ["incidents.tenant", "incidents.incident_id"], ondelete="CASCADE"),
)
"""One row per thing that was said or done about an incident, in order."""
