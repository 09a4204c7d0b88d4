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

import polars as pl

from ingest.staging import Origin, Step, staged
from kernel.clock import Clock
from kernel.errors import InputError, WarehouseError
from kernel.warehouse import Query, Warehouse, load_query, parquet

__all__ = ["EventStore", "Origin", "Stored"]

NAMES_AT_ONCE = 2_000

Outcome = Mapping[str, int]
"""What a batch brought, as batch_outcome.sql gives it."""

NOTHING: Outcome = {"stored": 0, "repeated": 0, "contested": 0, "conflicts": 0}


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
        stale = {"before": self._clock.now() - timedelta(days=1)}
        for name in self._warehouse.read_for_write(_sql("abandoned_incoming"), stale)["name"]:
            self._warehouse.command(_sql("end_incoming"), {"table": name})
        open_batches = self._warehouse.read_for_write(_sql("open_batches"), {"tenant": tenant})
        for row in open_batches.to_dicts():
            batch = row["batch"]
            self._warehouse.command(_sql("clear_event_objects"), {"tenant": tenant, "batch": batch})
            self._relate(Origin(tenant, row["source"], row["load_id"]), batch, None, None)
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
        """
        with self._warehouse.writing():
            batch = self._next_batch()
            self._mark(origin, batch, state=0)
            table: str | None = f"incoming_{uuid4().hex}" if step.rows else None
            try:
                brought = NOTHING if table is None else self._store_events(origin, batch, step, table, own)
                if brought is None:  # other copies count too: what follows is read from the stored events
                    self._end(table)
                    table = None
                if not step.objects.is_empty():
                    renamed = step.objects.rename({"type": "object_type", "id": "object_id"})
                    self._append("object_attributes", origin, batch, renamed)
                if not step.links.is_empty():
                    self._append("object_links", origin, batch, step.links)
                stored = self._relate(origin, batch, brought, table)
            finally:
                self._end(table)
            self._warehouse.release_memory()
            return stored

    def _end(self, table: str | None) -> None:
        if table is not None:
            self._warehouse.command(_sql("end_incoming"), {"table": table})

    def _next_batch(self) -> int:
        """Batches are numbered by the microsecond they began, and always upwards."""
        last = int(self._warehouse.read_for_write(_sql("last_batch")).item())
        return max(last + 1, int(self._clock.now().timestamp() * 1_000_000))

    def _store_events(self, origin: Origin, batch: int, step: Step, table: str, own: int | None) -> Outcome | None:
        """Store what is not stored yet, and see that it is. What the batch brought, where all of it was new."""
        self._store_names(origin.tenant, step.names)
        scope: dict[str, Any] = {"table": table, "tenant": origin.tenant}
        self._warehouse.command(_sql("begin_incoming"), {"table": table})
        self._warehouse.insert_parquet(table, step.events, step.columns)
        known = 0
        if own is None or own != self._held(origin) or step.names["source"] != [origin.source]:
            known = int(self._warehouse.read_for_write(_sql("known_events"), scope).item())
        ingested = {"batch": batch, "mode": origin.mode, "ingested_at": self._clock.now()}
        self._warehouse.command(_sql("store_events"), scope | ingested | {"known": known})
        brought: Outcome | None = None
        if known == 0 and step.distinct:
            brought = self._outcome(_sql("batch_of_new_events"), {"tenant": origin.tenant, "batch": batch})
            missing = step.rows - brought["stored"]
        else:
            missing = int(self._warehouse.read_for_write(_sql("missing_events"), scope).item())
        if missing:
            raise WarehouseError(f"{missing} events of a load step are not in the warehouse after their insert")
        return brought

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
        frame = frame.with_columns(
            *(pl.lit(value).alias(name) for name, value in columns.items()),
            pl.lit(batch, dtype=pl.UInt64).alias("batch"),
        )
        if "changed_at" in frame.columns:
            epoch = pl.lit(0).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            frame = frame.with_columns(pl.col("changed_at").fill_null(epoch))
        self._warehouse.insert_parquet(table, parquet(frame))

    def _relate(self, origin: Origin, batch: int, brought: Outcome | None, table: str | None) -> Stored:
        """Everything that follows from the stored events of a batch, and its mark. `brought` is its outcome, if that
        is known because all its events were new; then `table` holds just those events, and nobody else's copies."""
        scope: dict[str, Any] = {"tenant": origin.tenant, "batch": batch}
        outcome = brought or self._outcome(_sql("batch_outcome"), scope)
        here: dict[str, Any] = {"table": "events", "held_batch": batch}
        if brought is not None and table is not None:
            here = {"table": table, "held_batch": 0}
        if outcome["contested"] or outcome["repeated"]:
            if outcome["contested"]:
                self._warehouse.command(_sql("clear_losing_relations"), scope)
            self._warehouse.command(_sql("store_winning_event_objects"), scope)
        elif outcome["stored"]:
            self._warehouse.command(_sql("store_event_objects"), scope | here)
        self._warehouse.command(_sql("store_touched_objects"), scope | here | {"contested": outcome["contested"]})
        counts = {"stored": outcome["stored"], "conflicts": outcome["conflicts"]}
        self._mark(origin, batch, state=1, **counts)
        return Stored(**counts)

    def _outcome(self, question: Query, scope: Mapping[str, Any]) -> Outcome:
        return self._warehouse.read_for_write(question, scope).row(0, named=True)

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
