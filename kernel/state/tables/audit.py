"""The audit: chains of entries, each bound to the one before it (kernel/audit)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

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
