"""The tables, one file per subject, all in one `METADATA`."""

from kernel.state.tables.base import METADATA
from kernel.state.tables.identity import API_KEYS, GRANTS, ONE_USE_TOKENS, SESSIONS, USERS

__all__ = ["API_KEYS", "GRANTS", "METADATA", "ONE_USE_TOKENS", "SESSIONS", "USERS"]
