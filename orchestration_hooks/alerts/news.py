"""What alerts are told of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.findings import Severity


class NewsState(StrEnum):
    OPENED = "opened"
    GREW = "grew"  # more cases, more money or a greater severity
    ACKNOWLEDGED = "acknowledged"  # somebody has it: no more reminders
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class IncidentNews:
    """An incident as it is now, and what has just become of it."""

    incident_id: str
    state: NewsState
    title: str
    kind: str
    severity: Severity
    process: str
    cases: int
    """Orders that are in trouble; 0 where it is trouble of a source or a definition."""
    since: datetime
    value: Mapping[str, Decimal] = field(default_factory=dict)
    """Money at stake by currency, of the cases that are priced."""
    unpriced: int = 0
    """Cases without a price."""
    deadline: datetime | None = None
    """By when it must be mended to be in time; None when it is too late already."""
    suspect: str = ""
    owner: str = ""
    dependency_owner: str = ""
    backfill: bool = False
    """It comes from events of the past that were loaded: nobody is told of it."""


def written(news: IncidentNews) -> str:
    """The news as JSON, to be kept."""
    return msgspec.json.encode(news, order="sorted").decode()


def read(text: str) -> IncidentNews:
    """What `written` wrote."""
    return msgspec.json.decode(text, type=IncidentNews)
