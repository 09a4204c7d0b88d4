"""The log of the selected cases, part by part, as every export reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse, load_query

PART_ROWS = 50_000
"""Events per part, object values and links per part of these: what bounds the memory of an export."""

CASES_AT_ONCE = 1_000
"""Cases that are looked up together."""

Progress = Callable[[int, int], None]
"""Called with the cases (or other pieces) that are done and all there are."""


def _sql(name: str) -> Query:
    return load_query(str(Path(__file__).parent), name)  # ingest/sql, as for the modules of ingest


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote: distinct cases and events, and its files."""

    cases: int
    events: int
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Some cases with all their events.

    `events`: EVENT_FRAME with `case`, `source` and `repeats`; one row per case and event, cases by id, events in case
    order. `repeats`: the event was given before, with another case. `attributes`: one row per case and attribute
    (case, attribute, value as JSON), by case and attribute.
    """

    events: pl.DataFrame
    attributes: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Scope:
    """Which log: a process of a tenant, and the query parameters of a case filter (those of `selected_cases`).

    `stores`: the filter selects cases of these alone (None: of all), and the export must name no other case: an event
    that is of several cases, and an object that is a case, tell of them otherwise.
    """

    warehouse: Warehouse
    tenant: str
    definition: ProcessDefinition
    filter: Mapping[str, Any]
    part_rows: int = PART_ROWS
    stores: frozenset[str] | None = None

    @property
    def own_type(self) -> bool:
        """Whether the case notion is the one that a load makes for logs with one case per event."""
        return self.definition.object_type == f"case:{self.definition.id}"

    def parts(self, progress: Progress | None = None) -> Iterator[Part]:
        """The selected cases with their events, by case id."""
        scope = self._parameters()
        cuts = self.warehouse.query(_sql("export_parts"), scope | {"rows": self.part_rows})
        total, done, after = int(cuts["cases"].sum()), 0, ""
        written: set[str] = set()
        for upto, cases in cuts.select("upto", "cases").iter_rows():
            bounds = scope | {"after": after, "upto": upto}
            frame = self.warehouse.query(_sql("export_events"), bounds)
            attributes = self.warehouse.query(_sql("export_case_attributes"), bounds)
            own = (pl.col(name).cast(dtype) for name, dtype in EVENT_FRAME.items())
            events = self._without_others(frame.select("event_id", "case", "source", *own))
            yield Part(self._repeats(events, written), attributes)
            after, done = upto, done + cases
            if progress is not None:
                progress(done, total)

    def objects(self, progress: Progress | None = None) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """The objects that the events of the selected cases touch: rows of OBJECT_FRAME, and of LINK_FRAME for the
        links from them to others of them."""
        scope = self._parameters()
        cuts = self.warehouse.query(_sql("export_object_parts"), scope | {"rows": self.part_rows})
        after_type, after = "", ""
        for done, (upto_type, upto) in enumerate(cuts.select("upto_type", "upto").iter_rows(), start=1):
            bounds = scope | {"after_type": after_type, "after": after, "upto_type": upto_type, "upto": upto}
            objects = self.warehouse.query(_sql("export_objects"), bounds)
            links = self.warehouse.query(_sql("export_links"), bounds)
            yield (
                self._told(objects.select(pl.col(name).cast(dtype) for name, dtype in OBJECT_FRAME.items()), ""),
                self._told(links.select(pl.col(n).cast(dtype) for n, dtype in LINK_FRAME.items()), "from_", "to_"),
            )
            after_type, after = upto_type, upto
            if progress is not None:
                progress(done, cuts.height)

    def _parameters(self) -> dict[str, Any]:
        definition = self.definition
        return {
            **self.filter,
            "tenant": self.tenant,
            "process": definition.id,
            "object_type": definition.object_type,
            "activities": list(definition.activities),
            "lifecycles": list(definition.lifecycles),
            "ranks": list(definition.order),
        }

    def _without_others(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events, naming no case of other stores."""
        if self.stores is None:
            return events
        named = events.select(pl.col("objects").explode()).unnest("objects")
        others = self._others(named.filter(pl.col("type") == self.definition.object_type)["id"])
        field = pl.element().struct.field
        told = (field("type") != self.definition.object_type) | ~field("id").is_in(others)
        return events.with_columns(pl.col("objects").list.eval(pl.element().filter(told)))

    def _told(self, rows: pl.DataFrame, *ends: str) -> pl.DataFrame:
        """The rows about objects, without those about cases of other stores; `ends`: what is before `type` and `id` in
        the names of their columns."""
        if self.stores is None:
            return rows
        for end in ends:
            case = pl.col(f"{end}type") == self.definition.object_type
            others = self._others(rows.filter(case)[f"{end}id"])
            rows = rows.filter(~(case & pl.col(f"{end}id").is_in(others)))
        return rows

    def _others(self, cases: pl.Series) -> list[str]:
        """Those of the cases that are of other stores, or of none."""
        asked = cases.unique(maintain_order=True)
        own: set[str] = set()
        for first in range(0, len(asked), CASES_AT_ONCE):
            parameters = {
                "tenant": self.tenant,
                "process": self.definition.id,
                "store": self.definition.store or "",
                "stores": sorted(self.stores or ()),
                "cases": asked[first : first + CASES_AT_ONCE].to_list(),
            }
            own.update(self.warehouse.query(_sql("cases_of_stores"), parameters)["case_id"])
        return [case for case in asked if case not in own]

    def _repeats(self, events: pl.DataFrame, written: set[str]) -> pl.DataFrame:
        """The events with `repeats`. Events that later cases may share wait in `written`; most logs have none."""
        own = pl.element().struct.field("type") == self.definition.object_type
        cases = pl.col("objects").list.eval(pl.element().struct.field("id").filter(own))
        bounds = events.select("event_id", "case", first=cases.list.min(), last=cases.list.max()).with_row_index("row")
        repeated = []
        for row, event_id, case, _, last in bounds.filter(pl.col("first") != pl.col("last")).iter_rows():
            if event_id in written:
                repeated.append(row)
            if last > case:
                written.add(event_id)
            else:
                written.discard(event_id)
        return events.drop("event_id").with_columns(pl.int_range(pl.len()).is_in(repeated).alias("repeats"))
