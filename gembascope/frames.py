"""From the rows of a JSON document to a frame with the dtypes that it always has, empty or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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
    {"file_name": TEXT, "source": TEXT, "position": TEXT, "reason": TEXT, "raw": TEXT, "quarantined_at": INSTANT}
)


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
    if dtype == TEXT:
        values = [msgspec.json.encode(value, order="sorted").decode() if _nested(value) else value for value in values]
    return pl.Series(name, values, dtype=dtype)


def _nested(value: Any) -> bool:
    return isinstance(value, (dict, list))
