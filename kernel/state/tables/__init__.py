"""The tables, one file per subject, all in one `METADATA`."""

from kernel.state.tables.audit import AUDIT_ANCHORS, AUDIT_CHAINS, AUDIT_ENTRIES
from kernel.state.tables.base import METADATA
from kernel.state.tables.identity import API_KEYS, GRANTS, ONE_USE_TOKENS, SESSIONS, USERS
from kernel.state.tables.incidents import INCIDENT_NOTES, INCIDENTS

__all__ = [
    "API_KEYS",
    "AUDIT_ANCHORS",
    "AUDIT_CHAINS",
    "AUDIT_ENTRIES",
    "GRANTS",
    "INCIDENTS",
    "INCIDENT_NOTES",
    "METADATA",
    "ONE_USE_TOKENS",
    "SESSIONS",
    "USERS",
]
