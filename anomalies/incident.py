"""What an incident is, as it is read from the state database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from kernel.findings import Kind, Severity


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of the state database. Times are UTC; `findings`: how many were ever found."""

    id: str
    process: str
    kind: Kind
    rule: str
    cause: str
    title: str
    suspect: str
    severity: Severity
    state: str
    owner: str
    dependency_owner: str
    opened_at: datetime
    since: datetime
    last_found_at: datetime
    findings: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolution: str | None
    told: str
    """As `signature` was when people were last told; "" before the first time."""

    @property
    def signature(self) -> str:
        """What people are told of: when it changes, they are told anew."""
        return f"{self.state}:{self.severity.value}:{self.findings}"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was said or done: `kind` opened, acknowledged, comment, owner, resolved."""

    number: int
    kind: str
    author: str
    text: str
    at: datetime


def incident_of(row: Row[Any]) -> Incident:
    """The incident that a row of the table is."""
    return Incident(
        id=row.incident_id,
        process=row.process,
        kind=Kind(row.kind),
        rule=row.rule,
        cause=row.cause,
        title=row.title,
        suspect=row.suspect,
        severity=Severity(row.severity),
        state=row.state,
        owner=row.owner,
        dependency_owner=row.dependency_owner,
        opened_at=row.opened_at,
        since=row.since,
        last_found_at=row.last_found_at,
        findings=row.findings,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
        told=row.told,
    )
