"""Storing one load step: stage, insert what is missing, relate, verify, mark.

Nothing here depends on having been run once: a step that was killed at any point is finished by `repair`, and
the same rows offered again add nothing. The mark comes last: what a batch without it has left is made anew.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polars as pl

from ingest.erasing.counting import erased_count
from ingest.staging import ErasedMeanwhile, Origin, Step, staged
from kernel.clock import Clock
from kernel.errors import InputError, WarehouseError
from kernel.warehouse import Query, Warehouse, load_query, parquet

__all__ = ["EventStore", "Origin", "Stored"]

NAMES_AT_ONCE = 2_000
INTERRUPTED = timedelta(minutes=2)
"""How long ago a step was begun that is taken for interrupted, where another process may have begun it."""
SPREAD = 1_000
"""Numbers of batches of which one is drawn, where the clock is behind."""
PATIENCE_S, PAUSE_S = 60.0, 0.05
"""How long statements are waited for that the one before may have left behind, and how often they are looked for."""


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a step changed: events added, and events that are now stored with two contents."""

    stored: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Held:
    """A batch that is being stored, and by whom: each who begins or repairs one has a number of its own. Statements for
    one that another has taken over store nothing (`held_batch` in the schema)."""

    origin: Origin
    batch: int
    holder: int

    def scope(self, *, newest: bool = False) -> dict[str, Any]:
        """What the statements of the batch are told. `newest`: a later batch of the same load takes it over too."""
        load_id = self.origin.load_id if newest else ""
        return {"tenant": self.origin.tenant, "batch": self.batch, "holder": self.holder, "load_id": load_id}


class EventStore:
    """The writing side of the event tables. One step at a time per process."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse, self._clock = warehouse, clock
        self._known_names: dict[tuple[str, str], set[str]] = {}

    def repair(self, tenant: str, load_id: str = "") -> int:
        """Finish the steps that were interrupted; how many there were. Where other processes may be storing steps, the
        open ones of the load, and any that was begun more than INTERRUPTED ago. One that goes on all the same stores
        nothing more."""
        with self._warehouse.writing():  # of two that repair at once, the second finds nothing to do
            now = self._clock.now()
            stale = {"before": now - timedelta(days=1)}
            for name in self._warehouse.read_for_write(_sql("abandoned_incoming"), stale)["name"]:
                self._warehouse.command(_sql("end_incoming"), {"table": name})
            scope = {
                "tenant": tenant,
                "load_id": load_id,
                "before": now - INTERRUPTED,
                "all": int(self._warehouse.is_alone),
            }
            open_batches = self._warehouse.read_for_write(_sql("open_batches"), scope).to_dicts()
            taken = [self._begun(Origin(tenant, row["source"], row["load_id"]), row["batch"]) for row in open_batches]
            if taken:
                self._let_others_end()
            for held in taken:
                self._warehouse.delete(_sql("clear_event_objects"), held.scope())
                self._relate(held)
        return len(taken)

    def _let_others_end(self) -> None:
        """Wait for statements that were begun before now: one whose process is dead goes on in the server, and stores
        for a step that it found to be held."""
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            if not self._warehouse.read_for_write(_sql("statements_under_way"), {"seconds": waited}).item():
                return
            if waited > PATIENCE_S:
                raise WarehouseError("statements of a load step that was taken over are under way still")
            time.sleep(PAUSE_S)

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
            if step.erased != erased_count(self._warehouse, origin.tenant):
                raise ErasedMeanwhile
            self._store_names(origin.tenant, step.names)
            held = self._begun(origin, self._next_batch())
            if not step.objects.is_empty():
                renamed = step.objects.rename({"type": "object_type", "id": "object_id"})
                self._append("object_attributes", held, renamed)
            if not step.links.is_empty():
                self._append("object_links", held, step.links)
            alone = step.rows > 0 and self._store_events(held, step, own)
            stored = self._marked(held, step.rows, 0) if alone else self._relate(held)
            self._warehouse.release_memory()
            return stored

    def begin(self, origin: Origin) -> Held:
        """Record that a step is begun which somebody else stores."""
        return self._begun(origin, self._next_batch())

    def end(self, held: Held, *, conflicts: int) -> None:
        """Record that all of it is stored. `conflicts`: how much it changed of what was stored before."""
        self._mark(held, state=1, conflicts=conflicts)

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
        """Batches are numbered by the microsecond they began, and always upwards: where the clock is behind, by chance,
        so that two processes that ask at once hardly ever have one number. Then the second takes the batch over, and
        the first says that its events are missing."""
        last = int(self._warehouse.read_for_write(_sql("last_batch")).item())
        return max(last + 1 + secrets.randbelow(SPREAD), int(self._clock.now().timestamp() * 1_000_000))

    def _store_events(self, held: Held, step: Step, own: int | None) -> bool:
        """Store what is not stored yet, and see that it is. Whether all of it was new and no other copy counts: then
        its relations are stored too."""
        table, origin = f"incoming_{uuid4().hex}", held.origin
        scope = held.scope(newest=True) | {"table": table}
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
            raise WarehouseError(
                f"{missing} events of a load step are not in the warehouse after their insert; another process may "
                "have taken the step over"
            )
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

    def _append(self, table: str, held: Held, frame: pl.DataFrame) -> None:
        columns = {"tenant": held.origin.tenant, "source": held.origin.source}
        frame = frame.with_columns(  # rows may name their source themselves
            *(pl.lit(value).alias(name) for name, value in columns.items() if name not in frame.columns),
            pl.lit(held.batch, dtype=pl.UInt64).alias("batch"),
        )
        if "changed_at" in frame.columns:
            epoch = pl.lit(0).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            frame = frame.with_columns(pl.col("changed_at").fill_null(epoch))
        self._warehouse.insert_parquet(table, parquet(frame))

    def _relate(self, held: Held) -> Stored:
        """Everything that follows from the stored events of a batch, and its mark."""
        scope = held.scope()
        outcome = self._warehouse.read_for_write(_sql("batch_outcome"), scope).row(0, named=True)
        here = scope | {"table": "events", "held_batch": held.batch, "contested": outcome["contested"]}
        if outcome["contested"] or outcome["repeated"]:
            if outcome["contested"]:
                self._warehouse.delete(_sql("clear_losing_relations"), scope)
            self._warehouse.command(_sql("store_winning_event_objects"), scope)
        elif outcome["stored"]:
            self._warehouse.command(_sql("store_event_objects"), here)
        self._warehouse.command(_sql("store_touched_objects"), here)
        return self._marked(held, outcome["stored"], outcome["conflicts"])

    def _begun(self, origin: Origin, batch: int) -> Held:
        """Record a batch as begun, or as in these hands from now on."""
        held = Held(origin, batch, secrets.randbits(63))
        self._mark(held, state=0)
        return held

    def _marked(self, held: Held, stored: int, conflicts: int) -> Stored:
        self._mark(held, state=1, stored=stored, conflicts=conflicts)
        return Stored(stored, conflicts)

    def _mark(self, held: Held, *, state: int, stored: int = 0, conflicts: int = 0) -> None:
        more = {"state": state, "stored": stored, "conflicts": conflicts, "stored_at": self._clock.now()}
        named = {"load_id": held.origin.load_id, "source": held.origin.source}
        self._warehouse.command(_sql("mark_batch"), held.scope() | named | more)
