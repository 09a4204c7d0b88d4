"""The account of a source in the spool: what became of its events, and how that changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ingest.event_rows import Sent

MOMENTS = ("last_occurred_at", "last_seen_at")
COUNTS = ("received", "stored", "duplicate", "quarantined", "refused", "in_spool", "spool_bytes")


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the events of one source: received = stored + duplicate + quarantined + refused + in_spool."""

    source: str
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    refused: int = 0
    in_spool: int = 0
    spool_bytes: int = 0
    last_occurred_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def missing(self) -> int:
        """Events that were received and are nowhere: 0, or the law of conservation is broken."""
        return self.received - (self.stored + self.duplicate + self.quarantined + self.refused + self.in_spool)


def with_part(before: Account, part: Sent, size: int, at: datetime) -> Account:
    last: Any = part.last_occurred_at
    return Account(
        before.source,
        received=before.received + part.received,
        quarantined=before.quarantined + len(part.refused),
        refused=before.refused,
        in_spool=before.in_spool + part.accepted,
        spool_bytes=before.spool_bytes + size,
        last_occurred_at=_latest([before.last_occurred_at, last]),
        last_seen_at=_latest([before.last_seen_at, at]),
    )


def told_again(before: Account, part: Sent) -> Account:
    """All of it was delivered before; what was quarantined then is not once more."""
    return replace(before, received=before.received + part.received, duplicate=before.duplicate + part.received)


def without_part(before: Account, part: Sent) -> Account:
    return Account(
        before.source,
        received=before.received + part.received,
        quarantined=before.quarantined,
        refused=before.refused + part.received,
        in_spool=before.in_spool,
        spool_bytes=before.spool_bytes,
        last_occurred_at=before.last_occurred_at,
        last_seen_at=before.last_seen_at,
    )


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
