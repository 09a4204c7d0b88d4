"""The entries of the audit.

A migration that was released is never edited. Instants are microseconds since 1970.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        Column("tenant", String(63), nullable=False),
        Column("chain", String(128), nullable=False),
        Column("number", Integer, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        Column("content", Text, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "chain", "number", name="pk_audit_entries"),
    )
