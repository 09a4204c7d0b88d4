"""Storing one load step: stage, insert what is missing, relate, verify, mark.

Nothing here depends on having been run once: a step that was killed at any point is finished by `repair`, and
the same rows offered again add nothing. Events come first, then what is derived from them, and the mark last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import polars as pl

from kernel.clock import Clock
from kernel.errors import InputError, WarehouseError
from kernel.events import EVENT_FRAME
from kernel.warehouse import Query, Warehouse, load_query, parquet

NAMES_AT_ONCE = 2_000
_MICROSECOND = timedelta(microseconds=1)


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the events of a step come from."""

    tenant: str
    source: str
    load_id: str  # 32 hex digits
    mode: str = "backfill"  # or "live"
    zone: ZoneInfo | None = None  # in which business dates are days; None: UTC


@dataclass(frozen=True, slots=True)
class Stored:
    """What a step changed: events added, and events that are now stored with two contents."""

    stored: int
    conflicts: int


class EventStore:
    """The writing side of the event tables. One step at a time per process."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse, self._clock = warehouse, clock
        self._known_names: dict[tuple[str, str], set[str]] = {}

    def repair(self, tenant: str) -> int:
        """Finish the steps that were interrupted; how many there were."""
        stale = {"before": self._clock.now() - timedelta(days=1)}
        for name in self._warehouse.read_for_write(_sql("abandoned_incoming"), stale)["name"]:
            self._warehouse.command(_sql("end_incoming"), {"table": name})
        open_batches = self._warehouse.read_for_write(_sql("open_batches"), {"tenant": tenant})
        for row in open_batches.to_dicts():
            batch = row["batch"]
            self._warehouse.command(_sql("clear_event_objects"), {"tenant": tenant, "batch": batch})
            self._relate(Origin(tenant, row["source"], row["load_id"]), batch, all_new=False)
        return open_batches.height

    def store(
        self,
        origin: Origin,
        events: pl.DataFrame,
        occurrence: pl.Series,
        objects: pl.DataFrame,
        links: pl.DataFrame,
    ) -> Stored:
        """Store the events of EVENT_FRAME (an extra `source` column overrides the origin's), the object attributes
        and the links. Events that are stored already are left alone.

        Raises
        ------
        InputError
            Two names share a key of the dictionary.
        WarehouseError
            ClickHouse refused, or an event is missing after the insert; what was stored is finished by `repair`.
        """
        with self._warehouse.writing():
            batch = self._next_batch()
            self._mark(origin, batch, state=0)
            all_new = events.is_empty() or self._store_events(origin, batch, events, occurrence)
            if not objects.is_empty():
                self._append(
                    "object_attributes",
                    origin,
                    batch,
                    objects.rename({"type": "object_type", "id": "object_id"}),
                )
            if not links.is_empty():
                self._append("object_links", origin, batch, links)
            outcome = self._relate(origin, batch, all_new=all_new)
            self._warehouse.release_memory()
            return outcome

    def _next_batch(self) -> int:
        """Batches are numbered by the microsecond they began, and always upwards."""
        last = int(self._warehouse.read_for_write(_sql("last_batch")).item())
        return max(last + 1, int(self._clock.now().timestamp() * 1_000_000))

    def _store_events(self, origin: Origin, batch: int, events: pl.DataFrame, occurrence: pl.Series) -> bool:
        """Store what is not stored yet, and see that it is; whether all of it was new."""
        now = self._clock.now()
        source = pl.col("source") if "source" in events.columns else pl.lit(origin.source)
        staged = events.with_columns(
            pl.lit(origin.tenant).alias("tenant"),
            source.alias("source"),
            _order_at(origin.zone).alias("order_at"),
            pl.col("seen_at").fill_null(now),
            # An event without an id of its own is its content: it has copies, and they have no revisions.
            pl.when(pl.col("source_event_id") == "").then(0).otherwise("revision").cast(pl.UInt64).alias("revision"),
            pl.when(pl.col("source_event_id") == "").then(occurrence).otherwise(0).cast(pl.UInt64).alias("occurrence"),
        ).select("tenant", "source", "order_at", "occurrence", *EVENT_FRAME)
        if (staged["source_event_id"] != "").any():
            staged = staged.sort("sequence", maintain_order=True).unique(
                [name for name in staged.columns if name not in ("seen_at", "sequence")],
                keep="first",
                maintain_order=True,
            )
        self._store_names(origin.tenant, staged)
        table = f"incoming_{uuid4().hex}"
        parameters: dict[str, Any] = {"table": table, "tenant": origin.tenant}
        self._warehouse.command(_sql("begin_incoming"), {"table": table})
        try:
            self._warehouse.insert_parquet(table, parquet(_slim(staged)))
            known = int(self._warehouse.read_for_write(_sql("known_events"), parameters).item())
            all_new = known == 0
            self._warehouse.command(
                _sql("store_events"),
                parameters | {"batch": batch, "mode": origin.mode, "ingested_at": now},
            )
            if all_new and (staged["source_event_id"] == "").all():
                scope = {"tenant": origin.tenant, "batch": batch}
                stored = self._warehouse.read_for_write(_sql("batch_of_new_events"), scope).item(0, "stored")
                missing = staged.height - stored
            else:
                missing, all_new = self._warehouse.read_for_write(_sql("missing_events"), parameters).item(), False
            if missing:
                raise WarehouseError(f"{missing} events of a load step are not in the warehouse after their insert")
            return all_new
        finally:
            self._warehouse.command(_sql("end_incoming"), {"table": table})

    def _store_names(self, tenant: str, staged: pl.DataFrame) -> None:
        """Names go into the dictionary before anything that refers to them by key."""
        for kind in ("activity", "source", "actor"):
            known = self._known_names.setdefault((tenant, kind), set())
            fresh = [name for name in staged[kind].unique() if name and name not in known]
            for start in range(0, len(fresh), NAMES_AT_ONCE):
                names = fresh[start : start + NAMES_AT_ONCE]
                scope: dict[str, Any] = {"tenant": tenant, "kind": kind, "names": names}
                collisions = self._warehouse.read_for_write(_sql("name_collisions"), scope)
                if not collisions.is_empty():
                    one, other = collisions.item(0, "names")[:2]
                    raise InputError(
                        f"the {kind} names {one!r} and {other!r} share one key of the dictionary; "
                        "rename one of them in the mapping"
                    )
                self._warehouse.command(_sql("store_names"), scope)
            known.update(fresh)

    def _append(self, table: str, origin: Origin, batch: int, frame: pl.DataFrame) -> None:
        columns = {"tenant": origin.tenant, "source": origin.source}
        frame = frame.with_columns(
            *(pl.lit(value).alias(name) for name, value in columns.items()),
            pl.lit(batch, dtype=pl.UInt64).alias("batch"),
        )
        if "changed_at" in frame.columns:
            epoch = pl.lit(0).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            frame = frame.with_columns(pl.col("changed_at").fill_null(epoch))
        self._warehouse.insert_parquet(table, parquet(frame))

    def _relate(self, origin: Origin, batch: int, *, all_new: bool) -> Stored:
        """Everything that follows from the stored events of a batch, and its mark."""
        scope: dict[str, Any] = {"tenant": origin.tenant, "batch": batch}
        question = _sql("batch_of_new_events" if all_new else "batch_outcome")
        outcome: Mapping[str, int] = self._warehouse.read_for_write(question, scope).row(0, named=True)
        if outcome["contested"] or outcome["repeated"]:
            if outcome["contested"]:
                self._warehouse.command(_sql("clear_losing_relations"), scope)
            self._warehouse.command(_sql("store_winning_event_objects"), scope)
        elif outcome["stored"]:
            self._warehouse.command(_sql("store_event_objects"), scope)
        self._warehouse.command(_sql("store_touched_objects"), scope | {"contested": outcome["contested"]})
        counts = {"stored": outcome["stored"], "conflicts": outcome["conflicts"]}
        self._mark(origin, batch, state=1, **counts)
        return Stored(**counts)

    def _mark(self, origin: Origin, batch: int, *, state: int, stored: int = 0, conflicts: int = 0) -> None:
        self._warehouse.command(
            _sql("mark_batch"),
            {
                "tenant": origin.tenant,
                "batch": batch,
                "state": state,
                "load_id": origin.load_id,
                "source": origin.source,
                "stored": stored,
                "conflicts": conflicts,
                "stored_at": self._clock.now(),
            },
        )


def _order_at(zone: ZoneInfo | None) -> pl.Expr:
    """The instant an event is ordered by: its own, or the last microsecond of the day for a business date."""
    name = zone.key if zone is not None else "UTC"
    midnight_after = pl.col("occurred_at").dt.convert_time_zone(name).dt.offset_by("1d").dt.convert_time_zone("UTC")
    end = (midnight_after - _MICROSECOND).cast(EVENT_FRAME["occurred_at"])
    return pl.when(pl.col("precision") == "day").then(end).otherwise(pl.col("occurred_at"))


def _slim(staged: pl.DataFrame) -> pl.DataFrame:
    """The columns that say something: defaults are filled in by the warehouse, single objects are sent flat."""
    defaults: dict[str, Any] = {"time_kind": "happened", "attributes": "{}", "revision": 0, "occurrence": 0}
    dropped = []
    for name, dtype in staged.schema.items():
        column = staged[name]
        if name == "objects" or name in ("tenant", "source", "sequence"):
            continue
        usual = defaults.get(name, "" if dtype == pl.String else None)
        if column.null_count() == column.len() or (usual is not None and (column == usual).all()):
            dropped.append(name)
    first = staged["objects"].list.first()
    single = (staged["objects"].list.len() == 1).all() and (first.struct.field("qualifier") == "").all()
    if single and (first.struct.field("id") != "").all():
        dropped.append("objects")
        staged = staged.with_columns(
            first.struct.field("type").alias("only_type"), first.struct.field("id").alias("only_id")
        )
    return staged.drop(dropped)
