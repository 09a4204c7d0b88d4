"""Keyed pseudonyms: the same name and key give the same one, and without the key nobody can tell whose it is."""

from __future__ import annotations

import hmac
from functools import lru_cache

REMEMBERED = 50_000


class Pseudonyms:
    """Of one tenant: each has a key of its own, which follows from that of the installation."""

    def __init__(self, key: str, tenant: str) -> None:
        own = hmac.digest(key.encode(), b"tenant:" + tenant.encode(), "sha256")
        self.of = lru_cache(REMEMBERED)(lambda name: "p-" + hmac.digest(own, name.encode(), "sha256")[:8].hex())
        """The pseudonym of a name (HMAC-SHA256, 64 bits)."""
