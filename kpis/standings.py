"""How all promises stand that whoever asks may read about: what the overview shows, on every surface alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ingest.watermarks import watermarks
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.promise import Promise
from kernel.warehouse import load_query
from kpis.as_of import as_of
from kpis.sla import SlaSummary, sla_summary
from mining.view import ProcessView, Views


@dataclass(frozen=True, slots=True)
class Completeness:
    """Up to when the events of a process are there: until the last event of the source that told last the longest ago
    (`source`); None and "" where no source has told any."""

    until: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One promise of one process as it stands now."""

    process: ProcessDefinition
    promise: Promise
    summary: SlaSummary
    complete: Completeness


def standings(views: Views, clock: Clock, process: str = "") -> list[Standing]:
    """Every promise of every process that whoever asks may read, or of one, by process and in the order of its
    promises. Each process is judged at its own now (`kpis.as_of`)."""
    found = []
    for definition in views.all():
        if not definition.promises or process not in ("", definition.id):
            continue
        view = views.view(definition.id)
        now, complete = as_of(view, clock), completeness(view)
        found += [
            Standing(definition, promise, sla_summary(view, promise.name, now), complete)
            for promise in definition.promises
        ]
    return found


def completeness(view: ProcessView) -> Completeness:
    """Up to when the events of all sources of a process are there."""
    known = view.warehouse.query(load_query(__file__, "process_sources"), view.scope)["source"].to_list()
    if not known:
        return Completeness(None, "")
    told = watermarks(view.warehouse, view.tenant, known).select("source", "last_occurred_at")
    oldest = told.sort("last_occurred_at", "source").filter(pl.col("last_occurred_at").is_not_null())
    if oldest.is_empty():
        return Completeness(None, "")
    source, until = oldest.row(0)
    return Completeness(until, source)
