"""Incidents and findings as JSON documents: the same for API, command line and SDK. Instants are ISO 8601 in UTC,
money is text with its currency, durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from anomalies.incident import Note
from anomalies.incident_desk import IncidentLine

Document = dict[str, Any]


def incident_document(line: IncidentLine) -> Document:
    """One incident: `id, process, kind, rule, title, suspect, severity, state, owner, dependency_owner, opened_at,
    since, last_found_at, cases, open, findings, value, unpriced, lost_per_hour, deadline, acknowledged_at, resolved_at,
    resolution`; `value` and `lost_per_hour` are lists of `{amount, currency}`."""
    incident = line.incident
    return {
        "id": incident.id,
        "process": incident.process,
        "kind": incident.kind.value,
        "rule": incident.rule,
        "title": incident.title,
        "suspect": incident.suspect,
        "severity": incident.severity.value,
        "state": incident.state,
        "owner": incident.owner,
        "dependency_owner": incident.dependency_owner,
        "opened_at": shown(incident.opened_at),
        "since": shown(line.since or incident.since),
        "last_found_at": shown(incident.last_found_at),
        "cases": line.cases,
        "open": line.open,
        "findings": incident.findings,
        "value": money(line.value),
        "unpriced": line.unpriced,
        "lost_per_hour": money(line.lost_per_hour),
        "deadline": shown(line.deadline),
        "acknowledged_at": shown(incident.acknowledged_at),
        "resolved_at": shown(incident.resolved_at),
        "resolution": incident.resolution,
    }


def note_document(note: Note) -> Document:
    return {
        "number": note.number,
        "kind": note.kind,
        "author": note.author,
        "text": note.text,
        "at": shown(note.at),
    }


def finding_documents(findings: pl.DataFrame) -> list[Document]:
    """Findings as `FindingStore.of_incident` gives them; `evidence` as an object, `ended` null while the trouble
    lasts."""
    documents = []
    for row in findings.to_dicts():
        document = {name: shown(value) if isinstance(value, datetime) else value for name, value in row.items()}
        for name in ("value", "lost_per_hour"):
            document[name] = None if row[name] is None else amount(row[name])
        document["evidence"] = msgspec.json.decode(row["evidence"])
        document["ended"] = row["ended"] or None
        documents.append(document)
    return documents


def money(sums: Mapping[str, Decimal]) -> list[dict[str, str]]:
    """Sums per currency, by its code."""
    return [{"amount": amount(value), "currency": currency} for currency, value in sorted(sums.items())]


def amount(value: Decimal) -> str:
    """A decimal as text with two digits or as many as it has."""
    found = value.quantize(Decimal("0.01")) if value == value.quantize(Decimal("0.01")) else value.normalize()
    return f"{found:f}"


def shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
