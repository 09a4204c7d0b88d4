"""Findings as rows of the warehouse: adding, ending, and reading them. What is written is never changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from kernel.events import INSTANT, MONEY
from kernel.findings import Evidence, Finding, FindingEnd
from kernel.warehouse import Query, Warehouse, load_query, parquet

MOST = 1_000
"""Findings on one page."""
_LAST = (1 << 64) - 1
_ANY_STORE: dict[str, Any] = {"all": 1, "stores": []}

_COLUMNS: dict[str, Any] = {
    "finding_id": pl.Binary(),
    "incident_id": pl.Binary(),
    "version": pl.UInt64(),
    "since": INSTANT,
    "detected_at": INSTANT,
    "deadline": INSTANT,
    "value": MONEY,
    "lost_per_hour": MONEY,
    "score": pl.Float64(),
    "ended_at": INSTANT,
}


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding whose trouble lasts, as much of it as tells how it ends."""

    id: str
    incident: str
    case_id: str
    anchor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule found before: by id the findings whose trouble lasts, and the ids of the others."""

    open: Mapping[str, OpenFinding] = field(default_factory=dict)
    ended: Collection[str] = frozenset()


class FindingStore:
    """The findings of one tenant."""

    def __init__(self, warehouse: Warehouse, tenant: str) -> None:
        self._warehouse, self._tenant = warehouse, tenant

    def known(self, process: str, rule: str) -> Known:
        """What a rule found about a process before now."""
        scope = {"tenant": self._tenant, "process": process, "rule": rule}
        rows = self._warehouse.read_for_write(_sql("known_findings"), scope)
        lasting = rows.filter(pl.col("ended") == 0).select("finding_id", "incident_id", "case_id", "anchor", "since")
        return Known(
            {row[0]: OpenFinding(*row) for row in lasting.iter_rows()},
            frozenset(rows.filter(pl.col("ended") == 1)["finding_id"]),
        )

    def lasting_rules(self) -> set[tuple[str, str]]:
        """Process and rule of all findings whose trouble lasts. Reads two columns of all findings and all ends."""
        rows = self._warehouse.read_for_write(_sql("lasting_rules"), {"tenant": self._tenant})
        return set(rows.iter_rows())

    def add(self, findings: Sequence[Finding], incidents: Mapping[str, str]) -> None:
        """Store findings; `incidents`: of each cause the incident that it belongs to. One that is there already stays
        as it was."""
        if not findings:
            return
        rows = [_row(finding, incidents[finding.cause]) for finding in findings]
        self._warehouse.insert_parquet("findings", parquet(_frame(rows)))

    def end(self, ends: Sequence[FindingEnd]) -> None:
        """Store that the trouble of these has ended; of one that ended before nothing changes."""
        rows = [
            {
                "tenant": self._tenant,
                "finding_id": bytes.fromhex(end.finding_id),
                "incident_id": bytes.fromhex(end.incident_id),
                "version": _first_counts(end.ended_at),
                "how": end.how,
                "ended_at": end.ended_at,
            }
            for end in ends
        ]
        if rows:
            self._warehouse.insert_parquet("finding_ends", parquet(_frame(rows)))

    def figures(self, incidents: Sequence[str], stores: Collection[str] | None = None) -> pl.DataFrame:
        """What incidents come to: the rows of sql/incident_figures.sql. `stores` None: of every store."""
        parameters = {"tenant": self._tenant, "incidents": list(incidents), **_limit(stores)}
        return self._warehouse.query(_sql("incident_figures"), parameters)

    def of_incident(
        self,
        incident: str,
        *,
        stores: Collection[str] | None = None,
        open_only: bool = False,
        skip: int = 0,
        most: int = MOST,
    ) -> pl.DataFrame:
        """The findings of one incident: the rows of sql/incident_findings.sql."""
        parameters = {
            "tenant": self._tenant,
            "incident": incident,
            "open_only": int(open_only),
            "skip": skip,
            "most": most,
            **_limit(stores),
        }
        return self._warehouse.query(_sql("incident_findings"), parameters)


def _limit(stores: Collection[str] | None) -> dict[str, Any]:
    return _ANY_STORE if stores is None else {"all": 0, "stores": sorted(stores)}


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    types = {name: dtype for name, dtype in _COLUMNS.items() if name in rows[0]}
    return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)


def _first_counts(at: datetime) -> int:
    """A version that is the greater the earlier it was written: of copies the engine keeps the greatest."""
    return _LAST - int(at.timestamp() * 1_000_000)


def _row(finding: Finding, incident: str) -> dict[str, Any]:
    return {
        "tenant": finding.tenant,
        "process": finding.process,
        "kind": finding.kind.value,
        "finding_id": bytes.fromhex(finding.id),
        "incident_id": bytes.fromhex(incident),
        "version": _first_counts(finding.detected_at),
        "rule": finding.rule,
        "case_id": finding.case_id,
        "store": finding.store,
        "cause": finding.cause,
        "anchor": finding.anchor,
        "severity": finding.severity.rank,
        "title": finding.title,
        "suspect": finding.suspect,
        "owner": finding.owner,
        "dependency_owner": finding.dependency_owner,
        "since": finding.since,
        "detected_at": finding.detected_at,
        "deadline": finding.deadline,
        "value": finding.value,
        "currency": finding.currency,
        "lost_per_hour": finding.lost_per_hour,
        "score": finding.score,
        "evidence": _evidence(finding.evidence),
    }


def _evidence(evidence: Evidence) -> str:
    return msgspec.json.encode(
        {
            "query": evidence.query,
            "parameters": dict(evidence.parameters),
            "event_ids": list(evidence.event_ids),
            "watermark": evidence.watermark,
            "definitions": dict(evidence.definitions),
        },
        order="sorted",
    ).decode()
