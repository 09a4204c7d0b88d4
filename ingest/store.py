"""Storing one load step: stage, insert what is missing, relate, verify, mark.

Nothing here depends on having been run once: a step that was killed at any point is finished by `repair`, and
the same rows offered again add nothing. The mark comes last: what a batch without it has left is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polars as pl

from ingest.staging import ErasedMeanwhile, Origin, Step, staged
from kernel.clock import Clock
from kernel.errors import InputError, WarehouseError
from kernel.warehouse import Query, Warehouse, load_query, parquet

__all__ = ["EventStore", "Origin", "Stored"]

NAMES_AT_ONCE = 2_000


def _sql(name: str) -> Query:
    return load_query(__file__, name)


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
        with self._warehouse.writing():  # of two that repair at once, the second finds nothing to do
            stale = {"before": self._clock.now() - timedelta(days=1)}
            for name in self._warehouse.read_for_write(_sql("abandoned_incoming"), stale)["name"]:
                self._warehouse.command(_sql("end_incoming"), {"table": name})
            open_batches = self._warehouse.read_for_write(_sql("open_batches"), {"tenant": tenant})
            for row in open_batches.to_dicts():
                batch = row["batch"]
                self._warehouse.delete(_sql("clear_event_objects"), {"tenant": tenant, "batch": batch})
                self._relate(Origin(tenant, row["source"], row["load_id"]), batch)
        return open_batches.height

    def store(
        self,
        origin: Origin,
        events: pl.DataFrame,
        occurrence: pl.Series,
        objects: pl.DataFrame,
        links: pl.DataFrame,
    ) -> Stored:
        """Make a step of these frames, as `staged`, and store it at once, as `store_step`."""
        return self.store_step(origin, staged(origin, events, occurrence, objects, links, now=self._clock.now()))

    def store_step(self, origin: Origin, step: Step, *, own: int | None = None) -> Stored:
        """Store one step. Events that are stored already are left alone.

        `own`: how many events of the origin's source the caller has stored, when no event of this step can be one of
        them. A source that holds these and nothing else is not searched for copies: the search costs as much as the
        source is large.

        Raises
        ------
        InputError
            Two names share a key of the dictionary.
        WarehouseError
            ClickHouse refused, or an event is missing after the insert; what was stored is finished by `repair`.
        ErasedMeanwhile
            Not all that is erased was taken out of the step. Nothing of it is stored.
        """
        with self._warehouse.writing():
            if step.erased != self._erased(origin.tenant):
                raise ErasedMeanwhile
            batch = self._next_batch()
            self._store_names(origin.tenant, step.names)
            self._mark(origin, batch, state=0)
            if not step.objects.is_empty():
                renamed = step.objects.rename({"type": "object_type", "id": "object_id"})
                self._append("object_attributes", origin, batch, renamed)
            if not step.links.is_empty():
                self._append("object_links", origin, batch, step.links)
            alone = step.rows > 0 and self._store_events(origin, batch, step, own)
            stored = self._marked(origin, batch, step.rows, 0) if alone else self._relate(origin, batch)
            self._warehouse.release_memory()
            return stored

    def begin(self, origin: Origin) -> int:
        """Record that a step is begun which somebody else stores; its number."""
        batch = self._next_batch()
        self._mark(origin, batch, state=0)
        return batch

    def end(self, origin: Origin, batch: int, *, conflicts: int) -> None:
        """Record that all of it is stored. `conflicts`: how much it changed of what was stored before."""
        self._mark(origin, batch, state=1, conflicts=conflicts)

    def stored_by(self, tenant: str, load_id: str) -> Stored:
        """What the finished steps of a load stored, those of an interrupted run of it included."""
        scope = {"tenant": tenant, "load_id": load_id}
        return Stored(**self._warehouse.read_for_write(_sql("load_totals"), scope).row(0, named=True))

    def changed_types(self, tenant: str, source: str, load_id: str = "") -> frozenset[str]:
        """The object types of what the loads of a source changed, or one of them: those of an event's other copies too,
        from whose objects it may have been taken."""
        scope = {"tenant": tenant, "source": source, "load_id": load_id}
        return frozenset(self._warehouse.read_for_write(_sql("changed_types"), scope)["object_type"])

    def _next_batch(self) -> int:
        """Batches are numbered by the microsecond they began, and always upwards."""
        last = int(self._warehouse.read_for_write(_sql("last_batch")).item())
        return max(last + 1, int(self._clock.now().timestamp() * 1_000_000))

    def _erased(self, tenant: str) -> int:
        """How many subjects are erased. Of an embedded warehouse it is asked once, until this process erases one."""
        found = self._warehouse.erased.get(tenant) if self._warehouse.embedded else None
        if found is None:
            found = int(self._warehouse.read_for_write(_sql("erased_count"), {"tenant": tenant}).item())
            self._warehouse.erased[tenant] = found
        return found

    def _store_events(self, origin: Origin, batch: int, step: Step, own: int | None) -> bool:
        """Store what is not stored yet, and see that it is. Whether all of it was new and no other copy counts: then
        its relations are stored too."""
        table = f"incoming_{uuid4().hex}"
        scope: dict[str, Any] = {"table": table, "tenant": origin.tenant, "batch": batch}
        self._warehouse.command(_sql("begin_incoming"), {"table": table})
        try:
            self._warehouse.insert_parquet(table, step.events, step.columns)
            known = 0
            if own is None or own != self._held(origin) or step.names["source"] != [origin.source]:
                known = int(self._warehouse.read_for_write(_sql("known_events"), scope).item())
            ingested = {"mode": origin.mode, "ingested_at": self._clock.now(), "known": known}
            events = (_sql("store_events"), scope | ingested)
            alone = known == 0 and step.distinct
            if alone:
                here = scope | {"held_batch": 0, "contested": 0}
                names = ("store_event_objects", "store_touched_objects")
                self._warehouse.commands(events, *((_sql(name), here) for name in names))
                missing = step.rows - int(self._warehouse.read_for_write(_sql("events_of_batch"), scope).item())
            else:
                self._warehouse.command(*events)
                missing = int(self._warehouse.read_for_write(_sql("missing_events"), scope).item())
        finally:
            self._warehouse.command(_sql("end_incoming"), {"table": table})
        if missing:
            raise WarehouseError(f"{missing} events of a load step are not in the warehouse after their insert")
        return alone

    def _held(self, origin: Origin) -> int:
        scope = {"tenant": origin.tenant, "source": origin.source}
        return int(self._warehouse.read_for_write(_sql("held_events"), scope).item())

    def _store_names(self, tenant: str, found: Mapping[str, list[str]]) -> None:
        """Names go into the dictionary before anything that refers to them by key."""
        for kind, named in found.items():
            known = self._known_names.setdefault((tenant, kind), set())
            fresh = [name for name in named if name not in known]
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
        frame = frame.with_columns(  # rows may name their source themselves
            *(pl.lit(value).alias(name) for name, value in columns.items() if name not in frame.columns),
            pl.lit(batch, dtype=pl.UInt64).alias("batch"),
        )
        if "changed_at" in frame.columns:
            epoch = pl.lit(0).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            frame = frame.with_columns(pl.col("changed_at").fill_null(epoch))
        self._warehouse.insert_parquet(table, parquet(frame))

    def _relate(self, origin: Origin, batch: int) -> Stored:
        """Everything that follows from the stored events of a batch, and its mark."""
        scope: dict[str, Any] = {"tenant": origin.tenant, "batch": batch}
        outcome = self._warehouse.read_for_write(_sql("batch_outcome"), scope).row(0, named=True)
        here = scope | {"table": "events", "held_batch": batch, "contested": outcome["contested"]}
        if outcome["contested"] or outcome["repeated"]:
            if outcome["contested"]:
                self._warehouse.delete(_sql("clear_losing_relations"), scope)
            self._warehouse.command(_sql("store_winning_event_objects"), scope)
        elif outcome["stored"]:
            self._warehouse.command(_sql("store_event_objects"), here)
        self._warehouse.command(_sql("store_touched_objects"), here)
        return self._marked(origin, batch, outcome["stored"], outcome["conflicts"])

    def _marked(self, origin: Origin, batch: int, stored: int, conflicts: int) -> Stored:
        self._mark(origin, batch, state=1, stored=stored, conflicts=conflicts)
        return Stored(stored, conflicts)

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
