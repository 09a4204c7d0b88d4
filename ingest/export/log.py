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
    """Which log: a process of a tenant, and the query parameters of a case filter (those of `selected_cases`)."""

    warehouse: Warehouse
    tenant: str
    definition: ProcessDefinition
    filter: Mapping[str, Any]
    part_rows: int = PART_ROWS

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
            events = frame.select("event_id", "case", "source", *own)
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
                objects.select(pl.col(name).cast(dtype) for name, dtype in OBJECT_FRAME.items()),
                links.select(pl.col(name).cast(dtype) for name, dtype in LINK_FRAME.items()),
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
