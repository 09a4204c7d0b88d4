"""What is on its way outside: messages, the groups that alerts are told in, and what was received back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, UniqueConstraint

from kernel.state.tables.base import METADATA, Instant, tenant

OUTBOX = Table(
    "outbox",
    METADATA,
    tenant(),
    Column("dedup_key", String(128), primary_key=True),  # what the receiver knows it by, however often it comes
    Column("destination", String(63), nullable=False),  # a connection
    Column("stream", String(128), nullable=False),  # messages of one stream and destination arrive in order
    Column("number", Integer, nullable=False),  # 1, 2, 3 … within them
    Column("body", Text, nullable=False),  # what is to be told, as JSON, without secrets
    Column("incident_id", String(32), nullable=False),  # what it is about, the worst of several; '': of none
    Column("incidents", Integer, nullable=False),  # how many it is about
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),  # that were begun
    Column("next_at", Instant),  # when to try next; null: delivered or dead
    Column("lease_owner", String(64)),  # the deliverer that is trying
    Column("lease_until", Instant),
    Column("delivered_at", Instant),
    Column("dead_at", Instant),
    Column("last_code", String(64), nullable=False),  # of the last attempt, '' before it
    Column("last_detail", Text, nullable=False),
    UniqueConstraint("tenant", "destination", "stream", "number"),
    Index(None, "tenant", "next_at"),
    Index(None, "tenant", "dead_at"),
)
"""One row per message and destination."""

ALERT_GROUPS = Table(
    "alert_groups",
    METADATA,
    tenant(),
    Column("group_id", String(32), primary_key=True),  # of policy and the values that it groups by
    Column("policy", String(63), nullable=False),
    Column("labels", Text, nullable=False),  # the values that it groups by, as JSON
    Column("next_flush_at", Instant),  # null: it has no members now
    Column("told", Integer, nullable=False),  # messages so far, which are numbered by it
    Column("last_told_at", Instant),  # null: not told yet, or all of it resolved and told
    Index(None, "tenant", "next_flush_at"),
)
"""One row per group of incidents that a policy tells of together."""

ALERT_MEMBERS = Table(
    "alert_members",
    METADATA,
    tenant(),
    Column("policy", String(63), primary_key=True),
    Column("incident_id", String(32), primary_key=True),
    Column("group_id", String(32), nullable=False),
    Column("news", Text, nullable=False),  # the newest, as JSON
    Column("firing", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("told_as", String(16), nullable=False),  # the severity it was told with, resolved, or '' when it was not
    Column("joined_at", Instant, nullable=False),
    ForeignKeyConstraint(["tenant", "group_id"], ["alert_groups.tenant", "alert_groups.group_id"], ondelete="CASCADE"),
    Index(None, "tenant", "group_id"),
)
"""One row per incident that a policy tells of, until its end was told."""

RECEIVED_CALLBACKS = Table(
    "received_callbacks",
    METADATA,
    tenant(),
    Column("connection", String(63), primary_key=True),
    Column("message_id", String(255), primary_key=True),
    Column("received_at", Instant, nullable=False),
    Column("taken_at", Instant),  # null: received, and not known to be taken
    Index(None, "tenant", "received_at"),
)
"""One row per signed message that was received, for as long as it could come again."""
