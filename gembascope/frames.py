"""From the rows of a JSON document to a frame with the dtypes that it always has, empty or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from kernel.events import INSTANT, MONEY

TEXT, COUNT, NUMBER, YES_NO, TEXTS = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.List(pl.String())

PROCESSES = pl.Schema(
    {"process": TEXT, "title": TEXT, "object_type": TEXT, "start": TEXTS, "end": TEXTS, "owner": TEXT}
)
READINESS = pl.Schema({"aspect": TEXT, "count": COUNT, "share": NUMBER, "meaning": TEXT, "attention": YES_NO})
EDGES = pl.Schema(
    {
        "source": TEXT,
        "target": TEXT,
        "frequency": COUNT,
        "assumed": COUNT,
        "mean_s": NUMBER,
        "p50_s": NUMBER,
        "p95_s": NUMBER,
    }
)
REFUSED = pl.Schema({"index": COUNT, "id": TEXT, "reason": TEXT})
ACTIVITIES = pl.Schema({"activity": TEXT, "count": COUNT, "cases": COUNT})
STARTS_OR_ENDS = pl.Schema({"activity": TEXT, "count": COUNT})
VARIANTS = pl.Schema(
    {
        "variant": TEXT,
        "activities": TEXTS,
        "cases": COUNT,
        "share": NUMBER,
        "p50_s": NUMBER,
        "first": INSTANT,
        "last": INSTANT,
    }
)
BOTTLENECKS = pl.Schema(
    {
        "source": TEXT,
        "target": TEXT,
        "frequency": COUNT,
        "cases": COUNT,
        "p50_s": NUMBER,
        "p95_s": NUMBER,
        "hours_over_target": NUMBER,
        "target_s": NUMBER,
    }
)
CASES = pl.Schema(
    {
        "case": TEXT,
        "start": INSTANT,
        "end": INSTANT,
        "duration_s": NUMBER,
        "events": COUNT,
        "variant": TEXT,
        "state": TEXT,
        "due": INSTANT,
    }
)
PROMISES = pl.Schema({"name": TEXT, "due": INSTANT, "kept": INSTANT, "late_s": NUMBER, "paused_since": INSTANT})
SLA_CASES = pl.Schema(
    {
        "case": TEXT,
        "store": TEXT,
        "state": TEXT,
        "due_at": INSTANT,
        "kept_at": INSTANT,
        "paused_since": INSTANT,
        "late_s": NUMBER,
        "value": MONEY,
        "currency": TEXT,
        "lost_per_hour": MONEY,
        "last_activity": TEXT,
        "last_at": INSTANT,
        "started_at": INSTANT,
    }
)
CASE_EVENTS = pl.Schema(
    {
        "event_id": TEXT,
        "activity": TEXT,
        "occurred_at": INSTANT,
        "precision": TEXT,
        "started_at": INSTANT,
        "source": TEXT,
        "actor": TEXT,
        "actor_kind": TEXT,
        "lifecycle": TEXT,
        "outcome": TEXT,
        "error_code": TEXT,
        "value": MONEY,
        "currency": TEXT,
        "attributes": TEXT,
        "via": pl.Struct({"type": TEXT, "id": TEXT}),
        "wait_s": NUMBER,
        "assumed": YES_NO,
    }
)
DURATIONS = pl.Schema(
    {
        "state": TEXT,
        "cases": COUNT,
        "mean_s": NUMBER,
        "p50_s": NUMBER,
        "p90_s": NUMBER,
        "p95_s": NUMBER,
        "min_s": NUMBER,
        "max_s": NUMBER,
    }
)
SERVICE_TIMES = pl.Schema({"activity": TEXT, "events": COUNT, "mean_s": NUMBER, "p50_s": NUMBER, "p95_s": NUMBER})
REWORK = pl.Schema({"activity": TEXT, "cases": COUNT, "repeats": COUNT, "share": NUMBER})
HANDOVERS = pl.Schema({"source": TEXT, "target": TEXT, "frequency": COUNT})
QUARANTINE_REASONS = pl.Schema({"source": TEXT, "file_name": TEXT, "reason": TEXT, "pieces": COUNT, "example": TEXT})
QUARANTINED = pl.Schema(
    {
        "entry": TEXT,
        "file_name": TEXT,
        "source": TEXT,
        "position": TEXT,
        "key": TEXT,
        "reason": TEXT,
        "raw": TEXT,
        "bytes": COUNT,
        "quarantined_at": INSTANT,
        "ended_as": TEXT,
    }
)

MONEYS = pl.List(pl.Struct({"amount": MONEY, "currency": TEXT}))
"""Sums of money, one entry per currency; of an incident or a run there may be several."""
INCIDENTS = pl.Schema(
    {
        "id": TEXT,
        "process": TEXT,
        "kind": TEXT,
        "rule": TEXT,
        "title": TEXT,
        "suspect": TEXT,
        "severity": TEXT,
        "state": TEXT,
        "owner": TEXT,
        "dependency_owner": TEXT,
        "opened_at": INSTANT,
        "since": INSTANT,
        "last_found_at": INSTANT,
        "cases": COUNT,
        "open": COUNT,
        "findings": COUNT,
        "value": MONEYS,
        "unpriced": COUNT,
        "lost_per_hour": MONEYS,
        "deadline": INSTANT,
        "acknowledged_at": INSTANT,
        "resolved_at": INSTANT,
        "resolution": TEXT,
    }
)
NOTES = pl.Schema({"number": COUNT, "kind": TEXT, "author": TEXT, "text": TEXT, "at": INSTANT})
FINDINGS = pl.Schema(
    {
        "finding_id": TEXT,
        "kind": TEXT,
        "rule": TEXT,
        "process": TEXT,
        "case_id": TEXT,
        "store": TEXT,
        "severity": TEXT,
        "title": TEXT,
        "suspect": TEXT,
        "owner": TEXT,
        "dependency_owner": TEXT,
        "since": INSTANT,
        "detected_at": INSTANT,
        "deadline": INSTANT,
        "value": MONEY,
        "currency": TEXT,
        "lost_per_hour": MONEY,
        "score": NUMBER,
        "evidence": TEXT,
        "ended": TEXT,
        "ended_at": INSTANT,
    }
)
LOOKED = pl.Schema(
    {
        "rule": TEXT,
        "process": TEXT,
        "now": INSTANT,
        "lasting": COUNT,
        "added": COUNT,
        "ended": COUNT,
        "undecided": COUNT,
        "left_out": COUNT,
        "not_learned": TEXTS,
        "problem": TEXT,
    }
)
STANDINGS = pl.Schema(
    {
        "process": TEXT,
        "promise": TEXT,
        "owner": TEXT,
        "now": INSTANT,
        "late_now": COUNT,
        "kept_late": COUNT,
        "value_late": MONEYS,
        "value_at_risk": MONEYS,
        "unpriced": COUNT,
        "lost_per_hour": MONEYS,
        "oldest_due": INSTANT,
    }
)
PLAYBOOKS = pl.Schema(
    {"id": TEXT, "name": TEXT, "mode": TEXT, "requires_approval": YES_NO, "matches": TEXT, "file": TEXT}
)
RUNS = pl.Schema(
    {
        "run_id": TEXT,
        "process": TEXT,
        "playbook": TEXT,
        "incident_id": TEXT,
        "key": TEXT,
        "title": TEXT,
        "mode": TEXT,
        "status": TEXT,
        "reason": TEXT,
        "step": TEXT,
        "requested_by": TEXT,
        "hits": COUNT,
        "cases": COUNT,
        "totals": MONEYS,
        "unpriced": COUNT,
        "opened_at": INSTANT,
        "changed_at": INSTANT,
        "ended_at": INSTANT,
        "in_doubt": YES_NO,
    }
)
RUN_STEPS = pl.Schema(
    {
        "step": TEXT,
        "visit": COUNT,
        "kind": TEXT,
        "key": TEXT,
        "status": TEXT,
        "attempt": COUNT,
        "request": TEXT,
        "output": TEXT,
        "error": TEXT,
        "started_at": INSTANT,
        "ended_at": INSTANT,
        "compensated_at": INSTANT,
    }
)
RUN_VOTES = pl.Schema({"step": TEXT, "visit": COUNT, "actor": TEXT, "decision": TEXT, "reason": TEXT, "at": INSTANT})
RUN_HISTORY = pl.Schema({"number": COUNT, "activity": TEXT, "at": INSTANT, "actor": TEXT, "attributes": TEXT})
DECISIONS = pl.Schema(
    {
        "run_id": TEXT,
        "process": TEXT,
        "playbook": TEXT,
        "step": TEXT,
        "version": COUNT,
        "ask": TEXT,
        "cases": COUNT,
        "totals": MONEYS,
        "unpriced": COUNT,
        "asked_at": INSTANT,
        "deadline": INSTANT,
        "level": COUNT,
        "votes": COUNT,
        "needed": COUNT,
    }
)
MUTES = pl.Schema(
    {
        "mute_id": TEXT,
        "process": TEXT,
        "playbook": TEXT,
        "key": TEXT,
        "reason": TEXT,
        "muted_by": TEXT,
        "muted_at": INSTANT,
        "until": INSTANT,
    }
)
MESSAGES = pl.Schema(
    {
        "message": TEXT,
        "destination": TEXT,
        "incident": TEXT,
        "incidents": COUNT,
        "title": TEXT,
        "attempts": COUNT,
        "created_at": INSTANT,
        "dead_at": INSTANT,
        "code": TEXT,
        "detail": TEXT,
    }
)
BACK_TESTED = pl.Schema(
    {
        "finding_id": TEXT,
        "kind": TEXT,
        "case_id": TEXT,
        "found_at": INSTANT,
        "last_found_at": INSTANT,
        "severity": TEXT,
        "title": TEXT,
    }
)
BACK_TESTED_DAYS = pl.Schema({"day": TEXT, "new": COUNT, "open": COUNT})


def frame_of(rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    """The rows as a frame of exactly this schema. Keys that it does not name are left out; one that a row lacks is a
    KeyError, because the document is then not the one that the schema is for."""
    return pl.DataFrame([_column(name, [row[name] for row in rows], dtype) for name, dtype in schema.items()])


def instant_of(text: str | None) -> datetime | None:
    """An instant of a document, aware."""
    return datetime.fromisoformat(text) if text is not None else None


def _column(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == INSTANT:
        written = pl.Series(name, values, dtype=pl.String)
        return written.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    if dtype == MONEY:
        return pl.Series(name, values, dtype=pl.String).cast(MONEY)
    if dtype == MONEYS:
        return pl.Series(name, [_sums(value) for value in values], dtype=MONEYS)
    if dtype == TEXT:
        values = [msgspec.json.encode(value, order="sorted").decode() if _nested(value) else value for value in values]
    return pl.Series(name, values, dtype=dtype)


def _sums(value: Any) -> list[dict[str, Any]]:
    """Of `[{"amount": "1.5", "currency": "EUR"}]` or `{"EUR": "1.5"}`."""
    pairs = value.items() if isinstance(value, Mapping) else [(one["currency"], one["amount"]) for one in value]
    return [{"amount": Decimal(amount), "currency": currency} for currency, amount in pairs]


def _nested(value: Any) -> bool:
    return isinstance(value, (dict, list))
