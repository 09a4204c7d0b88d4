"""What the sources of processes have told: up to when, and whether any of it while it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.watermarks import watermarks
from kernel.warehouse import load_query
from mining.view import ProcessView


@dataclass(frozen=True, slots=True)
class Completeness:
    """Up to when the events of a process are there: until the last event of the source that told last the longest ago
    (`source`); None and "" where no source has told any."""

    until: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the sources of one process have told. `live`: whether any sent an event while it happened. `complete`: up to
    when the events of all are there."""

    live: bool
    complete: Completeness


NOTHING = Told(live=False, complete=Completeness(None, ""))


def told(views: Sequence[ProcessView]) -> dict[str, Told]:
    """What the sources of these processes have told, by process; all of one tenant. Two questions whatever their
    number; reads three columns of the events of all their sources, each once."""
    if not views:
        return {}
    warehouse, tenant = views[0].warehouse, views[0].tenant
    scope = {"tenant": tenant, "processes": [view.definition.id for view in views]}
    sources: dict[str, list[str]] = {}
    for process, source in warehouse.query(load_query(__file__, "process_sources"), scope).iter_rows():
        sources.setdefault(process, []).append(source)
    known = {source for some in sources.values() for source in some}
    if not known:
        return dict.fromkeys(scope["processes"], NOTHING)
    marks = watermarks(warehouse, tenant, known).select("source", "last_occurred_at", "live")
    last = {source: (at, live) for source, at, live in marks.iter_rows()}

    def of(process: str) -> Told:
        mine = [(*last[source], source) for source in sources.get(process, ()) if source in last]
        if not mine:
            return NOTHING
        until, _, source = min(mine, key=lambda one: (one[0], one[2]))
        return Told(any(live for _, live, _ in mine), Completeness(until, source))

    return {process: of(process) for process in scope["processes"]}


def completeness(view: ProcessView) -> Completeness:
    """Up to when the events of all sources of a process are there."""
    return told([view])[view.definition.id].complete
