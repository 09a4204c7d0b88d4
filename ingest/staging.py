"""One load step made ready for the warehouse, before it is its turn to be stored: nothing here asks the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from kernel.events import EVENT_FRAME
from kernel.warehouse import parquet

NAMED = ("activity", "source", "actor")
"""The columns whose values go into the dictionary of names."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the events of a step come from."""

    tenant: str
    source: str
    load_id: str  # 32 hex digits
    mode: str = "backfill"  # or "live"
    zone: ZoneInfo | None = None  # in which business dates are days; None: UTC


@dataclass(frozen=True, slots=True)
class Step:
    """What one load step brings. Its events are Parquet already, a fifteenth of their frame."""

    rows: int
    events: bytes
    columns: tuple[str, ...]  # of the events that say something
    distinct: bool  # no two of its events have one id of their source, and none names an object twice
    counted: bool  # none has one: all are known by what they say and by how often the file said so before
    names: dict[str, list[str]]  # of each of NAMED, those of its events
    objects: pl.DataFrame
    links: pl.DataFrame
    erased: int = 0  # subjects that were taken out of it: all that are erased, or it must not be stored


class ErasedMeanwhile(Exception):
    """Something was erased since a step was made ready: it is to be made anew, from what it was made of."""


def staged(
    origin: Origin,
    events: pl.DataFrame,
    occurrence: pl.Series,
    objects: pl.DataFrame,
    links: pl.DataFrame,
    *,
    now: datetime,
    erased: int = 0,
) -> Step:
    """The step of events of EVENT_FRAME (an extra `source` column overrides the origin's), object attributes and
    links. `occurrence`: how many equal rows of the same file came before each; `now` is when events without
    `seen_at` were seen; `erased`: how many subjects were taken out of them before (`ingest.erasing.scrub`)."""
    if events.is_empty():
        return Step(0, b"", (), True, True, {}, objects, links, erased)
    source = pl.col("source") if "source" in events.columns else pl.lit(origin.source)
    given = pl.col("source_event_id") != ""
    # An event without an id of its own is its content: it has copies, and they have no revisions.
    rows = events.with_columns(
        pl.lit(origin.tenant).alias("tenant"),
        source.alias("source"),
        _order_at(events, origin.zone).alias("order_at"),
        pl.col("seen_at").fill_null(now),
        pl.when(given).then("revision").otherwise(0).cast(pl.UInt64).alias("revision"),
        pl.when(given).then(0).otherwise(occurrence).cast(pl.UInt64).alias("occurrence"),
    ).select("tenant", "source", "order_at", "occurrence", *EVENT_FRAME)
    distinct = not _repeating(rows)
    identified = rows.filter(given)
    counted = identified.is_empty()
    if not counted:
        ids = identified.select(pl.struct("source", "source_event_id").n_unique()).item()
        distinct = distinct and ids == identified.height
        rows = rows.sort("sequence", maintain_order=True).unique(
            [name for name in rows.columns if name not in ("seen_at", "sequence")], keep="first", maintain_order=True
        )
    names = {kind: [name for name in rows[kind].unique() if name] for kind in NAMED}
    slim = _slim(rows)
    return Step(rows.height, parquet(slim), tuple(slim.columns), distinct, counted, names, objects, links, erased)


def _order_at(events: pl.DataFrame, zone: ZoneInfo | None) -> pl.Expr:
    """The instant an event is ordered by: its own, or the last microsecond of the day for a business date."""
    if not (events["precision"] == "day").any():
        return pl.col("occurred_at")
    name = zone.key if zone is not None else "UTC"
    midnight_after = pl.col("occurred_at").dt.convert_time_zone(name).dt.offset_by("1d").dt.convert_time_zone("UTC")
    end = (midnight_after - _MICROSECOND).cast(EVENT_FRAME["occurred_at"])
    return pl.when(pl.col("precision") == "day").then(end).otherwise(pl.col("occurred_at"))


def _repeating(rows: pl.DataFrame) -> bool:
    """Whether an event names an object twice."""
    several = rows.select("objects").filter(pl.col("objects").list.len() > 1).with_row_index()
    named = several.explode("objects").unnest("objects").select("index", "type", "id")
    return named.n_unique() < named.height


def _slim(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that say something: defaults are filled in by the warehouse, single objects are sent flat."""
    defaults: dict[str, Any] = {"time_kind": "happened", "attributes": "{}", "revision": 0, "occurrence": 0}
    dropped = []
    for name, dtype in rows.schema.items():
        column = rows[name]
        if name == "objects" or name in ("tenant", "source", "sequence"):
            continue
        usual = defaults.get(name, "" if dtype == pl.String else None)
        if column.null_count() == column.len() or (usual is not None and (column == usual).all()):
            dropped.append(name)
    first = rows["objects"].list.first()
    single = (rows["objects"].list.len() == 1).all() and (first.struct.field("qualifier") == "").all()
    if single and (first.struct.field("id") != "").all():
        dropped.append("objects")
        rows = rows.with_columns(
            first.struct.field("type").alias("only_type"), first.struct.field("id").alias("only_id")
        )
    return rows.drop(dropped)
