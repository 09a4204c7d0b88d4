"""Who may come in: people, what they may do, where they are signed in, and the keys of programs.

Nothing here can be used to come in: of passwords, sessions, keys and tokens there is only what checks them.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, UniqueConstraint

from kernel.state.tables.base import METADATA, Instant, tenant

USERS = Table(
    "users",
    METADATA,
    tenant(),
    Column("user_id", String(32), primary_key=True),
    Column("name", String(254), nullable=False),  # what they sign in with, in lower case
    Column("password_hash", String(255)),  # Argon2id in its own notation; null: they cannot sign in with one
    Column("failures", Integer, nullable=False),  # wrong passwords since the last right one
    Column("locked_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    UniqueConstraint("tenant", "name"),
)
"""One row per person of a tenant."""

GRANTS = Table(
    "grants",
    METADATA,
    tenant(),
    Column("holder_id", String(32), primary_key=True),  # a user_id or a key_id; both are drawn from one space
    Column("role", String(16), primary_key=True),
    Column("process", String(128), primary_key=True),  # '': every process
    Column("store", String(254), primary_key=True),  # '': every store
    Column("granted_by", String(64), nullable=False),
    Column("granted_at", Instant, nullable=False),
)
"""One row per role that a person or a key has, within one scope."""

SESSIONS = Table(
    "sessions",
    METADATA,
    tenant(),
    Column("session_hash", String(64), primary_key=True),  # SHA-256 of what the browser holds
    Column("user_id", String(32), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    ForeignKeyConstraint(["tenant", "user_id"], ["users.tenant", "users.user_id"], ondelete="CASCADE"),
    Index(None, "tenant", "user_id"),
)
"""One row per browser that is signed in; a session that ended has none."""

API_KEYS = Table(
    "api_keys",
    METADATA,
    tenant(),
    Column("key_id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("secret_mac", String(64), nullable=False),  # HMAC-SHA256 under the pepper of this installation
    Column("created_by", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
)
"""One row per key of a program, revoked and expired ones included."""

ONE_USE_TOKENS = Table(
    "one_use_tokens",
    METADATA,
    tenant(),
    Column("token_hash", String(64), primary_key=True),  # SHA-256
    Column("purpose", String(16), nullable=False),  # first_admin | password
    Column("user_id", String(32)),  # whose password may be set; null for the first administrator
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    ForeignKeyConstraint(["tenant", "user_id"], ["users.tenant", "users.user_id"], ondelete="CASCADE"),
)
"""One row per link that was given out to be used once."""
