"""People, grants, sessions, keys and tokens that are used once.

A migration that was released is never edited. Instants are microseconds since 1970.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, UniqueConstraint

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        Column("tenant", String(63), nullable=False),
        Column("user_id", String(32), nullable=False),
        Column("name", String(254), nullable=False),
        Column("password_hash", String(255)),
        Column("failures", Integer, nullable=False),
        Column("locked_until", BigInteger),
        Column("created_at", BigInteger, nullable=False),
        Column("disabled_at", BigInteger),
        PrimaryKeyConstraint("tenant", "user_id", name="pk_users"),
        UniqueConstraint("tenant", "name", name="uq_users_tenant_name"),
    )
    op.create_table(
        "grants",
        Column("tenant", String(63), nullable=False),
        Column("holder_id", String(32), nullable=False),
        Column("role", String(16), nullable=False),
        Column("process", String(128), nullable=False),
        Column("store", String(254), nullable=False),
        Column("granted_by", String(64), nullable=False),
        Column("granted_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "holder_id", "role", "process", "store", name="pk_grants"),
    )
    op.create_table(
        "sessions",
        Column("tenant", String(63), nullable=False),
        Column("session_hash", String(64), nullable=False),
        Column("user_id", String(32), nullable=False),
        Column("opened_at", BigInteger, nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("tenant", "session_hash", name="pk_sessions"),
        ForeignKeyConstraint(
            ["tenant", "user_id"],
            ["users.tenant", "users.user_id"],
            name="fk_sessions_tenant_user_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_sessions_tenant_user_id", "sessions", ["tenant", "user_id"])
    op.create_table(
        "api_keys",
        Column("tenant", String(63), nullable=False),
        Column("key_id", String(32), nullable=False),
        Column("name", String(128), nullable=False),
        Column("secret_mac", String(64), nullable=False),
        Column("created_by", String(64), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("used_at", BigInteger),
        Column("revoked_at", BigInteger),
        PrimaryKeyConstraint("tenant", "key_id", name="pk_api_keys"),
    )
    op.create_table(
        "one_use_tokens",
        Column("tenant", String(63), nullable=False),
        Column("token_hash", String(64), nullable=False),
        Column("purpose", String(16), nullable=False),
        Column("user_id", String(32)),
        Column("created_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("used_at", BigInteger),
        PrimaryKeyConstraint("tenant", "token_hash", name="pk_one_use_tokens"),
        ForeignKeyConstraint(
            ["tenant", "user_id"],
            ["users.tenant", "users.user_id"],
            name="fk_one_use_tokens_tenant_user_id",
            ondelete="CASCADE",
        ),
    )
