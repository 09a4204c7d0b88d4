"""The audit: chains of entries, each bound to the one before it (kernel/audit).

The database itself refuses to change or delete an entry or an anchor: triggers do, made by the migrations.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text, text

from kernel.state.tables.base import METADATA, Instant, tenant

AUDIT_ENTRIES = Table(
    "audit_entries",
    METADATA,
    tenant(),
    Column("chain", String(128), primary_key=True),  # such as run:ID, users
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … within the chain
    Column("previous", String(64), nullable=False),  # hash of the entry before, zeros for the first
    Column("hash", String(64), nullable=False),  # SHA-256 of previous and content
    Column("content", Text, nullable=False),  # the bytes that are hashed, as JSON
    Column("at", Instant, nullable=False),
)
"""One row per entry; rows are only ever added."""

AUDIT_CHAINS = Table(
    "audit_chains",
    METADATA,
    tenant(),
    Column("chain", String(128), primary_key=True),
    Column("number", Integer, nullable=False),  # of its newest entry
    Column("hash", String(64), nullable=False),  # of its newest entry
    Column("anchored", Integer, nullable=False),  # number of the newest entry that an anchor covers, 0 for none
    Column("grown", Integer, nullable=False),  # 1: it has entries that no anchor covers
    Index(
        "ix_audit_chains_grown", "tenant", "chain", sqlite_where=text("grown = 1"), postgresql_where=text("grown = 1")
    ),
)
"""One row per chain: where it ends. Who appends locks it; nothing is proved by it."""

AUDIT_ANCHORS = Table(
    "audit_anchors",
    METADATA,
    tenant(),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 … within the tenant
    Column("previous", String(64), nullable=False),  # hash of the anchor before, zeros for the first
    Column("hash", String(64), nullable=False),  # SHA-256 of previous and content
    Column("content", Text, nullable=False),  # heads of the chains that grew, and how much there is in all, as JSON
    Column("at", Instant, nullable=False),
)
"""One row per anchor; rows are only ever added."""
