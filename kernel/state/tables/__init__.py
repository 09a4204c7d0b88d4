"""The tables, one file per subject, all in one `METADATA`."""

from kernel.state.tables.audit import AUDIT_ANCHORS, AUDIT_CHAINS, AUDIT_ENTRIES
from kernel.state.tables.base import METADATA
from kernel.state.tables.identity import API_KEYS, GRANTS, ONE_USE_TOKENS, SESSIONS, USERS
from kernel.state.tables.incidents import INCIDENT_NOTES, INCIDENTS
from kernel.state.tables.orchestration import (
    DEAD_LETTERS,
    LIMIT_BUCKETS,
    LIMIT_SLOTS,
    MUTES,
    PLAYBOOKS,
    RUN_CASES,
    RUN_EVENTS,
    RUN_SIGNALS,
    RUN_STEPS,
    RUN_VOTES,
    RUN_WAITS,
    RUNS,
)
from kernel.state.tables.outbox import ALERT_GROUPS, ALERT_MEMBERS, OUTBOX, RECEIVED_CALLBACKS

__all__ = [
    "ALERT_GROUPS",
    "ALERT_MEMBERS",
    "API_KEYS",
    "AUDIT_ANCHORS",
    "AUDIT_CHAINS",
    "AUDIT_ENTRIES",
    "DEAD_LETTERS",
    "GRANTS",
    "INCIDENTS",
    "INCIDENT_NOTES",
    "LIMIT_BUCKETS",
    "LIMIT_SLOTS",
    "METADATA",
    "MUTES",
    "ONE_USE_TOKENS",
    "OUTBOX",
    "PLAYBOOKS",
    "RECEIVED_CALLBACKS",
    "RUNS",
    "RUN_CASES",
    "RUN_EVENTS",
    "RUN_SIGNALS",
    "RUN_STEPS",
    "RUN_VOTES",
    "RUN_WAITS",
    "SESSIONS",
    "USERS",
]
